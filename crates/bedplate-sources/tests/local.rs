//! Images that are files and directories of the build machine.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use bedplate_formats::compression::{Compression, Limits};
use bedplate_sources::ErrorKind;
use bedplate_sys::tool::Tool;
use bedplate_types::{Blob, Digest};
use insta::assert_snapshot;
use serde_json::json;
use support::*;

fn two_layers() -> Vec<Vec<u8>> {
    vec![
        layer(&[("etc/hosts", "127.0.0.1 localhost\n")]),
        layer(&[("bin/web", "#!/bin/sh\n")]),
    ]
}

#[test]
fn a_layout_is_read_with_its_config() {
    let bench = Bench::new();
    let layout = Layout::new(&bench.path().join("web"));
    let image = layout.image("amd64", &two_layers());
    layout.name("v1", image);
    let image = bench.resolve("oci:web").unwrap();
    assert_eq!(image, bench.resolve("oci:web:v1").unwrap());
    assert_eq!(image.config.entrypoint.as_deref().unwrap(), ["/bin/web"]);
    assert_eq!(image.config.cmd, None);
    assert_eq!(image.config.labels["org.mobyproject.config"], "{}");
    assert!(bench.store.contains(&image.manifest.unwrap().cast()));
    assert_snapshot!(bench.listing(&image), @r"
    0755 0/0 //
    0755 0/0 /etc/
    0644 0/0 /etc/hosts 20 bytes
    0755 0/0 //
    0755 0/0 /bin/
    0644 0/0 /bin/web 10 bytes
    ");
}

#[test]
fn the_architecture_is_chosen_through_nested_indexes() {
    let bench = Bench::new();
    let layout = Layout::new(&bench.path().join("web"));
    let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        layout.image("arm64", &[layer(&[("arm", "")])]),
        layout.image("amd64", &[layer(&[("amd", "")])]),
    ]});
    let inner = layout.blob(inner.to_string().as_bytes(), INDEX);
    layout.name("v1", inner);
    assert!(
        bench
            .listing(&bench.resolve("oci:web").unwrap())
            .contains("/amd")
    );
    let mut options = bench.options();
    options.arch = bedplate_types::Arch::Riscv64;
    let error = bench.resolve_with("oci:web", options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_snapshot!(chain(&error), @"cannot get image `oci:web`: it has no variant for linux/riscv64, only for linux/arm64, linux/amd64");
}

