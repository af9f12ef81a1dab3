//! What a build writes: the same bytes wherever and however it runs, and nothing lost in silence.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod workshop;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use bedplate_testkit::{Image, Layer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use workshop::Workshop;

const SPEC: &str = r#"
kernel:
  image: dir:kernel
  tar: none
  cmdline: console=ttyS0
init: [bedplate]
hostname: same
volumes:
  - {name: data, image: "oci:images:base", format: oci}
services:
  - name: web
    image: oci:images:web
    binds: ["data:/data"]
    command: [/bin/true]
  - name: packaged
    packages: [busybox-static]
    command: [/bin/busybox, sleep, "1"]
files:
  - {path: etc/motd, contents: hello}
  - {path: etc/tree, source: tree}
  - {path: etc/spec, metadata: yaml}
"#;

/// `struct vfs_cap_data`, revision 2, effective: cap_net_raw.
const CAP_NET_RAW: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

fn furnish(workshop: &Workshop) {
    workshop.write("kernel/kernel", "not a kernel, but a file");
    workshop.write("tree/sub/one", "1");
    workshop.write("tree/two", vec![b'2'; 10_000]);
    let images = workshop.directory("images");
    let base = Layer::new()
        .directory("bin", 0o755)
        .file("bin/true", 0o755, vec![0x7f; 9000])
        .file("bin/ping", 0o755, "ping")
        .xattr("security.capability", CAP_NET_RAW)
        .hard_link("bin/also-true", "bin/true")
        .symlink("bin/sh", "true")
        .file("home/user/note", 0o640, "mine")
        .owned_by(1000, 1001);
    let upper = Layer::new()
        .without("bin/sh")
        .file("web", 0o644, vec![7; 100_000]);
    Image::new().layer(&base).write_oci(&images, "base");
    Image::new()
        .layer(&base)
        .layer(&upper)
        .write_oci(&images, "web");
}

fn build(workshop: &Workshop, out: &str, more: &[&str], extra: &[(&str, &str)]) {
    let all = [
        "build",
        "host.yml",
        "-o",
        out,
        "--format",
        "kernel+initrd",
        "--format",
        "tar",
    ];
    let arguments: Vec<&str> = all.iter().chain(more).copied().collect();
    let output = workshop.bedplate_with(&arguments, extra);
    assert!(output.status.success(), "{output:?}");
}

/// The names of the files in a directory and what they hold, as digests.
fn digests(directory: &Path) -> BTreeMap<String, String> {
    let digest = |entry: fs::DirEntry| {
        let bytes = fs::read(entry.path()).unwrap();
        let name = entry.file_name().into_string().unwrap();
        let digest = Sha256::digest(bytes);
        (
            name,
            digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        )
    };
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| digest(entry.unwrap()))
        .collect()
}

