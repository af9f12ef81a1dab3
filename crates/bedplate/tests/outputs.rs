//! What a build writes, read back by the tools of others: GNU cpio, GNU tar, Python.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::fs;
use std::path::Path;

use bedplate_sys::tool::Tool;
use bedplate_testkit::{Image, Layer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use workshop::{KERNEL, Workshop, files_in, judge};

/// Services whose images have all kinds of entries.
const SERVICES: &str = "services: [{name: web, image: 'oci:images:web'}]\n";

fn host(workshop: &Workshop) -> String {
    workshop.write("host.yml", format!("{KERNEL}{SERVICES}"));
    "host.yml".to_owned()
}

/// Every entry of all archives that an initrd is made of, as `cpio -tvn` lists them.
fn cpio_listing(initrd: &Path, unpack: &str) -> Vec<String> {
    // One archive after another, until none is left.
    let script = format!(
        "{unpack} <\"$1\" >\"$1.cpio\"; exec <\"$1.cpio\"; while cpio -itvn --quiet 2>/dev/null; do :; done"
    );
    let text = judge(&script, &[initrd]);
    text.lines().map(str::to_owned).collect()
}

/// The line of a listing that is about `name`, without its date.
fn line<'a>(listing: &'a [String], name: &str) -> Vec<&'a str> {
    let of = |line: &&String| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.contains(&name)
    };
    let line = listing.iter().find(of);
    let line = line.unwrap_or_else(|| panic!("no {name} in {listing:#?}"));
    line.split_whitespace().collect()
}

#[test]
fn gnu_cpio_reads_the_initrd() {
    let workshop = Workshop::with_images();
    let spec = host(&workshop);
    for (compression, unpack) in [("zstd", "zstd -dcq"), ("gzip", "gzip -dc"), ("none", "cat")] {
        workshop
            .run(&[
                "build",
                &spec,
                "-o",
                compression,
                "--compression",
                compression,
            ])
            .good();
        let initrd = workshop.home().join(compression).join("host-initrd.img");
        let listing = cpio_listing(&initrd, unpack);
        let name = |line: &String| line.split_whitespace().last().unwrap().to_owned();
        assert_eq!(name(listing.first().unwrap()), "init");
        assert_eq!(name(listing.last().unwrap()), "zz-bedplate-complete");

        let root = "containers/services/web/lower";
        let of = |path: &str| line(&listing, &format!("{root}/{path}"))[..5].join(" ");
        assert!(
            of("bin/web").starts_with("-rwxr-xr-x 1 0 0 11"),
            "{}",
            of("bin/web")
        );
        assert!(
            of("bin/su").starts_with("-rwsr-xr-x 2 0 42 "),
            "{}",
            of("bin/su")
        );
        assert!(
            of("bin/sg").starts_with("-rwsr-xr-x 2 0 42 "),
            "{}",
            of("bin/sg")
        );
        assert!(
            of("srv").starts_with("drwxrws--- 1 1000 1001 0"),
            "{}",
            of("srv")
        );
        assert_eq!(of("dev/null"), "crw-rw-rw- 1 0 0 1,");
        let link = line(&listing, &format!("{root}/bin/sh"));
        assert_eq!(link[link.len() - 2..], ["->", "web"]);
        assert!(
            listing
                .iter()
                .any(|line| line.ends_with("lib/modules/1/x.ko"))
        );
    }
    let cpio = workshop.home().join("none/host-initrd.img.cpio");
    let links = judge(
        "cd \"$(dirname \"$1\")\"; while cpio -id --quiet '*/bin/s[ug]' 2>/dev/null; do :; done <\"$1\"; \
         cd containers/services/web/lower/bin; stat -c %h su; cat su sg; test su -ef sg",
        &[&cpio],
    );
    assert_eq!(links, "2\nsusu");
}

#[test]
fn gnu_tar_and_python_read_the_tar() {
    let workshop = Workshop::with_images();
    let spec = host(&workshop);
    workshop
        .run(&[
            "build",
            &spec,
            "-o",
            "out",
            "--format",
            "tar",
            "--epoch",
            "900000000",
        ])
        .good();
    let names: Vec<String> = files_in(&workshop.home().join("out"))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        ["host-manifest.json", "host-sbom.spdx.json", "host.tar"]
    );
    let tar = workshop.home().join("out/host.tar");

    let listing = judge(
        "TZ=UTC tar --numeric-owner --xattrs --xattrs-include='*' -tvvvf \"$1\"",
        &[&tar],
    );
    let web = "containers/services/web/lower";
    for expected in [
        format!("-rwxr-xr-x* 0/0               4 1998-07-09 16:00 {web}/bin/ping\n"),
        "  x: 20 security.capability\n".to_owned(),
        format!("crw-rw-rw-  0/0             1,3 1998-07-09 16:00 {web}/dev/null\n"),
        format!("{web}/bin/sh -> web\n"),
        "boot/kernel\n".to_owned(),
        "boot/cmdline\n".to_owned(),
    ] {
        assert!(listing.contains(&expected), "no {expected} in {listing}");
    }

    let script = r#"
import json, sys, tarfile
members = []
for m in tarfile.open(sys.argv[1]):
    xattrs = {k: list(v.encode("utf-8", "surrogateescape")) for k, v in m.pax_headers.items() if "xattr" in k}
    members.append([m.name, m.type.decode(), m.mode, m.uid, m.gid, m.mtime, m.linkname, xattrs])
