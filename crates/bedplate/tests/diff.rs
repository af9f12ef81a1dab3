//! `bedplate diff`: what it tells of two built hosts, and of files that are none.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::fs;

use bedplate_testkit::{Image, Layer};
use serde_json::Value;
use workshop::{Said, Workshop, judge};

const STATUS: &str = "var/lib/dpkg/status";

fn status(packages: &[(&str, &str)]) -> String {
    let stanza = |(name, version): &(&str, &str)| {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n"
        )
    };
    packages.iter().map(stanza).collect()
}

/// Two hosts in `old` and `new`, each in two forms, which differ in one thing of each kind.
fn two_hosts() -> Workshop {
    let workshop = Workshop::with_images();
    let images = workshop.home().join("images");
    let units = "usr/lib/systemd/system";
    let wants = "etc/systemd/system/multi-user.target.wants";
    let old = Layer::new()
        .file(
            STATUS,
            0o644,
            status(&[("gone", "1"), ("moved", "1.0"), ("same", "3")]),
        )
        .file("etc/same", 0o644, "same")
        .file("etc/bytes", 0o644, "abcd")
        .file("etc/longer", 0o644, "a")
        .file("etc/mode", 0o644, "m")
        .file("etc/gone", 0o600, "gone")
        .symlink("etc/link", "here")
        .file("etc/turns", 0o644, "a file")
        .file("bin/ping", 0o755, "ping")
        .file(&format!("{units}/a.service"), 0o644, "a")
        .file(&format!("{units}/b.timer"), 0o644, "b")
        .symlink(
            &format!("{wants}/a.service"),
            "/usr/lib/systemd/system/a.service",
        );
    let new = Layer::new()
        .file(
            STATUS,
            0o644,
            status(&[("come", "1"), ("moved", "1.1"), ("same", "3")]),
        )
        .file("etc/same", 0o644, "same")
        .file("etc/bytes", 0o644, "abce")
        .file("etc/longer", 0o644, "a".repeat(5000))
        .file("etc/mode", 0o4755, "m")
        .owned_by(0, 42)
        .symlink("etc/link", "there")
        .symlink("etc/turns", "bytes")
        .file("etc/new \u{1b}[31m", 0o644, "new")
        .file("bin/ping", 0o755, "ping")
        .xattr("security.capability", workshop::CAP_NET_RAW)
        .file(&format!("{units}/a.service"), 0o644, "a")
        .file(&format!("{units}/b.timer"), 0o644, "b")
        .file(&format!("{units}/c.socket"), 0o644, "c")
        .symlink("etc/systemd/system/b.timer", "/dev/null");
    for (name, layer, cmdline) in [("old", old, "quiet"), ("new", new, "debug")] {
        Image::new().layer(&layer).write_oci(&images, name);
        let spec = format!(
            "kernel: {{image: 'oci:images:kernel', cmdline: {cmdline}}}\ninit: ['oci:images:{name}']\n"
        );
        workshop.write(&format!("{name}.yml"), spec);
        for format in ["tar", "kernel+initrd"] {
            let (spec, out) = (format!("{name}.yml"), format!("{name}-{format}"));
            let build = [
                "build",
                &spec,
                "-o",
                &out,
                "--format",
                format,
                "--drop-xattrs",
            ];
            workshop.run(&build).good();
        }
    }
    workshop
}

fn ended(said: Said, code: i32) -> String {
    assert_eq!(said.code, Some(code), "{}{}", said.out, said.err);
    said.out
}

