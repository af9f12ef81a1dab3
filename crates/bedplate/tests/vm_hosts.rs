//! Whole hosts: built from a spec without root, booted, used, powered off.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod workshop;

use bedplate_boot::control::{Event, State};
use bedplate_testkit::{Image, Layer, Vm, VmOptions};
use serde_json::json;
use workshop::Workshop;

const WORKING: &str = r#"
kernel:
  packages: [linux-image-cloud-amd64]
  cmdline: console=ttyS0
hostname: bedplate-test
onboot:
  - name: net
    image: oci:images:busybox
    capabilities: [CAP_NET_ADMIN]
    command: [ifconfig, eth0, 10.0.2.15, netmask, 255.255.255.0, up]
  - name: may-fail
    image: oci:images:busybox
    onFailure: continue
    command: ["false"]
services:
  - name: web
    image: oci:images:web
    capabilities: [CAP_NET_BIND_SERVICE]
    ready: {http: ":80/", interval: 100ms}
  - name: late
    image: oci:images:busybox
    after: [web]
    command: [sh, -c, "wget -q -O - http://127.0.0.1/ && exec sleep 100000"]
  - name: crasher
    image: oci:images:busybox
    restart: on-failure
    command: [/third-time]
    binds: ["/var/crasher:/state"]
    runtime: {mkdir: [/var/crasher]}
  - name: capped
    image: oci:images:busybox
    restart: "no"
    uid: 1000
    capabilities: [CAP_NET_RAW]
    command: [/bin/busybox-capped, grep, CapPrm, /proc/self/status]
onshutdown:
  - name: bye
    image: oci:images:busybox
    command: [echo, the onshutdown container ran]
"#;

const FAILING: &str = r#"
kernel:
  packages: [linux-image-cloud-amd64]
  cmdline: console=ttyS0
onboot:
  - name: broken
    image: oci:images:large
    command: [sh, -c, "echo it is broken; exit 3"]
  - name: after-it
    image: oci:images:large
    command: [echo, never]
services:
  - name: web
    image: oci:images:large
    command: [sleep, "100000"]
"#;

/// A busybox that the kernel gives `cap_net_raw`: `struct vfs_cap_data`, revision 2, effective.
const CAP_NET_RAW: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];
const THIRD_TIME: &str = "#!/bin/sh\necho run >> /state/runs\n[ $(grep -c run /state/runs) -ge 3 ] || exit 7\nexec sleep 100000\n";

fn make_images(workshop: &Workshop) {
    let images = workshop.directory("images");
    let capped = Layer::new()
        .file(
            "bin/busybox-capped",
            0o755,
            std::fs::read("/bin/busybox").unwrap(),
        )
        .xattr("security.capability", CAP_NET_RAW)
        .file("third-time", 0o755, THIRD_TIME);
    Image::busybox()
        .layer(&capped)
        .write_oci(&images, "busybox");
    let page = Layer::new().directory("www", 0o755).file(
        "www/index.html",
        0o644,
        "hello from the guest\n",
    );
    let command = json!(["httpd", "-f", "-p", "80", "-h", "/www"]);
    Image::busybox()
        .layer(&page)
        .config("Cmd", command)
        .write_oci(&images, "web");
    let filler = Layer::new().file("filler", 0o644, vec![0; 150 << 20]);
    Image::busybox().layer(&filler).write_oci(&images, "large");
}

#[test]
fn vm_a_host_runs_its_services() {
    let workshop = Workshop::new();
    make_images(&workshop);
    let vm = VmOptions::new(&workshop.build("working", WORKING))
        .publish(80)
        .boot();
    vm.wait_up();
    the_page_comes_through_the_forwarded_port(&vm);
    a_service_starts_after_what_it_needs_is_ready(&vm);
    a_service_that_crashes_is_started_again(&vm);
    file_capabilities_survive(&vm);
    bedctl_lists_and_restarts(&vm);
    commands_run_in_containers(&vm);
    vm.press_power_button();
    assert_eq!(vm.wait_down(), Some(0));
    assert!(
        vm.console().contains("the onshutdown container ran"),
        "{}",
        vm.console()
    );
}

fn the_page_comes_through_the_forwarded_port(vm: &Vm) {
    let response = vm.get(80, "/");
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, b"hello from the guest\n".as_slice())
    );
}

