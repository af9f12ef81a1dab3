//! What people are told: every mistake at once, where it is, and what to do.

#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use common::{mistakes, parse_files, parse_text, plan_text};
use insta::assert_snapshot;

#[test]
fn all_mistakes_of_a_file_are_reported_at_once() {
    assert_snapshot!(mistakes("
kernel:
  image: linuxkit/kernel:6.12.59
  cmdline: [console=ttyS0]
  binnary: kernel
services:
  - name: web
    image: nginx:1.27
    comand: [nginx, -g, daemon off;]
    capabilities: CAP_NET_BIND_SERVICE
    readonly: maybe
    uid: nobdy
  - name: web/x
    image: UPPER/case
    net: bridge
files:
  - path: ../etc/passwd
    contents: x
  - path: etc/motd
    mode: 0888
"), @r#"
    error: host.yml:4:12: `cmdline` must be text, but this is a list
    error: host.yml:5:3: unknown key `binnary` in a kernel
    hint: did you mean `binary`?
    error: host.yml:9:5: unknown key `comand` in a container
    hint: did you mean `command`?
    error: host.yml:10:19: `capabilities` must be a list of texts, but this is a single value
    hint: write it as a list: `["CAP_NET_BIND_SERVICE"]`
    error: host.yml:11:15: `readonly` must be `true` or `false`, but this is `maybe`
    error: host.yml:12:10: there is no container `nobdy` to take an id from
    hint: write a number, or the name of a container in this spec
    error: host.yml:13:11: `web/x` cannot be the name of a container
    hint: it has letters, digits, `_`, `.`, `-` and `+`, and at most 128 of them
    error: host.yml:14:12: image reference `UPPER/case` is not valid: a repository name has only a-z, 0-9, `.`, `_`, `-` and `/`
    error: host.yml:15:10: `net` cannot be `bridge`
    hint: write `host`, `new`, `none`, or an absolute path
    error: host.yml:17:11: path `../etc/passwd` leaves the image: a component is `..`
    error: host.yml:19:5: nothing says what the file `etc/motd` is
    hint: add one of `contents`, `source`, `metadata`, `directory` and `symlink`
    error: host.yml:20:11: `mode` must be permissions in octal, such as `0644`, but this is `0888`
    hint: write three or four digits from 0 to 7, as for chmod
    "#);
}

#[test]
fn text_that_is_not_yaml_is_refused_with_its_place() {
    assert_snapshot!(mistakes("kernel:\n  image: a\n bad: b\n"), @r"error: host.yml:3:2: this is not valid YAML: while parsing a block mapping, did not find expected key");
    assert_snapshot!(mistakes("a: [1, 2\nb: c\n"), @r"error: host.yml:2:2: this is not valid YAML: illegal placement of ':' indicator");
    assert_snapshot!(mistakes("- one\n- two\n"), @r"error: host.yml:1:1: a spec must be a map, but this is a list");
    assert_snapshot!(mistakes("hostname: a\n---\nhostname: b\n"), @r"
    error: host.yml:2:1: a second YAML document begins here
    hint: put it into a file of its own, and give both files or use `include:`
    ");
    assert_snapshot!(mistakes("hostname: a\nhostname: b\n"), @r"
    error: host.yml:2:1: the key `hostname` is here a second time
    hint: it stands in line 1 already; one of them must go
    ");
    assert_snapshot!(mistakes("services: [{name: a, image: b, env: &x [*x]}]\n"), @r"error: host.yml:1:41: this alias stands inside the value that it repeats");
}

#[test]
fn names_that_exist_once_only_are_reported_with_both_places() {
    assert_snapshot!(mistakes("
services:
  - {name: web, image: a}
  - {name: web, image: b}
volumes:
  - {name: data}
  - {name: data}
  - {name: Data}
"), @r"
    error: host.yml:4:12: a second service has the name `web`
    hint: the first one is at host.yml:3; rename one of them
    error: host.yml:7:12: a second volume has the name `data`
    hint: the first one is at host.yml:6
    error: host.yml:8:12: `Data` cannot be the name of a volume
    hint: it has `a` to `z`, `0` to `9`, `_` and `-`, and at most 128 of them
    ");
}

#[test]
fn containers_need_an_image_and_only_one() {
    assert_snapshot!(mistakes("
init: ['', {image: ''}, {}, {packages: x}]
services:
  - name: rngd
  - name: both
    image: a
    packages: [b]
  - image: nameless
  - {name: , image: emptily-named}
  - name: pkg
    image: \"@pkg:./mypkg\"
  - name: none
    packages: []
  - name: odd
    packages: [Foo Bar]
"), @r#"
    error: host.yml:2:8: an entry of `init` has no image
    hint: write `image:` or `packages:`
    error: host.yml:2:12: an entry of `init` has no image
    hint: write `image:` or `packages:`
    error: host.yml:2:25: an entry of `init` has no image
    hint: write `image:` or `packages:`
    error: host.yml:2:40: `packages` must be a list of texts, but this is a single value
    hint: write it as a list: `["x"]`
    error: host.yml:4:5: the service `rngd` has no image
    hint: add `image:` with a reference, or `packages:` with names of distribution packages
    error: host.yml:7:15: the service `both` has both `image` and `packages`
    hint: remove one of them
    error: host.yml:8:5: an entry of `services` has no `name`
    error: host.yml:9:5: an entry of `services` has no `name`
    error: host.yml:11:12: `@pkg:./mypkg` names a LinuxKit package by its sources, which needs `linuxkit pkg build`
    hint: write the reference that `linuxkit pkg show-tag` prints
    error: host.yml:13:15: the packages of the service `none` are an empty list
    error: host.yml:15:15: `Foo Bar` is not the name of a package
    hint: a name has `a` to `z`, `0` to `9`, `+`, `-` and `.`
    "#);
}

#[test]
fn supervision_is_refused_where_it_would_be_dropped() {
    assert_snapshot!(mistakes("
init: [linuxkit/init:v1]
onboot:
  - {name: first, image: a, restart: always}
  - {name: second, image: a, onFailure: continue}
services:
  - {name: web, image: a, restart: always, ready: {tcp: 80}}
  - {name: db, image: a, after: [web], onFailure: stop}
"), @r"
    error: host.yml:4:38: `restart` has no meaning for the onboot container `first`
    hint: it belongs to containers under `services:`
    error: host.yml:5:41: `onFailure` needs Bedplate's init, but the images of `init:` bring their own
    hint: remove `init:`, or add `bedplate` to it in place of LinuxKit's init, runc and containerd
    error: host.yml:7:36: `restart` needs Bedplate's init, but the images of `init:` bring their own
    hint: remove `init:`, or add `bedplate` to it in place of LinuxKit's init, runc and containerd
    error: host.yml:7:51: `ready` needs Bedplate's init, but the images of `init:` bring their own
    hint: remove `init:`, or add `bedplate` to it in place of LinuxKit's init, runc and containerd
    error: host.yml:8:33: `after` needs Bedplate's init, but the images of `init:` bring their own
    hint: remove `init:`, or add `bedplate` to it in place of LinuxKit's init, runc and containerd
    error: host.yml:8:51: `onFailure` has no meaning for the service `db`
    hint: it belongs to containers under `onboot:`
    ");
}

#[test]
fn services_that_wait_for_each_other_are_named_in_a_chain() {
    assert_snapshot!(mistakes("
onboot:
  - {name: net, image: x}
services:
  - {name: a, image: x, after: [b]}
  - {name: b, image: x, after: [c]}
  - {name: c, image: x, after: [a, d]}
  - {name: d, image: x, after: [d]}
  - {name: e, image: x, after: [net, dd, nothing]}
"), @r"
    error: host.yml:7:33: services wait for each other: a -> b -> c -> a
    hint: remove one of these `after`
    error: host.yml:8:33: services wait for each other: d -> d
    hint: remove one of these `after`
    error: host.yml:9:33: the service `e` waits for `net`, which is no service
    hint: services start when all of `onboot` has ended, so there is no need to say it
    error: host.yml:9:38: the service `e` waits for `dd`, which is no service
    hint: `after` names other services of this spec
    error: host.yml:9:42: the service `e` waits for `nothing`, which is no service
    hint: `after` names other services of this spec
    ");
}

#[test]
fn probes_are_exactly_one_and_understood() {
    assert_snapshot!(mistakes("
services:
  - {name: a, image: x, ready: {}}
  - {name: b, image: x, ready: {tcp: 80, file: /ok}}
  - {name: c, image: x, ready: {tcp: 0}}
  - {name: d, image: x, ready: {http: 'https://127.0.0.1/'}}
  - {name: e, image: x, ready: {file: ok}}
  - {name: f, image: x, ready: {exec: []}}
  - {name: g, image: x, ready: {tcp: 1, interval: soon}}
"), @r"
    error: host.yml:3:32: `ready` has nothing to try
    hint: write one of `tcp`, `http`, `file` and `exec`
    error: host.yml:4:32: `ready` has more than one probe
    hint: write one of `tcp`, `http`, `file` and `exec`
    error: host.yml:5:38: `tcp` must be a number from 1 to 65535, but this is `0`
    error: host.yml:6:39: the probe `https://127.0.0.1/` is not plain http
    hint: write `http://127.0.0.1:8080/health`, or `8080/health`
    error: host.yml:7:39: `ok` is not an absolute path
    hint: it begins with `/` and has no `..`
    error: host.yml:8:39: the command of `exec` is empty
    error: host.yml:9:51: `interval` must be a time such as `500ms`, `10s` or `2m`, but this is `soon`
    ");
}

#[test]
fn values_with_a_language_of_their_own_are_checked() {
    assert_snapshot!(mistakes("
volumes:
  - {name: data, readonly: true}
services:
  - name: web
    image: x
    binds: [/a, 'dat:/b', 'data:/c', '/x:/y:ro:z']
    mounts: [{type: bind, source: data, destination: /d}, {options: [ro]}, {type: ext4}]
    tmpfs: ['/t:a:b']
    rlimits: ['nofiles,1,2', 'nofile,1', 'nofile,x,2']
    capabilities: [all, CAP_CHOWN, NET_ADMIN, CAP_NOPE]
    devices: [{path: /dev/x, type: x}, {type: c, path: /dev/y, mode: rw}]
    uidMappings: [{hostID: 1000, size: 1}]
    runtime: {interfaces: [{name: eth0, add: veth}]}
"), @r"
    error: host.yml:7:13: the bind `/a` has no `:`
    hint: write `SOURCE:DESTINATION` or `SOURCE:DESTINATION:OPTIONS`
    error: host.yml:7:17: there is no volume `dat`
    hint: did you mean `data`?
    error: host.yml:7:27: the volume `data` is read-only, but this mounts it for writing
    hint: add the option `ro`
    error: host.yml:7:38: the bind `/x:/y:ro:z` has too many `:`
    hint: write `SOURCE:DESTINATION` or `SOURCE:DESTINATION:OPTIONS`
    error: host.yml:8:14: the volume `data` is read-only, but this mounts it for writing
    hint: add the option `ro`
    error: host.yml:8:59: a mount has neither type nor destination
    hint: add `type:` and `destination:`
    error: host.yml:8:76: the mount of type `ext4` has no destination
    hint: add `destination:`
    error: host.yml:9:13: the tmpfs `/t:a:b` cannot be understood
    hint: write `DESTINATION` or `DESTINATION:OPTIONS`
    error: host.yml:10:15: unknown limit `nofiles`
    hint: known limits: cpu, fsize, data, stack, core, rss, nproc, nofile, memlock, as, locks, sigpending, msgqueue, nice, rtprio, rttime
    error: host.yml:10:30: the limit `nofile,1` cannot be understood
    hint: write `NAME,SOFT,HARD`, such as `nofile,1024,4096`
    error: host.yml:10:42: the limit `x` of `nofile` is not a number
    hint: write a number or `unlimited`
    error: host.yml:11:20: `all` stands beside other capabilities
    hint: `all` must be the only entry
    error: host.yml:11:36: unknown capability `NET_ADMIN`
    hint: did you mean `CAP_NET_ADMIN`?
    error: host.yml:11:47: unknown capability `CAP_NOPE`
    hint: capabilities are written as in capabilities(7), `CAP_NET_ADMIN`
    error: host.yml:12:36: `type` must be `a`, `b`, `c`, `p` or `u`, but this is `x`
    error: host.yml:12:70: `mode` must be permissions in octal, such as `0644`, but this is `rw`
    hint: write three or four digits from 0 to 7, as for chmod
    error: host.yml:13:19: an entry of `uidMappings` has no `containerID`
    error: host.yml:14:28: the veth `eth0` has no `peer`
    hint: name its other end, which stays in the host
    ");
}

#[test]
fn files_are_one_thing_only() {
    assert_snapshot!(mistakes("
files:
  - {path: a}
  - {path: b, contents: x, source: y}
  - {path: c, directory: true, symlink: d}
  - {path: /}
  - {path: f, source: '~/f', uid: nobody}
  - {path: g, metadata: toml}
  - {contents: x}
"), @r"
    error: host.yml:3:5: nothing says what the file `a` is
    hint: add one of `contents`, `source`, `metadata`, `directory` and `symlink`
    error: host.yml:4:5: the file `b` has `contents` and `source`
    hint: a file is one thing only: remove the others
    error: host.yml:5:5: the file `c` has `directory` and `symlink`
    hint: a file is one thing only: remove the others
    error: host.yml:6:5: nothing says what the file `/` is
    hint: add one of `contents`, `source`, `metadata`, `directory` and `symlink`
    error: host.yml:6:12: the path `/` of a file is the root itself
    error: host.yml:7:35: there is no container `nobody` to take an id from
    hint: write a number, or the name of a container in this spec
    error: host.yml:8:25: `metadata` must be `yaml` or `json`, but this is `toml`
    error: host.yml:9:5: an entry of `files` has no `path`
    ");
}

#[test]
fn warnings_do_not_stop_a_spec() {
    assert_snapshot!(mistakes("
trust: {org: [linuxkit], image: [a]}
volumes:
  - {name: v, image: x, platforms: [linux/amd64]}
files:
  - {path: /var/lib/x, contents: y, optional: true}
"), @r"
    no mistakes
    warning: host.yml:2:8: `trust.image` and `trust.org` have no effect: image signatures of this kind no longer exist
    hint: pin images by digest: `image: NAME@sha256:…`
    warning: host.yml:4:36: `platforms` has no effect for the volume `v` without `format: oci`
    warning: host.yml:6:12: `/var/lib/x` cannot be seen in the running host: a tmpfs is mounted on `/var`
    hint: place it elsewhere and bind it into the container that needs it
    warning: host.yml:6:47: `optional` has no effect without `source`
    ");
}

#[test]
fn a_root_image_needs_an_init_of_its_own_and_keys_that_are_keys() {
    assert_snapshot!(mistakes("
root: image
trust: {keys: [0123]}
"), @r"
    error: host.yml:2:7: `root: image` is for hosts whose root brings its own PID 1, and this one has `bedplate`
    hint: leave `root` out, or name images in `init` that hold `/sbin/init`, such as those of systemd
    error: host.yml:3:16: `0123` is no public key of ed25519
    hint: it has 64 digits of 0 to 9 and a to f; `bedplate key show FILE` prints that of a secret key
    ");
    assert_snapshot!(mistakes("
root: image
init: ['dir:root']
trust: {keys: [3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c]}
"), @"no mistakes");
}

#[test]
fn zfs_needs_a_base_that_its_modules_can_be_built_with() {
    assert_snapshot!(mistakes("
zfs: true
base: dir:root
"), @r"
    error: host.yml:2:6: `zfs` takes a base of Debian packages, which its modules are built with
    hint: write `base: {debian: {packages: […]}}`
    ");
}

#[test]
fn volumes_in_the_form_of_a_layout_need_an_image_of_that_kind() {
    assert_snapshot!(mistakes("
volumes:
  - {name: a, format: oci}
  - {name: b, format: oci, image: 'dir:root'}
  - {name: c, format: oci, image: x, platforms: [amd64]}
"), @r"
    error: host.yml:3:5: the volume `a` has `format: oci` but no image
    hint: add `image:`
    error: host.yml:4:5: the volume `b` has `format: oci`, but what it names is no OCI image
    hint: name an image of a registry, `oci:` or an archive, or use `format: filesystem`
    error: host.yml:5:50: `amd64` is not a platform
    hint: write `linux/amd64`, or `linux/arm64/v8`
    ");
}

#[test]
fn includes_that_fail_are_reported_where_they_stand() {
    let files = [
        ("a.yml", "include: [b.yml, missing.yml]\nhostname: a\n"),
        ("b.yml", "include:\n  - c.yml\n"),
        ("c.yml", "include: [a.yml]\nhostname: -c-\n"),
    ];
    assert_snapshot!(parse_files(&files, &["a.yml", "none.yml"]).unwrap_err(), @r"
    error: cannot read the spec `none.yml`: No such file or directory
    error: c.yml:1:11: this include leads back to itself: a.yml -> b.yml -> c.yml -> a.yml
    hint: remove one of these includes
    error: c.yml:2:11: `-c-` is not a host name
    hint: it has letters, digits, `-` and `.`, and at most 64 characters (hostname(7))
    error: a.yml:1:18: cannot read the spec `missing.yml`: No such file or directory
    ");
}

#[test]
fn variables_without_a_value_are_reported_where_they_stand() {
    assert_snapshot!(mistakes("services:\n  - name: web\n    image: x:${TAG}\n"), @r"
    error: host.yml:3:12: the variable `TAG` is not set
    hint: set it with `--set TAG=VALUE` or where the file is included, give a default with `${TAG:-VALUE}`, or write `$${TAG}` for the text itself
    ");
}

#[test]
fn aliases_cannot_make_a_file_explode() {
    let mut text = "a0: &a0 [xxxxxxxxxxxxxxxx, xxxxxxxxxxxxxxxx]\n".to_owned();
    for level in 1..30 {
        let last = level - 1;
        text.push_str(&format!(
            "a{level}: &a{level} [*a{last}, *a{last}, *a{last}, *a{last}]\n"
        ));
    }
    let found = parse_text(&text).unwrap_err().to_string();
    assert!(
        found.contains("the aliases of this file make it far too large"),
        "{found}"
    );
    let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
    assert_snapshot!(mistakes(&deep), @r"error: host.yml:1:67: lists and maps are nested more than 64 deep here");
}

#[test]
fn labels_are_held_to_the_same_rules() {
    let label = r#"{"binds": ["/a"], "capabilites": ["all"], "name": "x", "restart": "always"}"#;
    let planned = plan_text(
        "services: [{name: web, image: x.test/web}]",
        &[("web", common::labelled(label))],
    );
    assert_snapshot!(planned.unwrap_err(), @r"
    error: host.yml:1:12: in the label `org.mobyproject.config` of `x.test/web:latest`: unknown key `capabilites` in a label
    hint: did you mean `capabilities`?
    error: host.yml:1:12: in the label `org.mobyproject.config` of `x.test/web:latest`: unknown key `name` in a label
    hint: only a spec can say `name`, a label cannot
    error: host.yml:1:12: in the label `org.mobyproject.config` of `x.test/web:latest`: unknown key `restart` in a label
    hint: only a spec can say `restart`, a label cannot
    error: host.yml:1:12: in the label `org.mobyproject.config` of `x.test/web:latest`: the bind `/a` has no `:`, in `binds/0`
    hint: write `SOURCE:DESTINATION` or `SOURCE:DESTINATION:OPTIONS`
    ");
}

#[test]
fn what_cannot_run_is_refused_when_the_image_is_known() {
    let mut image = common::stand_in();
    image.config.entrypoint = None;
    image.config.cmd = None;
    image.config.user = "redis".into();
    let text = "services: [{name: web, image: x.test/web, hostname: inner}]";
    assert_snapshot!(plan_text(text, &[("web", image.clone())]).unwrap_err(), @r"
    error: host.yml:1:12: neither the spec nor its image gives `web` a command
    hint: add `command:` with the program and its arguments
    error: host.yml:1:12: `web` has a `hostname` but shares the host's name
    hint: add `uts: new`
    ");
    image.arch = Some(bedplate_types::Arch::Arm64);
    let text = "services: [{name: web, image: x.test/web, command: [a]}]";
    assert_snapshot!(plan_text(text, &[("web", image.clone())]).unwrap_err(), @r"
    error: the image `x.test/web:latest` is for arm64, but the host is for amd64
    hint: name an image that has this architecture, or build with `--arch`
    ");
    image.arch = None;
    assert_snapshot!(plan_text(text, &[("web", image)]).unwrap().warnings, @r"
    warning: host.yml:1:12: the image of `web` asks for the user `redis`, which is not looked at: it runs as root
    hint: set `uid:` and `gid:` to numbers, or to 0 to keep root
    ");
}

#[test]
fn what_an_include_sets_must_be_used_and_hold_where_it_stands() {
    let files = [
        (
            "a.yml",
            "include:\n  - {file: b.yml, set: {LABLE: x}}\n  - {file: c.yml, set: {A: x}}\n  - {set: {A: x}}\nhostname: a\n",
        ),
        ("b.yml", "hostname: ${LABEL}\n"),
        ("c.yml", "hostname: c\n"),
    ];
    assert_snapshot!(parse_files(&files, &["a.yml"]).unwrap_err(), @r"
    error: b.yml:1:11: the variable `LABEL` is not set
    hint: set it with `--set LABEL=VALUE` or where the file is included, give a default with `${LABEL:-VALUE}`, or write `$${LABEL}` for the text itself
    error: a.yml:2:32: `b.yml` does not use the variable `LABLE`
    hint: did you mean `LABEL`?
    error: a.yml:3:28: `c.yml` does not use the variable `A`
    hint: it uses none
    error: a.yml:4:5: an entry of `include` has no `file`
    ");
}