#[test]
fn two_builds_are_the_same_bit_for_bit() {
    let (one, other) = (Workshop::new(), Workshop::new());
    for workshop in [&one, &other] {
        furnish(workshop);
    }
    one.write("host.yml", SPEC);
    other.write("host.yml", SPEC);
    let cold = other.directory("cold-cache");
    let cold = [
        ("XDG_CACHE_HOME", cold.to_str().unwrap()),
        ("TZ", "Pacific/Kiritimati"),
        ("LC_ALL", "tr_TR.UTF-8"),
    ];
    for compression in ["zstd", "gzip", "none"] {
        let more = ["--compression", compression];
        build(&one, compression, &more, &[]);
        let first = digests(&one.home().join(compression));
        assert_eq!(first.len(), 6, "{first:?}");
        build(&one, "again", &more, &[]);
        assert_eq!(digests(&one.home().join("again")), first);
        build(&other, compression, &more, &cold);
        assert_eq!(digests(&other.home().join(compression)), first);
    }
    // One processor, another umask and another working directory.
    let script = format!(
        "umask 077; cd tree; exec taskset -c 0 {} build ../host.yml -o ../single --format kernel+initrd --format tar",
        one.tool().display()
    );
    let output = one.run(Path::new("/bin/sh"), &["-c", &script], &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        digests(&one.home().join("single")),
        digests(&one.home().join("zstd"))
    );
    the_manifest_tells_what_was_written(&one.home().join("zstd"));
    the_sbom_names_the_packages(&one.home().join("zstd/host-sbom.spdx.json"));
    the_tar_has_everything(&one.home().join("zstd/host.tar"));
    the_initrd_has_everything(&one.home().join("none/host-initrd.img"));
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn the_manifest_tells_what_was_written(out: &Path) {
    let manifest = json(&out.join("host-manifest.json"));
    let digests = digests(out);
    let artefacts = manifest["artefacts"].as_array().unwrap();
    assert_eq!(artefacts.len() + 1, digests.len(), "{manifest}");
    for artefact in artefacts {
        let file = artefact["file"].as_str().unwrap();
        assert_eq!(artefact["sha256"], digests[file].as_str(), "{file}");
        let size = fs::metadata(out.join(file)).unwrap().len();
        assert_eq!(artefact["size"], size, "{file}");
    }
    let images: Vec<&String> = manifest["images"].as_object().unwrap().keys().collect();
    assert!(
        images.iter().all(|image| !image.contains("/tmp")),
        "{images:?}"
    );
    assert!(
        images.iter().any(|image| *image == "oci:images:web"),
        "{images:?}"
    );
}

fn the_sbom_names_the_packages(path: &Path) {
    let sbom = json(path);
    for (key, value) in [
        ("spdxVersion", "SPDX-2.3"),
        ("dataLicense", "CC0-1.0"),
        ("SPDXID", "SPDXRef-DOCUMENT"),
    ] {
        assert_eq!(sbom[key], value);
    }
    assert_eq!(sbom["creationInfo"]["created"], "2017-04-18T16:30:00Z");
    let packages = sbom["packages"].as_array().unwrap();
    let named = |name: &str| packages.iter().find(|package| package["name"] == name);
    let busybox = named("busybox-static").unwrap();
    let purl = busybox["externalRefs"][0]["referenceLocator"]
        .as_str()
        .unwrap();
    assert!(
        purl.starts_with("pkg:deb/") && purl.contains("/busybox-static@"),
        "{purl}"
    );
    assert_eq!(
        busybox["checksums"][0]["checksumValue"]
            .as_str()
            .unwrap()
            .len(),
        64
    );
    // Every identifier that a relationship names is one of a package, or the document's.
    let ids: Vec<&Value> = packages.iter().map(|package| &package["SPDXID"]).collect();
    for relationship in sbom["relationships"].as_array().unwrap() {
        assert!(
            ids.contains(&&relationship["relatedSpdxElement"]),
            "{relationship}"
        );
    }
}

/// Read by Python's own reader: names, kinds, owners, times and attributes.
fn the_tar_has_everything(path: &Path) {
    let script = r#"
import sys, tarfile
t = tarfile.open(sys.argv[1])
m = {i.name: i for i in t.getmembers()}
w = "containers/services/%s-web/lower/" % "000" if "containers/services/000-web/lower" in m else "containers/services/web/lower/"
assert m[w + "bin/also-true"].islnk() != m[w + "bin/true"].islnk()
assert w + "bin/sh" not in m
n = m[w + "home/user/note"]
assert (n.uid, n.gid, n.mode) == (1000, 1001, 0o640), n.get_info()
assert "SCHILY.xattr.security.capability" in m[w + "bin/ping"].pax_headers
assert m["etc/tree/sub/one"].size == 1 and m["etc/tree/two"].size == 10000
assert t.extractfile("boot/kernel").read() == b"not a kernel, but a file"
assert all(i.mtime <= 1492533000 for i in m.values())
assert b"/tmp" not in t.extractfile("etc/spec").read()
"#;
    let output = Command::new("python3")
        .args(["-c", script])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Read by GNU cpio, one archive after another as the kernel does.
fn the_initrd_has_everything(path: &Path) {
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("archive");
    fs::copy(path, &archive).unwrap();
    let script = "cpio -t --quiet < archive && cpio -tvn --quiet < archive >&2";
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let names: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(names.first().map(String::as_str), Some("init"), "{names:?}");
    assert_eq!(
        names.last().map(String::as_str),
        Some("zz-bedplate-complete"),
        "{names:?}"
    );
    let long = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(long.contains("1000     1001"), "{long}");
    assert!(names.iter().any(|name| name == "etc/bedplate/xattrs.json"));
}

#[test]
fn attributes_that_cpio_cannot_hold_are_refused() {
    let workshop = Workshop::new();
    furnish(&workshop);
    let spec = "
kernel: {image: 'dir:kernel', tar: none, cmdline: x}
init: ['oci:images:base']
";
    workshop.write("host.yml", spec);
    let refused = workshop.bedplate(&["build", "host.yml", "-o", "out"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{text}");
    assert!(
        text.contains("/bin/ping") && text.contains("extended attributes"),
        "{text}"
    );
    assert!(text.contains("--drop-xattrs"), "{text}");
    assert!(digests(&workshop.home().join("out")).is_empty());
    let dropped = workshop.bedplate(&["build", "host.yml", "-o", "out", "--drop-xattrs"]);
    assert!(dropped.status.success(), "{dropped:?}");
}

#[test]
fn times_are_at_most_the_epoch() {
    let workshop = Workshop::new();
    furnish(&workshop);
    workshop.write("host.yml", SPEC);
    build(&workshop, "flag", &["--epoch", "1000000000"], &[]);
    build(
        &workshop,
        "variable",
        &[],
        &[("SOURCE_DATE_EPOCH", "1000000000")],
    );
    let flag = digests(&workshop.home().join("flag"));
    assert_eq!(digests(&workshop.home().join("variable")), flag);
    let sbom = json(&workshop.home().join("flag/host-sbom.spdx.json"));
    assert_eq!(sbom["creationInfo"]["created"], "2001-09-09T01:46:40Z");
}
