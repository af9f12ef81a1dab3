//! Specs, images and command lines that are wrong: one clear message, its exit code, and nothing of an earlier
//! output touched.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::fs;
use std::path::Path;

use bedplate_testkit::{Image, Layer};
use insta::assert_snapshot;
use serde_json::{Value, json};
use workshop::{KERNEL, Workshop, files_in};

/// A workshop with a good output, which nothing may touch.
struct Earlier {
    workshop: Workshop,
    files: Vec<(String, Vec<u8>)>,
}

impl Earlier {
    fn new() -> Self {
        let workshop = Workshop::with_images();
        workshop.write("host.yml", format!("{KERNEL}hostname: earlier\n"));
        workshop.run(&["build", "host.yml", "-o", "out"]).good();
        let files = files_in(&workshop.home().join("out"));
        Self { workshop, files }
    }

    /// The message of a build that fails with `code` and leaves everything as it was.
    #[track_caller]
    fn refused(&self, code: i32, spec: &str, more: &[&str]) -> String {
        self.workshop.write("host.yml", spec);
        let build = [&["build", "host.yml", "-o", "out"], more].concat();
        let message = self.workshop.run(&build).bad(code);
        assert!(
            files_in(&self.workshop.home().join("out")) == self.files,
            "the earlier output is changed"
        );
        let scratch = self.workshop.home().join("cache/bedplate/tmp");
        assert!(files_in(&scratch).is_empty(), "{:?}", files_in(&scratch));
        message.replace(self.workshop.home().to_str().unwrap(), "HOME")
    }

    /// The same, for a service of this image.
    #[track_caller]
    fn refused_image(&self, code: i32, image: &str) -> String {
        let spec = format!("{KERNEL}services: [{{name: web, image: '{image}', command: [/x]}}]\n");
        self.refused(code, &spec, &[])
    }

    fn images(&self) -> std::path::PathBuf {
        self.workshop.home().join("images")
    }
}

