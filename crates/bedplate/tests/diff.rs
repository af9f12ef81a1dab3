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
    insta::assert_snapshot!(told, @r"
    command line:
      - quiet
      + debug
    packages: 1 added, 1 removed, 1 changed
      + come 1 (amd64)
      - gone 1 (amd64)
      ~ moved 1.0 -> 1.1 (amd64)
    units: 1 added, 2 changed
      ~ a.service: not enabled by multi-user.target any more
      ~ b.timer: masked
      + c.socket
    files: 3 added, 3 removed, 8 changed
      ~ /bin/ping: attributes security.capability
      ~ /boot/cmdline: content
      ~ /etc/bytes: content
      - /etc/gone: file, 4 B
      ~ /etc/link: target here -> there
      ~ /etc/longer: size 1 B -> 4.9 KiB
      ~ /etc/mode: mode 0644 -> 4755, owner 0:0 -> 0:42
      + /etc/new \u{1b}[31m: file, 3 B
      + /etc/systemd/system/b.timer: symlink to /dev/null
      - /etc/systemd/system/multi-user.target.wants: directory
      - /etc/systemd/system/multi-user.target.wants/a.service: symlink to /usr/lib/systemd/system/a.service
      ~ /etc/turns: file, 6 B -> symlink to bytes, mode 0644 -> 0777
      + /usr/lib/systemd/system/c.socket: file, 1 B
      ~ /var/lib/dpkg/status: content
    sizes:
      image: 28.0 KiB -> 33.5 KiB (+5.5 KiB)
      contents: 433 B -> 5.3 KiB (+4.9 KiB)
      the tar artefact: 28.0 KiB -> 33.5 KiB (+5.5 KiB)
      largest changes:
          +4.9 KiB /etc/longer
              -6 B /etc/turns
              -4 B /etc/gone
              +3 B /etc/new \u{1b}[31m
              +1 B /usr/lib/systemd/system/c.socket
    ");

    // An initrd has the same tree, but for attributes.
    let arguments = ["diff", "old-kernel+initrd", "new-kernel+initrd", "--files"];
    let told = ended(workshop.run(&arguments), 1);
    insta::assert_snapshot!(told, @r"
    files: 3 added, 3 removed, 6 changed
      ~ /etc/bytes: content
      - /etc/gone: file, 4 B
      ~ /etc/link: target here -> there
      ~ /etc/longer: size 1 B -> 4.9 KiB
      ~ /etc/mode: mode 0644 -> 4755, owner 0:0 -> 0:42
      + /etc/new \u{1b}[31m: file, 3 B
      + /etc/systemd/system/b.timer: symlink to /dev/null
      - /etc/systemd/system/multi-user.target.wants: directory
      - /etc/systemd/system/multi-user.target.wants/a.service: symlink to /usr/lib/systemd/system/a.service
      ~ /etc/turns: file, 6 B -> symlink to bytes, mode 0644 -> 0777
      + /usr/lib/systemd/system/c.socket: file, 1 B
      ~ /var/lib/dpkg/status: content
    ");

    let arguments = [
        "diff",
        "old-tar/old.tar",
        "new-tar",
        "--packages",
        "--units",
    ];
    let told = ended(workshop.run(&arguments), 1);
    insta::assert_snapshot!(told, @r"
    packages: 1 added, 1 removed, 1 changed
      + come 1 (amd64)
      - gone 1 (amd64)
      ~ moved 1.0 -> 1.1 (amd64)
    units: 1 added, 2 changed
      ~ a.service: not enabled by multi-user.target any more
      ~ b.timer: masked
      + c.socket
    ");

    let json = ["diff", "old-tar", "new-tar", "--json"];
    let json: Value = serde_json::from_str(&ended(workshop.run(&json), 1)).unwrap();
    let at = |path: &str| {
        let mut files = json["files"].as_array().unwrap().iter();
        files.find(|file| file["path"] == path).unwrap().to_string()
    };
    insta::assert_snapshot!(at("/etc/mode"), @r#"{"changed":["mode","owner"],"new":{"gid":42,"kind":"file","mode":"4755","size":1,"uid":0},"old":{"gid":0,"kind":"file","mode":"0644","size":1,"uid":0},"path":"/etc/mode"}"#);
    insta::assert_snapshot!(at("/etc/turns"), @r#"{"changed":["kind","mode"],"new":{"gid":0,"kind":"symlink","mode":"0777","target":"bytes","uid":0},"old":{"gid":0,"kind":"file","mode":"0644","size":6,"uid":0},"path":"/etc/turns"}"#);
    insta::assert_snapshot!(json["units"].to_string(), @r#"[{"new":{"exists":true,"masked":false},"old":{"enabledBy":["multi-user.target"],"exists":true,"masked":false},"unit":"a.service"},{"new":{"exists":true,"masked":true},"old":{"exists":true,"masked":false},"unit":"b.timer"},{"new":{"exists":true,"masked":false},"unit":"c.socket"}]"#);
    insta::assert_snapshot!(json["packages"].to_string(), @r#"[{"arch":"amd64","name":"come","new":["1"],"old":[]},{"arch":"amd64","name":"gone","new":[],"old":["1"]},{"arch":"amd64","name":"moved","new":["1.1"],"old":["1.0"]}]"#);
    insta::assert_snapshot!(json["cmdline"].to_string(), @r#"{"new":"debug","old":"quiet"}"#);
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
    insta::assert_snapshot!(told, @r"
    files: 3 added
      + /boot: directory
      + /boot/cmdline: file, 5 B
      + /boot/kernel: file, 8 B
    ");
}

#[test]
fn what_is_no_host_is_told() {
    let workshop = two_hosts();
    workshop.write("text", "hello\n");
    let bad = |old: &str, code| workshop.run(&["diff", old, "new-tar"]).bad(code);
    insta::assert_snapshot!(bad("text", 5), @"error: text is no manifest, tar, SquashFS image, initrd, EFI program or disk of a host");
    insta::assert_snapshot!(bad("missing", 6), @r"
    error: cannot read missing
      caused by: No such file or directory (os error 2)
    ");
    insta::assert_snapshot!(bad("images", 6), @r"
    error: images has no manifest of a host
    hint: name the manifest, or another file of the host
    ");

    let home = workshop.home();
    let cut = |from: &str, to: &str, len: usize| {
        let bytes = fs::read(home.join(from)).unwrap();
        workshop.write(to, &bytes[..len]);
    };
    cut("old-tar/old.tar", "cut.tar", 3000);
    insta::assert_snapshot!(bad("cut.tar", 5), @r"
    error: cannot read cut.tar as a tar
      caused by: byte 2560 of the archive does not begin a tar header
      caused by: the archive ends in the middle of a block
    ");
    let initrd = "old-kernel+initrd/old-initrd.img";
    cut(initrd, "cut-initrd.img", 300);
    insta::assert_snapshot!(bad("cut-initrd.img", 5), @r"
    error: cannot read cut-initrd.img as an initrd
      caused by: incomplete frame
    ");
    cut(initrd, initrd, 300);
    insta::assert_snapshot!(bad("old-kernel+initrd", 5), @r"
    error: old-kernel+initrd/old-initrd.img has 300 bytes, and its manifest says 830
    hint: it was changed or cut off: build or copy it again
    ");
    fs::remove_file(home.join(initrd)).unwrap();
    insta::assert_snapshot!(bad("old-kernel+initrd", 6), @r"
    error: no file that old-kernel+initrd/old-manifest.json names can be looked into
    hint: build with --format tar, kernel+initrd, kernel+initrd+root, uki or raw, or put the files beside it
    ");
    workshop.write("bad-manifest.json", "{}");
    insta::assert_snapshot!(bad("bad-manifest.json", 5), @r"
    error: cannot read bad-manifest.json as a manifest of a host
      caused by: missing field `version` at line 1 column 2
    ");
    workshop.write("image", b"hsqs and no more");
    insta::assert_snapshot!(bad("image", 5), @r"
    error: cannot read image as a SquashFS image
      caused by: the SquashFS image is cut off: it should have 96 bytes, and has 16
    ");
}

#[test]
fn a_directory_of_several_hosts_is_no_host() {
    let workshop = two_hosts();
    let home = workshop.home();
    for name in ["old", "new"] {
        let file = format!("{name}-manifest.json");
        let from = home.join(format!("{name}-tar")).join(&file);
        workshop.write(&file, fs::read(from).unwrap());
    }
    insta::assert_snapshot!(workshop.run(&["diff", ".", "new-tar"]).bad(6), @r"
    error: . has 2 manifests of hosts
    hint: name the manifest, or another file of the host
    ");
}
