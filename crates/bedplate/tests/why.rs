//! `bedplate why`: who put a path into a host.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use insta::assert_snapshot;
use serde_json::Value;
use workshop::{KERNEL, Workshop};

const SPEC: &str = "\
init: [bedplate, 'oci:images:web', 'oci:images:over', 'dir:root']
services: [{name: web, image: 'oci:images:web'}]
files:
  - {path: bin/su, contents: mine}
  - {path: etc/motd, contents: hello}
";

#[test]
fn every_path_has_somebody_who_put_it_there() {
    let workshop = Workshop::with_images();
    workshop.directory("root/opt");
    workshop.write("root/opt/tool", "tool");
    workshop.write("host.yml", format!("{KERNEL}{SPEC}"));
    let why = |path: &str| workshop.run(&["why", path, "host.yml"]).good().out;

    assert_snapshot!(why("/bin/ping"), @r"
    /bin/ping: file 0755 0:0
      from layer 1 of oci:images:web
    ");
    assert_snapshot!(why("/opt/tool"), @r"
    /opt/tool: file 0644 0:0
      from layer 1 of dir:root
    ");
    assert_snapshot!(why("/bin/sh"), @r"
    /bin/sh -> web: symlink 0777 0:0
      from layer 1 of oci:images:web
    ");
    assert_snapshot!(why("bin/su"), @r"
    /bin/su: file 0600 0:0
      from files (host.yml:5)
      over layer 1 of oci:images:web
    ");
    assert_snapshot!(why("/etc/hosts"), @r"
    /etc/hosts: file 0644 0:0
      from init `oci:images:over` (host.yml:2)
      over layer 1 of oci:images:over
      over init `oci:images:web` (host.yml:2)
      over layer 1 of oci:images:web
      over every host
    ");
    assert_snapshot!(why("/etc/motd"), @r"
    /etc/motd: file 0600 0:0
      from files (host.yml:6)
    ");
    assert_snapshot!(why("/lib/modules/1/x.ko"), @r"
    /lib/modules/1/x.ko: file 0644 0:0
      from `kernel.tar` of oci:images:kernel
    ");
    assert_snapshot!(why("/containers/services/web/config.json"), @r"
    /containers/services/web/config.json: file 0644 0:0
      from services `web` (host.yml:3)
    ");
    assert_snapshot!(why("/etc/bedplate/host.json"), @r"
    /etc/bedplate/host.json: file 0644 0:0
      from init `bedplate`
    ");
    assert_snapshot!(why("/init"), @r"
    /init: file 0755 0:0
      from init `bedplate`
    ");

    let json = workshop
        .run(&["--json", "why", "/bin/su", "host.yml"])
        .good();
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["path"], "/bin/su");
    assert_eq!(json["kind"], "file");
    assert_eq!(json["len"], 4);
    assert_eq!(json["origin"], "files (host.yml:5)");
    assert_eq!(
        json["over"],
        serde_json::json!(["layer 1 of oci:images:web"])
    );

    let missing = |path: &str| workshop.run(&["why", path, "host.yml"]).bad(1);
    assert_snapshot!(missing("/nothing"), @"error: the host has no `/nothing`");
    assert_snapshot!(missing("/etc/no/thing"), @r"
    error: the host has no `/etc/no/thing`
    hint: the nearest that it has is `/etc`
    ");
    assert_snapshot!(missing("/bin/sh/x"), @r"
    error: the host has no `/bin/sh/x`
    hint: `/bin/sh` is a symlink to `web`: look there
    ");
    let json = workshop.run(&["why", "/nothing", "host.yml", "--json"]);
    assert_eq!((json.code, json.err.as_str()), (Some(1), ""));
    let json: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["error"], "the host has no `/nothing`");
    assert_eq!(json["exitCode"], 1);
    let outside = workshop.run(&["why", "../etc", "host.yml"]).bad(2);
    assert!(outside.contains("leaves the image"), "{outside}");
}