#[test]
fn each_kind_of_difference_is_told() {
    let workshop = two_hosts();
    let told = ended(workshop.run(&["diff", "old-tar", "new-tar"]), 1);
    insta::assert_snapshot!(told, @"");

    // An initrd has the same tree, but for attributes.
    let arguments = ["diff", "old-kernel+initrd", "new-kernel+initrd", "--files"];
    let told = ended(workshop.run(&arguments), 1);
    insta::assert_snapshot!(told, @"");

    let arguments = [
        "diff",
        "old-tar/old.tar",
        "new-tar",
        "--packages",
        "--units",
    ];
    let told = ended(workshop.run(&arguments), 1);
    insta::assert_snapshot!(told, @"");

    let json = ["diff", "old-tar", "new-tar", "--json"];
    let json: Value = serde_json::from_str(&ended(workshop.run(&json), 1)).unwrap();
    let at = |path: &str| {
        let mut files = json["files"].as_array().unwrap().iter();
        files.find(|file| file["path"] == path).unwrap().to_string()
    };
    insta::assert_snapshot!(at("/etc/mode"), @"");
    insta::assert_snapshot!(at("/etc/turns"), @"");
    insta::assert_snapshot!(json["units"].to_string(), @"");
    insta::assert_snapshot!(json["packages"].to_string(), @"");
    insta::assert_snapshot!(json["cmdline"].to_string(), @"");
    assert_eq!(json["equal"], false);
}

#[test]
fn equal_hosts_do_not_differ_whatever_form_they_have() {
    let workshop = two_hosts();
    // What mksquashfs makes of the tar is the same tree.
    judge(
        "sqfstar -comp gzip -no-progress -root-mode 755 \"$1.img\" <\"$1\" >/dev/null && chmod 644 \"$1.img\"",
        &[&workshop.home().join("new-tar/new.tar")],
    );
    for (old, new) in [
        ("old-tar", "old-tar/old.tar"),
        ("new-tar", "new-tar/new.tar.img"),
        ("new-kernel+initrd", "new-kernel+initrd/new-initrd.img"),
    ] {
        assert_eq!(
            ended(workshop.run(&["diff", old, new, "--files", "--units"]), 0),
            ""
        );
    }
    let json = ["diff", "old-tar", "old-tar", "--json"];
    let json: Value = serde_json::from_str(&ended(workshop.run(&json), 0)).unwrap();
    assert_eq!(json["equal"], true);
}

#[test]
fn a_root_image_is_read_wherever_it_lies() {
    let workshop = two_hosts();
    let spec = workshop.write(
        "apart.yml",
        "kernel: {image: 'oci:images:kernel', cmdline: quiet}\nroot: image\ninit: ['oci:images:new']\n",
    );
    let spec = spec.to_str().unwrap();
    for format in ["kernel+initrd+root", "kernel+initrd", "tar"] {
        workshop
            .run(&["build", spec, "-o", format, "--format", format])
            .good();
    }
    let netboot = "kernel+initrd+root/apart-root.img";
    for other in ["kernel+initrd+root", "kernel+initrd"] {
        assert_eq!(
            ended(workshop.run(&["diff", netboot, other, "--files"]), 0),
            "",
            "{other}"
        );
    }
    // A tar has the kernel besides.
    let told = ended(workshop.run(&["diff", netboot, "tar", "--files"]), 1);
    insta::assert_snapshot!(told, @"");
}

#[test]
fn what_is_no_host_is_told() {
    let workshop = two_hosts();
    workshop.write("text", "hello\n");
    let bad = |old: &str, code| workshop.run(&["diff", old, "new-tar"]).bad(code);
    insta::assert_snapshot!(bad("text", 5), @"");
    insta::assert_snapshot!(bad("missing", 6), @"");
    insta::assert_snapshot!(bad("images", 6), @"");

    let home = workshop.home();
    let cut = |from: &str, to: &str, len: usize| {
        let bytes = fs::read(home.join(from)).unwrap();
        workshop.write(to, &bytes[..len]);
    };
    cut("old-tar/old.tar", "cut.tar", 3000);
    insta::assert_snapshot!(bad("cut.tar", 5), @"");
    let initrd = "old-kernel+initrd/old-initrd.img";
    cut(initrd, "cut-initrd.img", 300);
    insta::assert_snapshot!(bad("cut-initrd.img", 5), @"");
    cut(initrd, initrd, 300);
    insta::assert_snapshot!(bad("old-kernel+initrd", 5), @"");
    fs::remove_file(home.join(initrd)).unwrap();
    insta::assert_snapshot!(bad("old-kernel+initrd", 6), @"");
    workshop.write("bad-manifest.json", "{}");
    insta::assert_snapshot!(bad("bad-manifest.json", 5), @"");
    workshop.write("image", b"hsqs and no more");
    insta::assert_snapshot!(bad("image", 5), @"");
}
