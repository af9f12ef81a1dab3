//! `base:`: what goes below everything else, and whose PID 1 and kernel it is then.

#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use bedplate_spec::planning::InitFlavour;
use common::{mistakes, parse_files, parse_text, plan_text, steps};
use insta::assert_snapshot;

const PLATFORM: &str = "
hostname: node
base:
  debian: {suite: trixie, packages: [systemd-sysv, linux-image-cloud-amd64]}
kernel: {cmdline: console=ttyS0}
files:
  - {path: etc/motd, contents: hello}
";

#[test]
fn a_base_brings_pid_1_and_the_kernel() {
    let planned = plan_text(PLATFORM, &[]).unwrap();
    assert_eq!(planned.init, InitFlavour::Base);
    assert_eq!(planned.cmdline, "console=ttyS0");
    assert_snapshot!(planned.kernel.as_ref().unwrap().image.0.describe(), @"debian base with systemd-sysv linux-image-cloud-amd64 (trixie)");
    assert_snapshot!(steps(&planned), @r"
    /dev  directory 0755 0:0  <- every host
    /proc  directory 0755 0:0  <- every host
    /sys  directory 0755 0:0  <- every host
    /init  symlink to /sbin/init  <- every host
    /  image debian base with systemd-sysv linux-image-cloud-amd64 (trixie)  <- base (host.yml:4)
    /etc/.updated  file 0644 0:0 (0 bytes)  <- every host
    /var/.updated  file 0644 0:0 (0 bytes)  <- every host
    /etc/hostname  file 0644 0:0 (5 bytes)  <- hostname
    /etc/motd  file 0600 0:0 (5 bytes)  <- files (host.yml:7)
    ");
}

#[test]
fn our_init_goes_on_top_of_a_base() {
    let text = "base: tar:root.tar\ninit: [bedplate]\nservices: [{name: web, image: x.test/web}]\n";
    let planned = plan_text(text, &[]).unwrap();
    assert_eq!(planned.init, InitFlavour::Bedplate);
    let steps = steps(&planned);
    let at = |part: &str| {
        steps
            .find(part)
            .unwrap_or_else(|| panic!("no {part} in\n{steps}"))
    };
    assert!(
        at("/etc/hosts") < at("tar:root.tar") && at("tar:root.tar") < at("init `bedplate`"),
        "{steps}"
    );
    assert!(planned.kernel.is_none());
}

#[test]
fn images_of_init_bring_their_own_on_top_of_a_base() {
    let planned = plan_text("base: dir:root\ninit: [x.test/init]\n", &[]).unwrap();
    assert_eq!(planned.init, InitFlavour::Images);
}

#[test]
fn a_base_is_rendered_as_it_was_written() {
    let spec = parse_text(PLATFORM).unwrap();
    let text = spec.to_yaml();
    assert!(text.contains("debian:"), "{text}");
    assert_eq!(parse_text(&text).unwrap().requests(), spec.requests());
    let spec = parse_text("base: oci:images:root\n").unwrap();
    assert_eq!(
        parse_text(&spec.to_yaml()).unwrap().requests(),
        spec.requests()
    );
}

#[test]
fn the_last_of_several_bases_counts() {
    let files = [
        ("host.yml", "include: [other.yml]\nbase: dir:mine\n"),
        ("other.yml", "base: dir:other\n"),
    ];
    let spec = parse_files(&files, &["host.yml"]).unwrap();
    let requests: Vec<String> = spec
        .requests()
        .iter()
        .map(|request| request.describe())
        .collect();
    assert_eq!(requests, ["dir:mine"]);
}

#[test]
fn mistakes_around_a_base_are_told() {
    assert_snapshot!(mistakes("
base: {debian: {packages: [systemd-sysv, -oDir=/], suit: trixie}}
services: [{name: web, image: x.test/web}]
volumes: [{name: data}]
"), @r"
    error: host.yml:2:27: `-oDir=/` is not the name of a package
    hint: a name has `a` to `z`, `0` to `9`, `+`, `-` and `.`
    error: host.yml:2:52: unknown key `suit` in a debian base
    hint: did you mean `suite`?
    ");
    assert_snapshot!(mistakes("base: {}\n"), @r"
    error: host.yml:1:7: `base` names no distribution
    hint: write `debian: {packages: […]}`, or an image reference
    ");
    assert_snapshot!(mistakes("base: {fedora: {}}\n"), @r"
    error: host.yml:1:7: `base` names no distribution
    hint: write `debian: {packages: […]}`, or an image reference
    error: host.yml:1:8: unknown key `fedora` in a base
    hint: a base has the keys `debian`
    ");
    assert_snapshot!(mistakes("base: [debian]\n"), @r"error: host.yml:1:7: `base` must be text, but this is a list");
    assert_snapshot!(mistakes("base: UPPER/case\n"), @r"error: host.yml:1:7: image reference `UPPER/case` is not valid: a repository name has only a-z, 0-9, `.`, `_`, `-` and `/`");
    assert_snapshot!(mistakes("base: {debian: {}}\nservices: [{name: web, image: x.test/web}]\nvolumes: [{name: data}]\n"), @r"
    error: host.yml:2:12: the service `web` needs Bedplate's init, and PID 1 of this host is the base's
    hint: add `init: [bedplate]`
    error: host.yml:3:11: the volume `data` needs Bedplate's init, and PID 1 of this host is the base's
    hint: add `init: [bedplate]`
    ");
}