#[test]
fn paths_that_leave_the_image_are_refused() {
    let earlier = Earlier::new();
    // The archiver of the testkit makes none of these.
    let script = r#"
import io, sys, tarfile
def write(name, *entries):
    with tarfile.open(name, "w") as tar:
        for path, link, kind in entries:
            info = tarfile.TarInfo(path)
            info.linkname, info.type = link, kind
            tar.addfile(info)
FILE, HARD, SOFT = tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE
write("up.tar", ("etc/../../evil", "", FILE))
write("hard.tar", ("evil", "../evil", HARD))
write("through.tar", ("etc", "../../outside", SOFT), ("etc/evil", "", FILE))
write("loop.tar", ("a", "b", SOFT), ("b", "a", SOFT), ("a/evil", "", FILE))
write("absolute.tar", ("/etc/evil", "", FILE))
write("absolute-link.tar", ("etc/fine", "", FILE), ("etc/also", "/etc/fine", HARD))
"#;
    workshop::judge(
        "cd \"$1\" && python3 -c \"$2\"",
        &[earlier.workshop.home(), Path::new(script)],
    );
    assert_snapshot!(earlier.refused_image(5, "tar:up.tar"), @r"
    error: cannot read layer 1 of tar:up.tar
      caused by: entry `etc/../../evil` leaves the image
      caused by: a path component is `..`
    hint: the archive was not made by a container tool; rebuild it, or pass its directory as `dir:`
    ");
    assert_snapshot!(earlier.refused_image(5, "tar:hard.tar"), @r"
    error: cannot read layer 1 of tar:hard.tar
      caused by: entry `evil` leaves the image
      caused by: the target of the hard link has a component `..`
    hint: the archive was not made by a container tool; rebuild it, or pass its directory as `dir:`
    ");
    assert_snapshot!(earlier.refused_image(5, "tar:through.tar"), @r"
    error: cannot merge layer 1 of tar:through.tar into the host
      caused by: `/etc/evil` goes through the symlink `/etc` -> `../../outside`, which leaves the image
    hint: the image was not made by a container tool; do not use it
    ");
    assert_snapshot!(earlier.refused_image(5, "tar:loop.tar"), @r"
    error: cannot merge layer 1 of tar:loop.tar into the host
      caused by: `/a/evil` goes through too many symlinks
    hint: the image was not made by a container tool; do not use it
    ");
    for name in ["up", "hard", "through"] {
        let tar = fs::read(earlier.workshop.home().join(format!("{name}.tar"))).unwrap();
        layer_of(
            &earlier.images(),
            name,
            &tar,
            "application/vnd.oci.image.layer.v1.tar",
        );
    }
    assert_snapshot!(earlier.refused_image(5, "oci:images:up"), @r"
    error: cannot read layer 1 of oci:images:up
      caused by: entry `etc/../../evil` leaves the image
      caused by: a path component is `..`
    hint: the archive was not made by a container tool; rebuild it, or pass its directory as `dir:`
    ");
    assert_snapshot!(earlier.refused_image(5, "oci:images:hard"), @r"
    error: cannot read layer 1 of oci:images:hard
      caused by: entry `evil` leaves the image
      caused by: the target of the hard link has a component `..`
    hint: the archive was not made by a container tool; rebuild it, or pass its directory as `dir:`
    ");
    assert_snapshot!(earlier.refused_image(5, "oci:images:through"), @r"
    error: cannot merge layer 1 of oci:images:through into the host
      caused by: `/etc/evil` goes through the symlink `/etc` -> `../../outside`, which leaves the image
    hint: the image was not made by a container tool; do not use it
    ");

    assert_snapshot!(earlier.refused_image(5, "tar:absolute.tar"), @r"
    error: cannot read layer 1 of tar:absolute.tar
      caused by: entry `/etc/evil` has a name that an image cannot hold
      caused by: its path is absolute
    hint: the archive was not made by a container tool; rebuild it, or pass its directory as `dir:`
    ");

    // A hard link's leading slash is the root of the image, as container tools have it.
    let spec = format!("{KERNEL}init: [bedplate, 'tar:absolute-link.tar']\n");
    earlier.workshop.write("host.yml", spec);
    let build = ["build", "host.yml", "-o", "fine", "--format", "tar"];
    earlier.workshop.run(&build).good();
    let listing = workshop::judge(
        "tar -tf \"$1\"",
        &[&earlier.workshop.home().join("fine/host.tar")],
    );
    assert!(
        listing.contains("\netc/fine\n") && listing.contains("\netc/also\n"),
        "{listing}"
    );
}

/// Adds an image of one layer, whose bytes are any.
fn layer_of(images: &Path, tag: &str, bytes: &[u8], media_type: &str) -> String {
    // The layout is that of an image with an empty layer; then the layer is exchanged in its documents.
    let scratch = images.with_file_name(format!("scratch-{tag}"));
    Image::new().layer(&Layer::new()).write_oci(&scratch, tag);
    let index = read_json(&scratch.join("index.json"));
    let blob = |digest: &Value| {
        images
            .join("blobs")
            .join(digest.as_str().unwrap().replace(':', "/"))
    };
    let old = |digest: &Value| {
        scratch
            .join("blobs")
            .join(digest.as_str().unwrap().replace(':', "/"))
    };
    let manifest = read_json(&old(&index["manifests"][0]["digest"]));
    let mut config = read_json(&old(&manifest["config"]["digest"]));
    let put = |bytes: &[u8]| {
        let digest = format!("sha256:{}", sha256(bytes));
        fs::write(blob(&json!(digest)), bytes).unwrap();
        json!({"digest": digest, "size": bytes.len()})
    };
    let mut layer = put(bytes);
    layer["mediaType"] = media_type.into();
    config["rootfs"]["diff_ids"] = json!([layer["digest"]]);
    let mut manifest = manifest.clone();
    let media_types = (
        manifest["config"]["mediaType"].clone(),
        manifest["mediaType"].clone(),
    );
    manifest["config"] = put(config.to_string().as_bytes());
    manifest["config"]["mediaType"] = media_types.0;
    manifest["layers"] = json!([layer]);
    let mut entry = put(manifest.to_string().as_bytes());
    entry["mediaType"] = media_types.1;
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
    let file = images.join("index.json");
    let mut index = read_json(&file);
    index["manifests"].as_array_mut().unwrap().push(entry);
    fs::write(file, index.to_string()).unwrap();
    layer["digest"].as_str().unwrap()["sha256:".len()..].to_owned()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn layers_that_are_not_what_they_should_be_are_refused() {
    const TAR: &str = "application/vnd.oci.image.layer.v1.tar";
    let earlier = Earlier::new();
    let images = earlier.images();
    let tar = |text: &str| Layer::new().file("file", 0o644, text.repeat(1000)).tar();
    let digest = layer_of(&images, "flipped", &tar("flipped"), TAR);
    let path = images.join("blobs/sha256").join(&digest);
    let mut bytes = fs::read(&path).unwrap();
    bytes[700] ^= 1;
    fs::write(&path, bytes).unwrap();
    let message = earlier.refused_image(5, "oci:images:flipped");
    assert!(
        message.starts_with(&format!("error: cannot get image `oci:images:flipped`: layer 1 (sha256:{}…): it has digest sha256:", &digest[..12]))
            && message.ends_with(&format!(" instead of sha256:{digest}")),
        "{message}"
    );

    let digest = layer_of(&images, "short", &tar("short"), TAR);
    let path = images.join("blobs/sha256").join(digest);
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(700)
        .unwrap();
    let message = earlier.refused_image(5, "oci:images:short");
    assert!(
        message.ends_with("…): it has only 700 of 6656 bytes"),
        "{message}"
    );

    layer_of(&images, "odd", b"x", "application/vnd.example.squashfs");
    assert_snapshot!(earlier.refused_image(5, "oci:images:odd"), @"error: cannot get image `oci:images:odd`: layer 1 has the unknown media type `application/vnd.example.squashfs`");

    layer_of(&images, "cut", &tar("cut")[..2000], TAR);
    assert_snapshot!(earlier.refused_image(5, "oci:images:cut"), @r"
    error: cannot read layer 1 of oci:images:cut
      caused by: the archive is cut off: entry `file` ends at byte 3512, the archive at byte 2000
    hint: get the archive again: it is incomplete
    ");

    layer_of(
        &images,
        "text",
        "no tar at all\n".repeat(200).as_bytes(),
        TAR,
    );
    assert_snapshot!(earlier.refused_image(5, "oci:images:text"), @r"
    error: cannot read layer 1 of oci:images:text
      caused by: byte 0 of the archive does not begin a tar header
      caused by: the checksum does not match
    hint: it may be compressed in a way that is not known (gzip, zstd and xz are)
    ");

    // 64 MiB of zeros in a few KiB: more than a tenth of a percent is no honest file.
    workshop::judge(
        "head -c 67108864 /dev/zero | zstd -q --ultra -22 -o \"$1/bomb.tar\"",
        &[earlier.workshop.home()],
    );
    assert_snapshot!(earlier.refused_image(5, "tar:bomb.tar"), @r"
    error: cannot get image `tar:bomb.tar`: `HOME/bomb.tar`: it unpacks to more than is allowed
      caused by: the data grows by more than 1100 to 1 when decompressed
    ");

    assert_snapshot!(earlier.refused(4, KERNEL, &["--arch", "riscv64"]), @"error: cannot get image `oci:images:kernel`: it is for linux/amd64, not for linux/riscv64");
    assert_snapshot!(earlier.refused_image(4, "oci:nowhere"), @r"
    error: cannot get image `oci:nowhere`: `HOME/nowhere` is not an OCI image layout: it has no `index.json`
    hint: for a directory that is a root file system, write `dir:`
    ");
    assert_snapshot!(earlier.refused_image(4, "oci:images:nobody"), @"error: cannot get image `oci:images:nobody`: it holds no image called `nobody`, only cut, flipped, kernel, odd, over, short, text, web");
    assert_snapshot!(earlier.refused_image(4, "tar:nowhere.tar"), @r"
    error: cannot get image `tar:nowhere.tar`: cannot read `HOME/nowhere.tar`
      caused by: No such file or directory (os error 2)
    ");
}

#[test]
fn specs_that_are_wrong_are_refused() {
    let earlier = Earlier::new();
    let refused = |spec: &str| earlier.refused(3, spec, &[]);
    assert_snapshot!(refused("include: [host.yml]\n"), @r"
    error: host.yml:1:11: this include leads back to itself: host.yml -> host.yml
    hint: remove one of these includes
    ");
    assert_snapshot!(refused("include: [nowhere.yml]\n"), @"error: host.yml:1:11: cannot read the spec `nowhere.yml`: No such file or directory (os error 2)");
    assert_snapshot!(refused(&format!("{KERNEL}files: [{{path: a, source: nowhere}}]\n")), @r"
    error: files (host.yml:2): the source HOME/nowhere does not exist
    hint: correct `source:`, or add `optional: true` to do without it
    ");
    let web = "{name: web, image: 'oci:images:web'}";
    assert_snapshot!(refused(&format!("{KERNEL}services: [{web}, {web}]\n")), @r"
    error: host.yml:2:57: a second service has the name `web`
    hint: the first one is at host.yml:2; rename one of them
    ");
    assert_snapshot!(refused(&format!("{KERNEL}services: [{{name: web}}]\n")), @r"
    error: host.yml:2:12: the service `web` has no image
    hint: add `image:` with a reference, or `packages:` with names of distribution packages
    ");
    assert_snapshot!(refused("kernal: {image: x}\n"), @r"
    error: host.yml:1:1: unknown key `kernal` in a spec
    hint: did you mean `kernel`?
    ");
    assert_snapshot!(refused("hostname: x\n"), @r"
    error: the spec has no kernel, so nothing would boot the initrd
    hint: add `kernel:`, or build --format tar
    ");
    assert_snapshot!(refused("kernel: {image: 'oci:images:web'}\n"), @r"
    error: oci:images:web holds no kernel: there is no `/kernel`, and no `/boot`
    hint: name a LinuxKit kernel image, or packages such as linux-image-cloud-amd64
    ");
    assert_snapshot!(refused("{"), @"error: host.yml:2:1: this is not valid YAML: while parsing a node, did not find expected node content");
    // All mistakes at once.
    earlier.workshop.write("host.yml", "kernal: x\nfiels: y\n");
    let all = earlier.workshop.run(&["build", "host.yml"]);
    assert_eq!(
        (all.code, all.err.matches("error: ").count()),
        (Some(3), 2),
        "{all:?}"
    );
    earlier
        .workshop
        .write("host.yml", "# long\n".repeat(3 << 20));
    let long = earlier.workshop.run(&["build", "host.yml"]).bad(3);
    assert_snapshot!(long, @"error: cannot read the spec `host.yml`: it is longer than 16.0 MiB");
    let missing = earlier.workshop.run(&["build", "nowhere.yml"]).bad(3);
    assert_snapshot!(missing, @"error: cannot read the spec `nowhere.yml`: No such file or directory (os error 2)");
}

#[test]
fn command_lines_that_are_wrong_are_refused() {
    let earlier = Earlier::new();
    let refused = |more: &[&str]| {
        let message = earlier.refused(2, KERNEL, more);
        message
            .lines()
            .take(2)
            .collect::<Vec<_>>()
            .join("\n")
            .trim_end()
            .to_owned()
    };
    assert_snapshot!(refused(&["--set", "x"]), @r"
    error: `--set x` has no `=`
    hint: write --set NAME=VALUE
    ");
    let format = refused(&["--format", "floppy"]);
    assert!(
        format.contains("unknown format `floppy` (known: kernel+initrd, "),
        "{format}"
    );
    assert_snapshot!(refused(&["--compression", "lz4"]), @r"
    error: invalid value 'lz4' for '--compression <COMPRESSION>'
      [possible values: zstd, gzip, none]
    ");
    assert_snapshot!(refused(&["--level", "23"]), @r"
    error: the compression has no level 23
    hint: it has 1 to 22
    ");
    assert_snapshot!(refused(&["--compression", "gzip", "--level", "10"]), @r"
    error: the compression has no level 10
    hint: it has 1 to 9
    ");
    assert_snapshot!(refused(&["--name", "../x"]), @"error: invalid value '../x' for '--name <NAME>': it takes letters, digits, `.`, `_` and `-`, and begins with a letter or digit");
    assert_snapshot!(refused(&["--arch", "mips"]), @"error: invalid value 'mips' for '--arch <ARCH>': unknown architecture `mips` (known: amd64, arm64, riscv64)");
    assert_snapshot!(refused(&["--epoch", "yesterday"]), @"error: invalid value 'yesterday' for '--epoch <SECONDS>': invalid digit found in string");
    assert_snapshot!(refused(&["--network-timeout", "0"]), @"error: invalid value '0' for '--network-timeout <SECONDS>': 0 is not in 1..=3600");
    assert_snapshot!(refused(&["--colour"]), @"error: unexpected argument '--colour' found");
}
