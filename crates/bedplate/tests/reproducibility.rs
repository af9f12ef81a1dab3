//! The same spec gives the same bytes, whoever builds it, where, when and with what around.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use bedplate_testkit::OrdinaryUser;
use workshop::{Workshop, files_in, judge, write_images};

const SPEC: &str = r#"
kernel: {image: "oci:images:kernel", cmdline: console=ttyS0}
hostname: same
init: [bedplate, "dir:root"]
onboot:
  - {name: first, image: "oci:images:over", command: [/x], net: host}
services:
  - {name: web, image: "oci:images:web", env: ["A=${A:-1}"], binds: ["/etc/large:/large"]}
  - {name: late, image: "oci:images:web", after: [web], ready: {tcp: 80}}
files:
  - {path: etc/large, source: large}
  - {path: etc/tree, source: tree, mode: "0755"}
  - {path: etc/motd, contents: "hello\n", mode: "0644"}
  - {path: etc/stamp, metadata: yaml}
"#;

/// What a build is given beside its inputs.
struct Surroundings {
    /// Where spec and images lie, below the home.
    directory: &'static str,
    /// Where the tool is run, below the home, and how it finds the spec from there.
    from: (&'static str, &'static str),
    /// Shell words before the tool.
    before: &'static str,
    /// How often a directory is entered into the file system before the one that counts.
    detours: u32,
}

const PLAIN: Surroundings = Surroundings {
    directory: "here",
    from: ("here", "same.yml"),
    before: "umask 022; env",
    detours: 0,
};

const STRANGE: Surroundings = Surroundings {
    directory: "quite/another place",
    from: ("elsewhere", "../quite/another place/same.yml"),
    before: "umask 077; env TZ=Asia/Tokyo LC_ALL=C.UTF-8 LANG=de_DE.UTF-8 USER=x LOGNAME=y HOSTNAME=z taskset -c 0",
    detours: 50,
};

/// Writes the inputs of a build, in an order and with names around that differ.
fn write_inputs(workshop: &Workshop, surroundings: &Surroundings) {
    let directory = workshop.directory(surroundings.directory);
    for path in directory.ancestors() {
        if path == workshop.home() {
            break;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let names: Vec<String> = (0..300).map(|number| format!("f{number:03}")).collect();
    let mut files: Vec<(String, Vec<u8>)> = names
        .iter()
        .map(|name| (format!("tree/{name}"), format!("{name}\n").into_bytes()))
        .collect();
    files.push(("large".into(), vec![7; 9 << 20]));
    files.push(("root/etc/a".into(), b"a".to_vec()));
    files.push(("root/etc/b".into(), b"b".to_vec()));
    files.push(("same.yml".into(), SPEC.into()));
    if surroundings.detours > 0 {
        files.reverse();
    }
    for number in 0..surroundings.detours {
        files.push((format!("tree/detour{number}"), Vec::new()));
    }
    for (name, bytes) in files {
        let file = directory.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, bytes).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    }
    for number in 0..surroundings.detours {
        fs::remove_file(directory.join(format!("tree/detour{number}"))).unwrap();
    }
    for name in ["root", "root/etc", "tree"] {
        workshop.directory(&format!("{}/{name}", surroundings.directory));
    }
    write_images(&directory.join("images"));
    workshop.directory(surroundings.from.0);
}

/// Builds in one way of compression, and gives the directory of the outputs.
fn build(
    workshop: &Workshop,
    surroundings: &Surroundings,
    compression: &str,
    out: &str,
) -> BTreeMap<String, Vec<u8>> {
    let Surroundings { from, before, .. } = surroundings;
    let out = workshop.directory(out);
    let script = format!(
        "cd '{}' && {before} bedplate build '{}' --compression {compression} --format kernel+initrd --format tar -o '{}'",
        from.0,
        from.1,
        out.display()
    );
    workshop.sh(&script).good();
    files_in(&out).into_iter().collect()
}

#[test]
fn who_builds_where_and_when_does_not_show() {
    let (one, other) = (Workshop::new(), Workshop::of(OrdinaryUser::other()));
    write_inputs(&one, &PLAIN);
    write_inputs(&other, &STRANGE);
    let mut initrds = Vec::new();
    for compression in ["none", "zstd", "gzip"] {
        let first = build(&one, &PLAIN, compression, &format!("out-{compression}"));
        let names: Vec<&str> = first.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "same-cmdline",
                "same-initrd.img",
                "same-kernel",
                "same-manifest.json",
                "same-sbom.spdx.json",
                "same.tar"
            ]
        );
        let cached = build(&one, &PLAIN, compression, &format!("again-{compression}"));
        assert_same(&first, &cached);
        let elsewhere = build(&other, &STRANGE, compression, &format!("x {compression}"));
        assert_same(&first, &elsewhere);
        initrds.push(first["same-initrd.img"].clone());
    }
    // Several segments were made, or the number of threads would have nothing to change.
    let ends = initrds[0]
        .windows(11)
        .filter(|name| name == b"TRAILER!!!\0");
    assert!(ends.count() > 1);
    assert!(
        initrds[1].starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) && initrds[2].starts_with(&[0x1f, 0x8b])
    );

    // Inputs that were only touched are the same inputs.
    let touch = "find \"$1/here\" -exec touch -h {} + && rm -r \"$1/cache/bedplate/segments\"";
    judge(touch, &[one.home()]);
    assert_same(
        &build(&one, &PLAIN, "none", "out-none"),
        &build(&other, &STRANGE, "none", "touched"),
    );
}

/// Compares outputs, without printing them.
#[track_caller]
fn assert_same(left: &BTreeMap<String, Vec<u8>>, right: &BTreeMap<String, Vec<u8>>) {
    assert!(
        left.keys().eq(right.keys()),
        "{:?} and {:?}",
        left.keys(),
        right.keys()
    );
    for (name, bytes) in left {
        assert!(*bytes == right[name], "{name} differs");
    }
}
