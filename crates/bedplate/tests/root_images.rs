//! Hosts whose root is an image apart from the initramfs: built as an ordinary user, judged by other tools.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod workshop;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bedplate_formats::cpio;
use bedplate_tree::Content;
use serde_json::Value;
use workshop::{Workshop, files_in, judge};

const SPEC: &str = "
hostname: apart
root: image
kernel: {image: 'oci:images:kernel', cmdline: console=ttyS0}
init: ['dir:root']
files:
  - {path: etc/motd, contents: 'hello'}
";

fn workshop() -> Workshop {
    let workshop = Workshop::with_images();
    let root = workshop.directory("root");
    judge(
        "cd \"$1\"; mkdir -p sbin usr/share; echo '#!/bin/sh' > sbin/init; chmod 755 sbin/init;
         seq 100000 > usr/share/numbers",
        &[&root],
    );
    workshop.write("apart.yml", SPEC);
    workshop
}

#[test]
fn other_tools_find_what_the_description_says() {
    let workshop = workshop();
    let public = workshop.run(&["key", "generate", "key.pem"]).good().out;
    let formats = [
        "--format",
        "kernel+initrd+root",
        "--format",
        "kernel+initrd",
        "--format",
        "raw",
    ];
    for (out, epoch) in [("one", "1795169700"), ("two", "1795169700")] {
        let build = [
            "build",
            "apart.yml",
            "--sign-key",
            "key.pem",
            "-o",
            out,
            "--epoch",
            epoch,
        ];
        workshop.run(&[&build[..], &formats].concat()).good();
        // The second build finds nothing that the first one kept.
        fs::remove_dir_all(workshop.home().join("cache")).unwrap();
    }
    let out = workshop.home().join("one");
    assert!(files_in(&out) == files_in(&workshop.home().join("two")));

    let description: Value =
        serde_json::from_slice(&fs::read(out.join("apart-image.json")).unwrap()).unwrap();
    let text = |key: &str| description[key].as_str().unwrap().to_owned();
    assert_eq!(
        (text("stamp"), text("file")),
        ("20261120T101500Z".into(), "apart-root.img".into())
    );
    let script = r#"
        cd "$1"
        sha256sum < apart-root.img | cut -d' ' -f1
        unsquashfs -cat apart-root.img etc/motd etc/hostname
        unsquashfs -lc apart-root.img | grep -c init
    "#;
    let expected = format!("{}\nhelloapart\n1\n", text("sha256"));
    assert_eq!(judge(script, &[&out]), expected);

    // dm-verity: in the image, and in the two partitions whose names come from the root hash.
    let script = format!(
        r#"
        cd "$1"
        veritysetup verify apart-root.img apart-root.img {hash} --hash-offset {len}
        part() {{ sfdisk -d apart.raw | sed -n "s/.*start= *\([0-9]*\), size= *\([0-9]*\),.*uuid=$1.*/\1 \2/p"; }}
        set -- $(part {data}) $(part {hashes})
        dd if=apart.raw of=data skip=$1 count=$2 status=none
        dd if=apart.raw of=hashes skip=$3 count=$4 status=none
        veritysetup verify data hashes {hash}
        sfdisk -d apart.raw | grep -c 'name="_empty"'
        "#,
        hash = text("rootHash"),
        len = description["dataLen"],
        data = guid(&text("rootHash")[..32]),
        hashes = guid(&text("rootHash")[32..]),
    );
    assert_eq!(judge(&script, &[&out]), "2\n");

    // The signature, by the public key that was printed.
    let signature = fs::read_to_string(out.join("apart-image.json.sig")).unwrap();
    let words: Vec<&str> = signature.split_whitespace().collect();
    assert_eq!((words[0], words[1]), ("ed25519", public.trim()));
    let script = format!(
        r#"
        cd "$1"
        echo {} | tail -c 129 | perl -ne 'chomp; print pack "H*", $_' > signature
        openssl pkey -in ../key.pem -pubout -out public.pem
        openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in apart-image.json -sigfile signature
        "#,
        words[2]
    );
    assert!(judge(&script, &[&out]).contains("Verified Successfully"));
}