#[test]
fn a_layout_of_several_images_wants_a_name() {
    let bench = Bench::new();
    let layout = Layout::new(&bench.path().join("web"));
    let (one, two) = (
        layout.image("amd64", &two_layers()),
        layout.image("amd64", &[layer(&[])]),
    );
    layout.name("v1", one).name("v2", two);
    assert_eq!(bench.resolve("oci:web:v2").unwrap().layers.len(), 1);
    assert_snapshot!(chain(&bench.resolve("oci:web").unwrap_err()), @r"
    cannot get image `oci:web`: it holds several images: v1, v2
    hint: add the name of one after a colon
    ");
    assert_snapshot!(chain(&bench.resolve("oci:web:v3").unwrap_err()), @"cannot get image `oci:web:v3`: it holds no image called `v3`, only v1, v2");
}

#[test]
fn layers_may_be_compressed_in_any_way() {
    let bench = Bench::new();
    let layout = Layout::new(&bench.path().join("web"));
    let layers = two_layers();
    let blobs = [
        layout.blob(
            &compress(&layers[0], Compression::Zstd),
            "application/vnd.oci.image.layer.v1.tar+zstd",
        ),
        layout.blob(&layers[1], "application/vnd.oci.image.layer.v1.tar"),
    ];
    let diff_ids: Vec<Digest<Blob>> = layers.iter().map(|layer| sha256(layer)).collect();
    let image = layout.image_of("amd64", &blobs, &diff_ids);
    layout.name("v1", image);
    let image = bench.resolve("oci:web").unwrap();
    assert_eq!(
        image
            .layers
            .iter()
            .map(|layer| layer.cast())
            .collect::<Vec<_>>(),
        diff_ids
    );
}

/// An image whose only layer is `blob`, which claims to unpack to `diff_id`.
fn resolve_bad(change: impl Fn(&Layout) -> serde_json::Value) -> (ErrorKind, String) {
    let bench = Bench::new();
    let layout = Layout::new(&bench.path().join("web"));
    let image = change(&layout);
    layout.name("v1", image);
    let mut options = bench.options();
    options.limits = Limits {
        output: 1 << 20,
        ..Limits::default()
    };
    let error = bench.resolve_with("oci:web", options).unwrap_err();
    assert_eq!(
        fs::read_dir(bench.store.dir().join("tmp")).unwrap().count(),
        0
    );
    (
        error.kind(),
        chain(&error).replace(bench.path().to_str().unwrap(), "DIR"),
    )
}

#[test]
fn an_image_is_kept_and_removed_whole() {
    let mut bench = Bench::new();
    let layout = Layout::new(&bench.path().join("web"));
    let image = layout.image("amd64", &two_layers());
    layout.name("v1", image);
    bench.resolve("oci:web").unwrap();
    let entries = bench.store.ls().unwrap();
    assert_eq!(entries.len(), 1, "{entries:?}");
    let name = format!("oci:{}", bench.path().join("web").display());
    assert_eq!(entries[0].name, format!("{name} linux/amd64"));
    // Two layers, the manifest and the configuration; refs of the image and of its layers.
    assert_eq!(bench.store.rm(&name).unwrap().removed, 4 + 3);
    assert!(bench.store.ls().unwrap().is_empty());
    bench.resolve("oci:web").unwrap();
}

#[test]
fn a_damaged_layer_is_refused() {
    let (kind, text) = resolve_bad(|layout| {
        let good = layer(&[("a", "b")]);
        let blob = layout.blob(&compress(&good, Compression::Gzip), GZIP);
        let path = layout
            .dir
            .join("blobs/sha256")
            .join(&blob["digest"].as_str().unwrap()[7..]);
        let mut bytes = fs::read(&path).unwrap();
        bytes[30] ^= 0xff;
        fs::write(path, bytes).unwrap();
        layout.image_of("amd64", &[blob], &[sha256(&good)])
    });
    assert_eq!(kind, ErrorKind::Integrity);
    assert!(
        text.contains("layer 1 (sha256:") && text.contains(": it has digest sha256:"),
        "{text}"
    );
}

#[test]
fn a_truncated_layer_is_refused() {
    let (kind, text) = resolve_bad(|layout| {
        let good = layer(&[("a", "b")]);
        let blob = layout.blob(&compress(&good, Compression::Gzip), GZIP);
        let path = layout
            .dir
            .join("blobs/sha256")
            .join(&blob["digest"].as_str().unwrap()[7..]);
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(40)
            .unwrap();
        layout.image_of("amd64", &[blob], &[sha256(&good)])
    });
    assert_eq!(kind, ErrorKind::Integrity);
    assert!(text.contains("it has only 40 of "), "{text}");
}

#[test]
fn a_layer_that_unpacks_to_something_else_is_refused() {
    let (kind, text) = resolve_bad(|layout| {
        let blob = layout.blob(&compress(&layer(&[("a", "b")]), Compression::Gzip), GZIP);
        layout.image_of("amd64", &[blob], &[sha256(b"else")])
    });
    assert_eq!(kind, ErrorKind::Integrity);
    assert!(text.contains("unpacked, it has digest"), "{text}");
}

#[test]
fn a_bomb_is_stopped() {
    for how in [Compression::Gzip, Compression::Zstd] {
        let (kind, text) = resolve_bad(|layout| {
            let zeros = vec![0; 64 << 20];
            let blob = layout.blob(&compress(&zeros, how), GZIP);
            layout.image_of("amd64", &[blob], &[sha256(&zeros)])
        });
        assert_eq!(kind, ErrorKind::Integrity);
        assert!(
            text.contains("it unpacks to more than is allowed"),
            "{text}"
        );
    }
}

#[test]
fn unknown_and_foreign_layers_are_refused_by_name() {
    let with = |media_type: &str| {
        resolve_bad(|layout| {
            let good = layer(&[]);
            let blob = layout.blob(&good, media_type);
            layout.image_of("amd64", &[blob], &[sha256(&good)])
        })
    };
    assert_snapshot!(with("application/vnd.example.squashfs").1, @"cannot get image `oci:web`: layer 1 has the unknown media type `application/vnd.example.squashfs`");
    assert_snapshot!(with("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip").1, @"cannot get image `oci:web`: layer 1 is not distributed with the image (`application/vnd.docker.image.rootfs.foreign.diff.tar.gzip`)");
}

#[test]
fn archives_that_skopeo_writes_are_read() {
    let bench = Bench::new();
    let layout = Layout::new(&bench.path().join("web"));
    let image = layout.image("amd64", &two_layers());
    layout.name("v1", image);
    let expected = bench.resolve("oci:web").unwrap();
    for (kind, file) in [
        ("oci-archive", "oci.tar:web:v1"),
        ("docker-archive", "docker.tar:example.test/web:v1"),
    ] {
        Tool::new("skopeo", "skopeo")
            .args(["copy", "--quiet", "--insecure-policy"])
            .arg(format!("oci:{}:v1", bench.path().join("web").display()))
            .arg(format!("{kind}:{}", bench.path().join(file).display()))
            .output()
            .unwrap();
    }
    let gzip = |name: &str| {
        let bytes = fs::read(bench.path().join(name)).unwrap();
        fs::write(
            bench.path().join(format!("{name}.gz")),
            compress(&bytes, Compression::Gzip),
        )
        .unwrap();
    };
    gzip("docker.tar");
    let references = [
        "oci-archive:oci.tar",
        "docker-archive:docker.tar",
        "docker-archive:docker.tar:example.test/web:v1",
        "docker-archive:docker.tar.gz",
    ];
    for reference in references {
        let fresh = bedplate_store::Store::open(&bench.path().join("fresh")).unwrap();
        let sources =
            bedplate_sources::Sources::new(&fresh, bench.options(), &bedplate_types::Silent);
        let image = sources
            .resolve(&request(reference))
            .unwrap_or_else(|e| panic!("{}", chain(&e)));
        assert_eq!(image.layers, expected.layers, "{reference}");
        assert_eq!(image.config, expected.config, "{reference}");
        drop(fresh);
        fs::remove_dir_all(bench.path().join("fresh")).unwrap();
    }
    assert_snapshot!(chain(&bench.resolve("docker-archive:docker.tar:other").unwrap_err()), @"cannot get image `docker-archive:docker.tar:other`: it holds no image called `other`, only example.test/web:v1");
}

#[test]
fn a_directory_becomes_a_root_file_system() {
    let bench = Bench::new();
    let root = bench.path().join("root");
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    fs::write(root.join("usr/bin/su"), "su").unwrap();
    fs::set_permissions(root.join("usr/bin/su"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(root.join("usr/bin/su"), root.join("usr/bin/sg")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let image = bench.resolve("dir:root").unwrap();
    assert_snapshot!(bench.listing(&image), @r"
    0755 0/0 //
    0777 0/0 /bin -> usr/bin
    0755 0/0 /usr/
    0755 0/0 /usr/bin/
    4755 0/0 /usr/bin/sg 2 bytes
    4755 0/0 /usr/bin/su = /usr/bin/sg
    ");
}

#[test]
fn the_same_content_in_another_directory_gives_the_same_layer() {
    let bench = Bench::new();
    let make = |name: &str, text: &str| {
        let root = bench.path().join(name);
        fs::create_dir_all(root.join("b")).unwrap();
        fs::write(root.join("b/x"), text).unwrap();
        fs::write(root.join("a"), "1").unwrap();
    };
    make("one", "text");
    let one = bench.resolve("dir:one").unwrap();
    make("two", "text");
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::open(bench.path().join("two/a"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    assert_eq!(bench.resolve("dir:two").unwrap(), one);
    make("two", "TEXT");
    assert_ne!(bench.resolve("dir:two").unwrap(), one);
}

#[test]
fn a_tar_is_a_root_file_system_however_it_is_compressed() {
    let bench = Bench::new();
    let plain = layer(&[("etc/motd", "hi")]);
    fs::write(bench.path().join("a.tar"), &plain).unwrap();
    fs::write(
        bench.path().join("a.tar.gz"),
        compress(&plain, Compression::Gzip),
    )
    .unwrap();
    fs::write(
        bench.path().join("a.tar.zst"),
        compress(&plain, Compression::Zstd),
    )
    .unwrap();
    let expected: Digest<Blob> = sha256(&plain);
    for name in ["a.tar", "a.tar.gz", "a.tar.zst"] {
        assert_eq!(
            bench.resolve(&format!("tar:{name}")).unwrap().layers,
            [expected.cast()]
        );
    }
}

#[test]
fn what_is_not_there_is_named() {
    let bench = Bench::new();
    fs::create_dir(bench.path().join("empty")).unwrap();
    let text = |reference: &str| {
        chain(&bench.resolve(reference).unwrap_err()).replace(bench.path().to_str().unwrap(), "DIR")
    };
    assert_snapshot!(text("dir:nowhere"), @"cannot get image `dir:nowhere`: `DIR/nowhere` is not a directory");
    assert_snapshot!(text("tar:nowhere"), @r"
    cannot get image `tar:nowhere`: cannot read `DIR/nowhere`
      caused by: No such file or directory (os error 2)
    ");
    assert_snapshot!(text("oci:empty"), @r"
    cannot get image `oci:empty`: `DIR/empty` is not an OCI image layout: it has no `index.json`
    hint: for a directory that is a root file system, write `dir:`
    ");
    assert_snapshot!(text("tar:empty"), @r"
    cannot get image `tar:empty`: `DIR/empty` is a directory
    hint: for a directory that is a root file system, write `dir:`
    ");
}

#[test]
fn all_errors_of_many_requests_are_reported() {
    let bench = Bench::new();
    let requests: Vec<_> = ["dir:c", "tar:b", "oci:a"].map(request).into();
    let sources =
        bedplate_sources::Sources::new(&bench.store, bench.options(), &bedplate_types::Silent);
    assert_eq!(sources.resolve_all(&requests).unwrap_err().len(), 3);
    fs::create_dir(bench.path().join("c")).unwrap();
    let lock = sources.resolve_all(&requests[..1]).unwrap();
    assert!(lock.images.contains_key(&requests[0]));
}