fn a_service_starts_after_what_it_needs_is_ready(vm: &Vm) {
    let at = |name: &str, wanted: &[State]| {
        let wanted = |event: &Event| matches!(event, Event::Container(c) if c.name == name && wanted.contains(&c.state));
        vm.events().iter().position(wanted)
    };
    assert!(
        at("web", &[State::Ready]).unwrap() < at("late", &[State::Starting, State::Ready]).unwrap()
    );
    assert!(
        vm.logs("late").contains("hello from the guest"),
        "{}",
        vm.logs("late")
    );
}

fn a_service_that_crashes_is_started_again(vm: &Vm) {
    let stands = |event: &Event| matches!(event, Event::Container(c) if c.name == "crasher" && c.state == State::Ready && c.restarts == 2);
    vm.wait_event("that `crasher` runs the third time", stands);
    let restarting = |event: &Event| matches!(event, Event::Container(c) if c.name == "crasher" && c.state == State::Restarting && c.exit == Some(7));
    assert!(vm.events().iter().any(restarting), "{:?}", vm.events());
}

fn file_capabilities_survive(vm: &Vm) {
    let log = vm.logs("capped");
    assert!(
        log.contains("0000000000002000"),
        "the file's capability is lost: {log}"
    );
}

fn bedctl_lists_and_restarts(vm: &Vm) {
    let list = vm.exec(None, &["/usr/bin/bedctl", "list"]);
    assert_eq!(list.code, 0, "{list:?}");
    for name in ["net", "may-fail", "web", "late", "crasher", "capped"] {
        assert!(list.out.contains(name), "{list:?}");
    }
    let before = vm.container("web").pid.unwrap();
    assert_eq!(
        vm.exec(None, &["/usr/bin/bedctl", "restart", "web"]).code,
        0
    );
    let again = |event: &Event| matches!(event, Event::Container(c) if c.name == "web" && c.state == State::Ready && c.pid.is_some_and(|pid| pid != before));
    vm.wait_event("that `web` is ready again", again);
    assert_eq!(vm.get(80, "/").status, 200);
    let missing = vm.exec(None, &["/usr/bin/bedctl", "restart", "nothing"]);
    assert_ne!(missing.code, 0, "{missing:?}");
}

fn commands_run_in_containers(vm: &Vm) {
    let output = vm.exec(
        Some("late"),
        &["sh", "-c", "cat /third-time; echo to-stderr >&2; exit 5"],
    );
    assert_eq!(
        (output.code, output.out.as_str(), output.err.as_str()),
        (5, THIRD_TIME, "to-stderr\n")
    );
}

#[test]
fn vm_a_boot_that_fails_stops_and_says_why() {
    let workshop = Workshop::new();
    make_images(&workshop);
    let out = workshop.build("failing", FAILING);

    let output = workshop.bedplate(&[
        "run",
        out.to_str().unwrap(),
        "--mem",
        "128M",
        "--console",
        "none",
    ]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && text.contains("128.0 MiB of memory cannot hold this host"),
        "{output:?}"
    );

    let vm = VmOptions::new(&out).boot();
    let failed = vm.wait_event("that the boot stopped", |event| {
        matches!(event, Event::BootFailed { .. })
    });
    assert!(
        matches!(&failed, Event::BootFailed { message } if message.contains("broken")),
        "{failed:?}"
    );
    assert_eq!(vm.wait_down(), Some(1));
    let ran = |event: &Event| matches!(event, Event::Container(c) if (c.name == "web" || c.name == "after-it") && c.pid.is_some());
    assert!(!vm.events().iter().any(ran), "{:?}", vm.events());
    assert!(vm.console().contains("it is broken"), "{}", vm.console());

    // On a tmpfs, half of this memory is not enough: files are missing, and PID 1, which comes early in the
    // archive, must notice.
    let vm = VmOptions::new(&out)
        .memory(256)
        .cmdline("rootfstype=tmpfs")
        .boot();
    let failed = vm.wait_event("that it is incomplete", |event| {
        matches!(event, Event::BootFailed { .. })
    });
    assert!(
        matches!(&failed, Event::BootFailed { message } if message.contains("memory")),
        "{failed:?}"
    );
    assert_eq!(vm.wait_down(), Some(1));
}