/// As `sfdisk` writes a GUID: the bytes of the hash in their order.
fn guid(hex: &str) -> String {
    let hex = hex.to_uppercase();
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

#[test]
fn the_initramfs_brings_what_finds_the_root() {
    let workshop = workshop();
    let formats = [
        "--format",
        "kernel+initrd",
        "--format",
        "kernel+initrd+root",
    ];
    let build = ["build", "apart.yml", "-o", "out", "--compression", "none"];
    workshop.run(&[&build[..], &formats].concat()).good();
    let out = workshop.home().join("out");
    let files = |initrd: &str| -> BTreeMap<String, Vec<u8>> {
        let bytes = fs::read(out.join(initrd)).unwrap();
        let archives = cpio::read(&bytes[..], &cpio::Limits::default()).unwrap();
        let members = archives.into_iter().flatten();
        members
            .filter(|member| member.mode & 0o170000 == 0o100000)
            .map(|member| match member.data {
                Content::Inline(data) => (String::from_utf8(member.name).unwrap(), data.to_vec()),
                other => panic!("{other:?} is not here"),
            })
            .collect()
    };
    let with_root = files("apart-initrd.img");
    let names: Vec<&str> = with_root.keys().map(String::as_str).collect();
    let documents = ["etc/bedplate/image.json", "etc/bedplate/root.json"];
    assert_eq!(
        names,
        [
            &documents[..],
            &["init", "root.img", "zz-bedplate-complete"]
        ]
        .concat()
    );
    assert!(with_root["root.img"] == fs::read(out.join("apart-root.img")).unwrap());
    let search: Value = serde_json::from_slice(&with_root["etc/bedplate/root.json"]).unwrap();
    assert_eq!(search["place"], "initramfs");
    let digest = judge(
        "sha256sum < \"$1\" | cut -d' ' -f1",
        &[&out.join("apart-image.json")],
    );
    assert_eq!(search["trust"]["image"], digest.trim());

    let netboot = files("apart-netboot.img");
    let names: Vec<&str> = netboot.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["etc/bedplate/root.json", "init", "zz-bedplate-complete"]
    );
}

#[test]
fn a_build_that_its_host_would_not_believe_is_refused() {
    let workshop = workshop();
    let mine = workshop.run(&["key", "generate", "mine.pem"]).good().out;
    let show = workshop.run(&["key", "show", "mine.pem"]).good().out;
    assert_eq!(mine, show);
    let secret = fs::read(workshop.home().join("mine.pem")).unwrap();
    let again = workshop.run(&["key", "generate", "mine.pem"]).bad(6);
    assert!(again.contains("a key is never overwritten"), "{again}");
    assert_eq!(fs::read(workshop.home().join("mine.pem")).unwrap(), secret);
    let mode = judge("stat -c %a \"$1\"", &[&workshop.home().join("mine.pem")]);
    assert_eq!(mode, "600\n");

    workshop.write(
        "signed.yml",
        format!("{SPEC}trust: {{keys: [{}]}}\n", mine.trim()),
    );
    workshop.run(&["key", "generate", "other.pem"]).good();
    let build = ["build", "signed.yml", "-o", "out"];
    let unsigned = workshop.run(&build).bad(3);
    assert!(
        unsigned.contains("the spec has `trust.keys`, and nothing is signed"),
        "{unsigned}"
    );
    let other = workshop
        .run(&[&build[..], &["--sign-key", "other.pem"]].concat())
        .bad(3);
    assert!(other.contains("is not in `trust.keys`"), "{other}");
    let none = workshop
        .run(&[&build[..], &["--sign-key", "apart.yml"]].concat())
        .bad(5);
    assert!(none.contains("apart.yml holds no secret key"), "{none}");
    assert!(!exists(&workshop.home().join("out")));
    workshop
        .run(&[&build[..], &["--sign-key", "mine.pem"]].concat())
        .good();
}

fn exists(directory: &Path) -> bool {
    directory.exists() && !files_in(directory).is_empty()
}

#[test]
fn a_root_in_the_initramfs_has_no_image_for_a_server() {
    let workshop = workshop();
    workshop.write("whole.yml", SPEC.replace("root: image", ""));
    let message = workshop
        .run(&[
            "build",
            "whole.yml",
            "-o",
            "out",
            "--format",
            "kernel+initrd+root",
        ])
        .bad(3);
    assert!(
        message.contains("build --format kernel+initrd"),
        "{message}"
    );
}
