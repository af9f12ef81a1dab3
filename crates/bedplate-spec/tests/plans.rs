//! What goes where, and in which order.

#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use bedplate_spec::planning::Action;
use common::{file, parse_files, parse_text, plan_text, steps};
use insta::assert_snapshot;

#[test]
fn a_host_with_our_init_is_laid_out_for_it() {
    let planned = plan_text(
        "
hostname: hello
kernel:
  packages: [linux-image-cloud-amd64]
  cmdline: console=ttyS0
onboot:
  - name: dhcp
    image: x.test/dhcp
    onFailure: continue
services:
  - name: web
    image: dir:web
    command: [/server]
    restart: always
    ready: {http: 8080/health, interval: 500ms}
  - name: api
    packages: [python3-minimal]
    command: [python3]
    readonly: true
    after: [web]
onshutdown:
  - {name: bye, image: x.test/dhcp}
volumes:
  - {name: data}
  - {name: fixed, image: x.test/fixed, readonly: true}
files:
  - {path: /etc/motd, contents: hello, mode: 0644, uid: web}
  - {path: etc/keys, source: ~/keys, optional: true}
  - {path: etc/tree, source: tree}
  - {path: etc/dir, directory: true}
  - {path: etc/link, symlink: motd}
",
        &[],
    )
    .unwrap();
    assert_snapshot!(steps(&planned), @r"
    /dev  directory 0755 0:0  <- every host
    /dev/pts  directory 0755 0:0  <- every host
    /dev/shm  directory 0755 0:0  <- every host
    /etc  directory 0755 0:0  <- every host
    /proc  directory 0755 0:0  <- every host
    /sys  directory 0755 0:0  <- every host
    /etc/mtab  symlink to /proc/mounts  <- every host
    /etc/hosts  file 0644 0:0 (160 bytes)  <- every host
    /containers  directory 0755 0:0  <- every host
    /mnt  directory 0755 0:0  <- every host
    /root  directory 0700 0:0  <- every host
    /run  directory 0755 0:0  <- every host
    /tmp  directory 1777 0:0  <- every host
    /usr/bin  directory 0755 0:0  <- every host
    /var  directory 0755 0:0  <- every host
    /  init programs  <- init `bedplate`
    /etc/resolv.conf  symlink to /run/resolvconf/resolv.conf  <- every host
    /containers/volumes/data/lower  directory 0755 0:0  <- volumes `data` (host.yml:24)
    /containers/volumes/data/tmp  directory 0755 0:0  <- volumes `data` (host.yml:24)
    /containers/volumes/data/merged  directory 0755 0:0  <- volumes `data` (host.yml:24)
    /containers/volumes/fixed/lower  directory 0755 0:0  <- volumes `fixed` (host.yml:25)
    /containers/volumes/fixed/lower  image x.test/fixed:latest  <- volumes `fixed` (host.yml:25)
    /containers/volumes/fixed/merged  directory 0755 0:0  <- volumes `fixed` (host.yml:25)
    /containers/onboot/000-dhcp/lower  directory 0755 0:0  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/lower/dev  directory 0755 0:0  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/lower/dev/pts  directory 0755 0:0  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/lower/dev/shm  directory 0755 0:0  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/lower/etc  directory 0755 0:0  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/lower/proc  directory 0755 0:0  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/lower/sys  directory 0755 0:0  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/lower/etc/mtab  symlink to /proc/mounts  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/lower  image x.test/dhcp:latest  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/lower/etc/hosts  file 0644 0:0 (160 bytes)  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/lower/etc/resolv.conf  file 0644 0:0 (29 bytes)  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/config.json  file 0644 0:0 (1928 bytes)  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/tmp  directory 0755 0:0  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/rootfs  directory 0755 0:0  <- onboot `dhcp` (host.yml:7)
    /containers/onboot/000-dhcp/runtime.json  file 0644 0:0 (722 bytes)  <- onboot `dhcp` (host.yml:7)
    /containers/onshutdown/000-bye/config.json  file 0644 0:0 (1928 bytes)  <- onshutdown `bye` (host.yml:22)
    /containers/onshutdown/000-bye/tmp  directory 0755 0:0  <- onshutdown `bye` (host.yml:22)
    /containers/onshutdown/000-bye/rootfs  directory 0755 0:0  <- onshutdown `bye` (host.yml:22)
    /containers/onshutdown/000-bye/runtime.json  file 0644 0:0 (737 bytes)  <- onshutdown `bye` (host.yml:22)
    /containers/services/web/lower  directory 0755 0:0  <- services `web` (host.yml:11)
    /containers/services/web/lower/dev  directory 0755 0:0  <- services `web` (host.yml:11)
    /containers/services/web/lower/dev/pts  directory 0755 0:0  <- services `web` (host.yml:11)
    /containers/services/web/lower/dev/shm  directory 0755 0:0  <- services `web` (host.yml:11)
    /containers/services/web/lower/etc  directory 0755 0:0  <- services `web` (host.yml:11)
    /containers/services/web/lower/proc  directory 0755 0:0  <- services `web` (host.yml:11)
    /containers/services/web/lower/sys  directory 0755 0:0  <- services `web` (host.yml:11)
    /containers/services/web/lower/etc/mtab  symlink to /proc/mounts  <- services `web` (host.yml:11)
    /containers/services/web/lower/etc/hosts  file 0644 0:0 (160 bytes)  <- services `web` (host.yml:11)
    /containers/services/web/lower/etc/resolv.conf  file 0644 0:0 (29 bytes)  <- services `web` (host.yml:11)
    /containers/services/web/lower  image dir:web  <- services `web` (host.yml:11)
    /containers/services/web/config.json  file 0644 0:0 (1910 bytes)  <- services `web` (host.yml:11)
    /containers/services/web/tmp  directory 0755 0:0  <- services `web` (host.yml:11)
    /containers/services/web/rootfs  directory 0755 0:0  <- services `web` (host.yml:11)
    /containers/services/web/runtime.json  file 0644 0:0 (704 bytes)  <- services `web` (host.yml:11)
    /containers/services/api/rootfs  directory 0755 0:0  <- services `api` (host.yml:16)
    /containers/services/api/rootfs/dev  directory 0755 0:0  <- services `api` (host.yml:16)
    /containers/services/api/rootfs/dev/pts  directory 0755 0:0  <- services `api` (host.yml:16)
    /containers/services/api/rootfs/dev/shm  directory 0755 0:0  <- services `api` (host.yml:16)
    /containers/services/api/rootfs/etc  directory 0755 0:0  <- services `api` (host.yml:16)
    /containers/services/api/rootfs/proc  directory 0755 0:0  <- services `api` (host.yml:16)
    /containers/services/api/rootfs/sys  directory 0755 0:0  <- services `api` (host.yml:16)
    /containers/services/api/rootfs/etc/mtab  symlink to /proc/mounts  <- services `api` (host.yml:16)
    /containers/services/api/rootfs/etc/hosts  file 0644 0:0 (160 bytes)  <- services `api` (host.yml:16)
    /containers/services/api/rootfs/etc/resolv.conf  file 0644 0:0 (29 bytes)  <- services `api` (host.yml:16)
    /containers/services/api/rootfs  image packages python3-minimal (host suite)  <- services `api` (host.yml:16)
    /containers/services/api/config.json  file 0644 0:0 (1980 bytes)  <- services `api` (host.yml:16)
    /containers/services/api/runtime.json  file 0644 0:0 (227 bytes)  <- services `api` (host.yml:16)
    /etc/bedplate/host.json  file 0644 0:0 (892 bytes)  <- init `bedplate`
    /etc/hostname  file 0644 0:0 (6 bytes)  <- hostname
    /etc/motd  file 0644 102:0 (5 bytes)  <- files (host.yml:27)
    /etc/keys  file 0600 0:0 from /home/me/keys, optional  <- files (host.yml:28)
    /etc/tree  file 0600 0:0 from /spec/tree  <- files (host.yml:29)
    /etc/dir  directory 0700 0:0  <- files (host.yml:30)
    /etc/link  symlink to motd  <- files (host.yml:31)
    ");
    assert_snapshot!(format!("{:?}\n{:?}", planned.kernel, planned.cmdline), @r#"
    Some(KernelPlan { image: ImageId(Packages(PackageRequest { suite: None, components: [], mirror: None, keyring: None, include: ["linux-image-cloud-amd64"], dependencies: None, zfs: false })), binary: "kernel", tar: Some("kernel.tar"), ucode: None })
    "console=ttyS0"
    "#);
    assert_snapshot!(file(&planned, "/etc/bedplate/host.json"), @r#"
    {
      "version": 1,
      "onboot": [
        {
          "name": "dhcp",
          "bundle": "/containers/onboot/000-dhcp",
          "onFailure": "continue"
        }
      ],
      "services": [
        {
          "name": "web",
          "bundle": "/containers/services/web",
          "restart": "always",
          "ready": {
            "probe": {
              "http": {
                "port": 8080,
                "path": "/health"
              }
            },
            "intervalMs": 500,
            "timeoutMs": 60000
          }
        },
        {
          "name": "api",
          "bundle": "/containers/services/api",
          "restart": "on-failure",
          "after": [
            "web"
          ]
        }
      ],
      "onshutdown": [
        {
          "name": "bye",
          "bundle": "/containers/onshutdown/000-bye",
          "onFailure": "continue"
        }
      ],
      "volumes": [
        {
          "name": "data",
          "readonly": false
        },
        {
          "name": "fixed",
          "readonly": true
        }
      ]
    }
    "#);
    assert_snapshot!(file(&planned, "/containers/services/api/runtime.json"), @r#"
    {
        "mounts": [
            {
                "destination": "/containers/services/api/rootfs",
                "source": "/containers/services/api/rootfs",
                "options": [
                    "bind"
                ]
            }
        ]
    }
    "#);
}

#[test]
fn a_host_with_linuxkits_init_is_laid_out_as_linuxkit_does() {
    let planned = plan_text(
        "
kernel: {image: linuxkit/kernel:6.12.59, cmdline: console=ttyS0, tar: none, ucode: intel-ucode.cpio}
init: [linuxkit/init:v1, linuxkit/runc:v1]
onboot:
  - {name: one, image: x.test/same}
  - {name: one, image: x.test/same, readonly: true}
services:
  - {name: three, image: x.test/same}
volumes:
  - {name: data, image: x.test/data, format: oci, platforms: [linux/amd64]}
files:
  - {path: etc/linuxkit-config, metadata: yaml}
",
        &[],
    )
    .unwrap();
    assert_snapshot!(steps(&planned), @r#"
    /dev  directory 0755 0:0  <- every host
    /dev/pts  directory 0755 0:0  <- every host
    /dev/shm  directory 0755 0:0  <- every host
    /etc  directory 0755 0:0  <- every host
    /proc  directory 0755 0:0  <- every host
    /sys  directory 0755 0:0  <- every host
    /etc/mtab  symlink to /proc/mounts  <- every host
    /  image docker.io/linuxkit/init:v1  <- init `docker.io/linuxkit/init:v1` (host.yml:3)
    /etc/hosts  file 0644 0:0 (160 bytes)  <- init `docker.io/linuxkit/init:v1` (host.yml:3)
    /  image docker.io/linuxkit/runc:v1  <- init `docker.io/linuxkit/runc:v1` (host.yml:3)
    /etc/hosts  file 0644 0:0 (160 bytes)  <- init `docker.io/linuxkit/runc:v1` (host.yml:3)
    /etc/resolv.conf  symlink to /run/resolvconf/resolv.conf  <- every host
    /containers/volumes/data/lower  directory 0755 0:0  <- volumes `data` (host.yml:10)
    /containers/volumes/data/lower  oci layout x.test/data:latest ["linux/amd64"]  <- volumes `data` (host.yml:10)
    /containers/volumes/data/tmp  directory 0755 0:0  <- volumes `data` (host.yml:10)
    /containers/volumes/data/merged  directory 0755 0:0  <- volumes `data` (host.yml:10)
    /containers/onboot/000-one/lower  directory 0755 0:0  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/lower/dev  directory 0755 0:0  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/lower/dev/pts  directory 0755 0:0  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/lower/dev/shm  directory 0755 0:0  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/lower/etc  directory 0755 0:0  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/lower/proc  directory 0755 0:0  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/lower/sys  directory 0755 0:0  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/lower/etc/mtab  symlink to /proc/mounts  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/lower  image x.test/same:latest  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/lower/etc/hosts  file 0644 0:0 (160 bytes)  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/lower/etc/resolv.conf  file 0644 0:0 (29 bytes)  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/config.json  file 0644 0:0 (1928 bytes)  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/tmp  directory 0755 0:0  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/rootfs  directory 0755 0:0  <- onboot `one` (host.yml:5)
    /containers/onboot/000-one/runtime.json  file 0644 0:0 (716 bytes)  <- onboot `one` (host.yml:5)
    /containers/onboot/001-one/config.json  file 0644 0:0 (1998 bytes)  <- onboot `one` (host.yml:6)
    /containers/onboot/001-one/rootfs  directory 0755 0:0  <- onboot `one` (host.yml:6)
    /containers/onboot/001-one/runtime.json  file 0644 0:0 (230 bytes)  <- onboot `one` (host.yml:6)
    /containers/services/three/config.json  file 0644 0:0 (1928 bytes)  <- services `three` (host.yml:8)
    /containers/services/three/tmp  directory 0755 0:0  <- services `three` (host.yml:8)
    /containers/services/three/rootfs  directory 0755 0:0  <- services `three` (host.yml:8)
    /containers/services/three/runtime.json  file 0644 0:0 (716 bytes)  <- services `three` (host.yml:8)
    /etc/linuxkit-config  file 0600 0:0 (514 bytes)  <- files (host.yml:12)
    "#);
    assert_snapshot!(format!("{:?}", planned.kernel), @r#"Some(KernelPlan { image: ImageId(Reference(Registry(RegistryRef { registry: "docker.io", repository: "linuxkit/kernel", tag: Some("6.12.59"), digest: None }))), binary: "kernel", tar: None, ucode: Some("intel-ucode.cpio") })"#);
    assert_snapshot!(file(&planned, "/containers/onboot/000-one/runtime.json"), @r#"
    {
        "mounts": [
            {
                "destination": "/containers/onboot/000-one/tmp",
                "type": "tmpfs",
                "source": "tmpfs"
            },
            {
                "destination": "/containers/onboot/000-one/tmp",
                "options": [
                    "remount",
                    "private"
                ]
            },
            {
                "destination": "/containers/onboot/000-one/rootfs",
                "type": "overlay",
                "source": "overlay",
                "options": [
                    "lowerdir=/containers/onboot/000-one/lower",
                    "upperdir=/containers/onboot/000-one/tmp/upper",
                    "workdir=/containers/onboot/000-one/tmp/work"
                ]
            }
        ]
    }
    "#);
    assert_snapshot!(file(&planned, "/containers/onboot/001-one/runtime.json"), @r#"
    {
        "mounts": [
            {
                "destination": "/containers/onboot/001-one/rootfs",
                "source": "/containers/onboot/000-one/lower",
                "options": [
                    "bind"
                ]
            }
        ]
    }
    "#);
    assert_snapshot!(file(&planned, "/etc/linuxkit-config"), @r"
    kernel:
      image: docker.io/linuxkit/kernel:6.12.59
      cmdline: console=ttyS0
      tar: none
      ucode: intel-ucode.cpio
    init:
      - docker.io/linuxkit/init:v1
      - docker.io/linuxkit/runc:v1
    onboot:
      - name: one
        image: x.test/same:latest
      - name: one
        image: x.test/same:latest
        readonly: true
    services:
      - name: three
        image: x.test/same:latest
    volumes:
      - name: data
        image: x.test/data:latest
        format: oci
        platforms:
          - linux/amd64
    files:
      - path: etc/linuxkit-config
        metadata: yaml
    ");
}

#[test]
fn bedplate_may_stand_among_images_of_init() {
    let text = "init: [x.test/tools, bedplate, {packages: [busybox]}]\nservices: [{name: a, image: b, restart: no}]";
    let planned = plan_text(text, &[]).unwrap();
    let merged: Vec<String> = planned
        .steps
        .iter()
        .filter(|step| step.origin.starts_with("init") && !step.at.to_string().contains("etc"))
        .map(|step| step.origin.clone())
        .collect();
    assert_eq!(
        merged,
        [
            "init `x.test/tools:latest` (host.yml:1)",
            "init `packages busybox (host suite)` (host.yml:1)",
            "init `bedplate`"
        ]
    );
}

#[test]
fn later_files_win_for_the_kernel_and_lists_are_joined() {
    let files = [
        (
            "base.yml",
            "kernel: {image: a, cmdline: one, tar: t}\nvolumes: [{name: data}]\nonboot: [{name: x, image: i}]",
        ),
        (
            "more.yml",
            "kernel: {cmdline: two, tar: ''}\nservices: [{name: y, image: i, binds: ['data:/d']}]\nonboot: [{name: z, image: i}]",
        ),
    ];
    let spec = parse_files(&files, &["base.yml", "more.yml"]).unwrap();
    assert_snapshot!(spec.to_yaml(), @r#"
    kernel:
      image: docker.io/library/a:latest
      cmdline: two
      tar: ""
    onboot:
      - name: x
        image: docker.io/library/i:latest
      - name: z
        image: docker.io/library/i:latest
    services:
      - name: "y"
        image: docker.io/library/i:latest
        binds:
          - data:/d
    volumes:
      - name: data
    "#);
}

#[test]
fn includes_come_before_what_includes_them_and_once() {
    let files = [
        (
            "host.yml",
            "include: [a.yml, b.yml]\nkernel: {cmdline: host}\nservices: [{name: h, image: i}]",
        ),
        (
            "a.yml",
            "include: [b.yml]\nkernel: {cmdline: a}\nservices: [{name: a, image: i}]",
        ),
        (
            "b.yml",
            "kernel: {image: k, cmdline: b}\nservices: [{name: b, image: i}]",
        ),
    ];
    let spec = parse_files(&files, &["host.yml"]).unwrap();
    let names: Vec<&str> = spec
        .services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    assert_eq!(names, ["b", "a", "h"]);
    assert_eq!(spec.kernel.unwrap().cmdline, "host");
}

#[test]
fn variables_stand_in_values_of_every_kind() {
    let text = "services:\n  - name: web\n    image: x.test/web:${TAG:-1}\n    readonly: ${RO:-yes}\n    command: [sh, -c, 'echo $${X} $HOME $(date) ${HOME}']\n    oomScoreAdj: ${ADJ:-0x10}\n";
    let spec = parse_text(text).unwrap();
    assert_snapshot!(spec.to_yaml(), @r#"
    services:
      - name: web
        image: x.test/web:1
        command:
          - sh
          - "-c"
          - "echo $${X} $HOME $(date) /home/me"
        readonly: true
        oomScoreAdj: 16
    "#);
}

#[test]
fn yaml_1_1_and_loose_writing_are_understood() {
    let text = "
onboot:
onshutdown: ~
x-common: &env [A=1]
services:
  - &base
    name: one
    env: *env
    image: i
    binds.add: [/a:/b]
    capabilities.add: [CAP_KILL]
    command: [sleep, 10, yes, 1.50]
    sysctl: {net.ipv4.ip_forward: 1}
    readonly: Yes
  - <<: *base
    name: two
    readonly: no
    devices: [{path: /dev/x, type: c, mode: 0666}]
";
    let spec = parse_text(text).unwrap();
    assert_snapshot!(spec.to_yaml(), @r#"
    services:
      - name: one
        image: docker.io/library/i:latest
        command:
          - sleep
          - "10"
          - "yes"
          - "1.50"
        env:
          - A=1
        capabilities.add:
          - CAP_KILL
        binds.add:
          - /a:/b
        readonly: true
        sysctl:
          net.ipv4.ip_forward: "1"
      - name: two
        image: docker.io/library/i:latest
        command:
          - sleep
          - "10"
          - "yes"
          - "1.50"
        env:
          - A=1
        capabilities.add:
          - CAP_KILL
        binds.add:
          - /a:/b
        devices:
          - path: /dev/x
            type: c
            mode: "0666"
        readonly: false
        sysctl:
          net.ipv4.ip_forward: "1"
    "#);
}

#[test]
fn every_request_is_listed_once_with_paths_from_the_spec() {
    let text = "
kernel: {packages: {include: [linux-image-amd64], suite: trixie}}
init: [bedplate, alpine]
services:
  - {name: a, image: 'dir:root'}
  - {name: b, image: 'oci:/abs/layout:v1'}
  - {name: c, image: alpine}
  - {name: d, packages: [curl]}
  - {name: e, packages: {include: [curl]}}
";
    let requests: Vec<String> = parse_text(text)
        .unwrap()
        .requests()
        .iter()
        .map(|one| one.describe())
        .collect();
    assert_snapshot!(requests.join("\n"), @r"
    packages linux-image-amd64 (trixie, without dependencies)
    docker.io/library/alpine:latest
    dir:root
    oci:/abs/layout:v1
    packages curl (host suite)
    ");
}

#[test]
fn a_file_may_be_included_again_with_other_variables() {
    let files = [
        (
            "host.yml",
            "include: [{file: mount.yml, set: {NAME: a}}, {file: mount.yml, set: {NAME: \"${SECOND:-b}\"}}, {file: mount.yml, set: {NAME: a}}]",
        ),
        (
            "mount.yml",
            "include: [inner.yml]\nonboot: [{name: 'mount-${NAME}', image: i}]",
        ),
        (
            "inner.yml",
            "onboot: [{name: 'inner-${NAME:-none}', image: i}]",
        ),
    ];
    let spec = parse_files(&files, &["host.yml"]).unwrap();
    let names: Vec<&str> = spec.onboot.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["inner-a", "mount-a", "inner-b", "mount-b"]);
}

#[test]
fn our_own_tools_are_an_image_and_may_lie_over_packages() {
    let text = "
onboot:
  - {name: a, image: bedplate, command: [/usr/bin/bedplate-tools, swap]}
  - {name: b, image: bedplate, packages: [e2fsprogs], command: [/usr/bin/bedplate-tools, format]}
";
    let spec = parse_text(text).unwrap();
    assert_eq!(
        parse_text(&spec.to_yaml()).unwrap().to_yaml(),
        spec.to_yaml()
    );
    let plan = plan_text(text, &[]).unwrap();
    let tools: Vec<String> = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::Tools)
        .map(|step| step.at.to_string())
        .collect();
    assert_eq!(
        tools,
        [
            "/containers/onboot/000-a/lower/usr/bin/bedplate-tools",
            "/containers/onboot/001-b/lower/usr/bin/bedplate-tools"
        ]
    );
}

#[test]
fn a_file_with_a_scope_of_its_own_sees_only_what_is_set_for_it() {
    let own = (
        "own.yml",
        "onboot: [{name: 'own-${NAME:-default}', image: i}]",
    );
    let host = "include: [own.yml, {file: own.yml, set: {NAME: \"${NAME}\"}}]\nhostname: ${NAME}";
    let texts = common::Texts::new(&[("host.yml", host), own]);
    let variables = common::home().set("NAME", "outer");
    let spec = bedplate_spec::parse(&["host.yml".to_owned()], &texts, &variables).unwrap();
    let names: Vec<&str> = spec.onboot.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["own-default", "own-outer"]);
}