print(json.dumps(members))
"#;
    let python = Tool::new("python3", "python3")
        .args(["-c", script])
        .arg(&tar);
    let members: Vec<Value> =
        serde_json::from_slice(&python.output().unwrap_or_else(|e| panic!("{e}"))).unwrap();
    let member = |name: &str| {
        let found = members.iter().find(|m| m[0] == name);
        found.unwrap_or_else(|| panic!("no {name} in {members:?}"))
    };
    let ping = member(&format!("{web}/bin/ping"));
    let value: Vec<u8> =
        serde_json::from_value(ping[7]["SCHILY.xattr.security.capability"].clone()).unwrap();
    assert_eq!(value, workshop::CAP_NET_RAW);
    let (su, sg) = (
        member(&format!("{web}/bin/su")),
        member(&format!("{web}/bin/sg")),
    );
    let (first, second) = if su[1] == "0" { (su, sg) } else { (sg, su) };
    assert_eq!((&second[1], &second[6]), (&"1".into(), &first[0]));
    assert_eq!(
        (&first[2], &first[3], &first[4]),
        (&0o4755.into(), &0.into(), &42.into())
    );
    let srv = member(&format!("{web}/srv"));
    assert_eq!(
        (&srv[2], &srv[3], &srv[4]),
        (&0o2770.into(), &1000.into(), &1001.into())
    );
    assert!(
        members
            .iter()
            .all(|m| m[5].as_u64().unwrap() <= 900_000_000)
    );
}

#[test]
fn what_an_initrd_cannot_hold_is_refused_or_dropped_as_told() {
    let workshop = Workshop::with_images();
    let init = Layer::new().file("init", 0o755, "#!/bin/sh\n");
    Image::new()
        .layer(&init)
        .write_oci(&workshop.home().join("images"), "init");
    workshop.write(
        "host.yml",
        format!("{KERNEL}init: ['oci:images:init']\n{SERVICES}"),
    );
    let message = workshop.run(&["build", "host.yml", "-o", "out"]).bad(3);
    assert_eq!(
        message,
        "error: an initrd cannot hold `/containers/services/web/lower/bin/ping`: it has extended attributes, such as file capabilities\n\
         hint: use `init: [bedplate]`, which sets them again at boot, or pass --drop-xattrs to lose them"
    );
    assert!(files_in(&workshop.home().join("out")).is_empty());
    workshop
        .run(&["build", "host.yml", "-o", "out", "--drop-xattrs"])
        .good();
    // A tar holds them whoever is PID 1.
    workshop
        .run(&["build", "host.yml", "-o", "out", "--format", "tar"])
        .good();
    let tar = fs::read(workshop.home().join("out/host.tar")).unwrap();
    let name = b"SCHILY.xattr.security.capability";
    assert!(tar.windows(name.len()).any(|window| window == name));
}

#[test]
fn times_are_those_that_are_told() {
    let workshop = Workshop::with_images();
    let spec = host(&workshop);
    let newest = |out: &str| {
        let initrd = workshop.home().join(out).join("host-initrd.img");
        let script =
            "cp \"$1\" \"$1.cpio\"; TZ=UTC cpio -itv --quiet <\"$1.cpio\" | grep -c ' 1998 '";
        judge(script, &[&initrd]).trim().parse::<usize>().unwrap()
    };
    let build = "bedplate build host.yml --compression none -o";
    workshop
        .sh(&format!("{build} flag --epoch 900000000"))
        .good();
    workshop
        .sh(&format!("SOURCE_DATE_EPOCH=900000000 {build} variable"))
        .good();
    // The flag is the nearer word.
    workshop
        .sh(&format!(
            "SOURCE_DATE_EPOCH=1 {build} both --epoch 900000000"
        ))
        .good();
    assert!(newest("flag") > 5, "{} entries of 1998", newest("flag"));
    let read = |out: &str| {
        files_in(&workshop.home().join(out))
            .into_iter()
            .filter(|f| !f.0.ends_with(".cpio"))
            .collect::<Vec<_>>()
    };
    assert!(read("flag") == read("variable") && read("flag") == read("both"));
    let sbom: Value = serde_json::from_slice(
        &fs::read(workshop.home().join("flag/host-sbom.spdx.json")).unwrap(),
    )
    .unwrap();
    assert_eq!(sbom["creationInfo"]["created"], "1998-07-09T16:00:00Z");
    assert_eq!(spec, "host.yml");
}

#[test]
fn the_manifest_says_what_was_written() {
    let workshop = Workshop::with_images();
    let spec = host(&workshop);
    let formats = ["--format", "kernel+initrd", "--format", "tar"];
    let build = [&["build", &spec, "-o", "out", "--json"][..], &formats].concat();
    let printed = workshop.run(&build).good().out;
    let files = files_in(&workshop.home().join("out"));
    let content = |name: &str| &files.iter().find(|file| file.0 == name).unwrap().1;
    assert_eq!(printed.as_bytes(), content("host-manifest.json"));
    let manifest: Value = serde_json::from_str(&printed).unwrap();
    let artefacts = manifest["artefacts"].as_array().unwrap();
    assert_eq!(artefacts.len() + 1, files.len());
    for artefact in artefacts {
        let bytes = content(artefact["file"].as_str().unwrap());
        assert_eq!(artefact["size"], bytes.len(), "{artefact}");
        let digest: String = Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(artefact["sha256"], digest.as_str(), "{artefact}");
    }
    let images: Vec<&String> = manifest["images"].as_object().unwrap().keys().collect();
    assert_eq!(images, ["oci:images:kernel", "oci:images:web"]);
}
