//! Roots that lie apart from their initramfs: found, checked and entered, each boot path in a machine.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod roots;
mod workshop;

use std::net::TcpListener;

use bedplate_boot::root::{Place, ROOT_IMAGE};
use roots::machine::Machine;
use roots::server::{Act, Server};
use roots::tls::Certificate;
use roots::{came_up, file, kit, media, plain, served};

#[test]
fn the_init_is_smaller_than_2_mib() {
    let init = bedplate_testkit::guest_programs().join("bedplate-init");
    let len = std::fs::metadata(init).unwrap().len();
    assert!(len < 2 << 20, "bedplate-init has {len} bytes");
}

#[test]
fn vm_a_root_in_the_initramfs_is_in_memory_once() {
    let mut more = kit().described();
    more.push(file(ROOT_IMAGE, 0o644, kit().root.image.clone()));
    more.push(file("networking.json", 0o644, "{}"));
    let initramfs = kit().initramfs("initramfs.cpio", Place::Initramfs, more);
    let console = Machine::new(&initramfs)
        .cmdline("single rootfstype=ramfs")
        .more(&["-uuid", "564d4042-d0a9-4aab-a2fc-22b2dfd34ce2"])
        .boot()
        .ended();
    let said = came_up(&console);
    assert!(said.contains("with arguments: single"), "{said}");
    // No copy was made, and the name went with the initramfs.
    assert!(said.contains("loop: /root.img (deleted)"), "{said}");
    assert!(said.contains("networking: {}"), "{said}");
    assert!(said.contains("hostid:  f7 f5 64 9a"), "{said}");
}

#[test]
fn vm_a_root_in_partitions_is_found_by_its_root_hash() {
    let initramfs = kit().initramfs("partitions.cpio", Place::Partitions, kit().described());
    let empty = kit().file("empty.raw", &[0; 1 << 20]);
    let disk = media::partitioned("disk.raw", &kit().root);
    let console = Machine::new(&initramfs)
        .disks(&[&empty, &disk])
        .boot()
        .ended();
    let said = came_up(&console);
    assert!(said.contains("image: /dev/dm-0 "), "{said}");
    assert!(
        console.contains("found the root in /dev/vdb2 and /dev/vdb3"),
        "{console}"
    );
}

#[test]
fn vm_a_root_in_a_file_of_an_iso_is_found_by_the_label() {
    let initramfs = kit().initramfs("iso.cpio", Place::Partitions, kit().described());
    let image = media::iso(
        "small.iso",
        "BEDPLATE",
        &[("live/small-root.img", &kit().root.image)],
    );
    let console = Machine::new(&initramfs)
        .cmdline("bedplate.root=BEDPLATE:/live/small-root.img bedplate.overlay=64M init=/sbin/init")
        .disks(&[&image])
        .boot()
        .ended();
    came_up(&console);
    assert!(
        console.contains("found the file system `BEDPLATE` on /dev/vda"),
        "{console}"
    );
}

#[test]
fn vm_a_medium_that_comes_late_is_waited_for() {
    let initramfs = kit().initramfs("late.cpio", Place::Partitions, kit().described());
    let disk = media::partitioned("late.raw", &kit().root);
    let machine = Machine::new(&initramfs)
        .more(&["-device", "pcie-root-port,id=slot1,chassis=1"])
        .boot();
    machine.wait_for("waiting 30 s for the partitions of the root");
    machine.monitor(&format!(
        "drive_add 0 if=none,id=late,format=raw,file={}",
        disk.display()
    ));
    machine.monitor("device_add virtio-blk-pci,drive=late,bus=slot1");
    came_up(&machine.ended());
}

#[test]
fn vm_a_root_on_a_stick_is_described_by_the_stick() {
    let place = Place::File {
        label: "STICK".into(),
        path: "/d/small-image.json".into(),
    };
    let initramfs = kit().initramfs("stick.cpio", place, Vec::new());
    let files = served(&kit().root);
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(path, bytes)| (&path[1..], bytes.as_slice()))
        .collect();
    let image = media::vfat("stick.raw", "STICK", &files);
    came_up(&Machine::new(&initramfs).disks(&[&image]).boot().ended());
}

/// Dead, without the image, cut three times, silent, moved, without ranges: one boot gets over them all.
#[test]
fn vm_a_root_comes_from_servers_whatever_they_do() {
    let dead = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let without = |path: &str, _, _| match path.ends_with(".img") {
        true => Act::Status(404),
        false => Act::Serve,
    };
    let bad = |path: &str, _, before| match (path, before) {
        ("/d/small-root.img", 0) => Act::CutAfter(1_000_000),
        ("/d/small-root.img", 1 | 2) => Act::CutAfter(1_500_000),
        ("/d/small-root.img", 3) => Act::StallAfter(500_000),
        ("/d/small-root.img", 4) => Act::IgnoreRange,
        _ => Act::Serve,
    };
    let bad_once = move |path: &str, from, before| match bad(path, from, before) {
        Act::IgnoreRange => Act::Redirect("/moved/root?x"),
        act => act,
    };
    let mut files = served(&kit().root);
    files.insert("/moved/root?x".into(), kit().root.image.clone());
    let without = Server::start(served(&kit().root), without, plain);
    let bad = Server::start(
        files,
        move |path, from, before| match path {
            "/moved/root?x" => Act::IgnoreRange,
            _ => bad_once(path, from, before),
        },
        plain,
    );
    let urls = vec![
        format!("http://10.0.2.2:{dead}/d/small-image.json"),
        without.url("http", "/d/small-image.json"),
        bad.url("http", "/d/small-image.json"),
    ];
    let initramfs = kit().initramfs("http.cpio", Place::Network { urls }, Vec::new());
    let console = Machine::new(&initramfs).boot().ended();
    let said = came_up(&console);
    for expected in [
        "eth0 has the address 10.0.2.15/24",
        "it cannot be reached: Connection refused",
        "small-root.img: it answered 404",
        "the connection ended in the middle of the file after 4000000 of",
        "nothing came for 10 s after 4500000 of",
        "fetching the root: ",
        "`small-root.img` came whole, and its SHA-256 is right",
    ] {
        assert!(
            console.contains(expected),
            "{expected} is not in\n{console}"
        );
    }
    assert_eq!(
        bad.asked("/d/small-root.img"),
        [0, 1_000_000, 2_500_000, 4_000_000, 4_500_000]
    );
    assert!(
        said.contains(r#""link":"eth0""#) && said.contains(r#""server":"10.0.2.2""#),
        "{said}"
    );
    // The address was the initramfs's.
    assert!(
        said.contains("address: \n") || said.contains("address: 2: eth0"),
        "{said}"
    );
    assert!(!said.contains("inet 10.0.2.15"), "{said}");
}

#[test]
fn vm_a_root_comes_over_tls_from_a_known_server_only() {
    let (known, unknown) = (Certificate::make("known"), Certificate::make("unknown"));
    let serve = |_: &str, _, _| Act::Serve;
    let chunked = |_: &str, _, _| Act::Chunked;
    let good = Server::start(served(&kit().root), chunked, known.dress());
    let foreign = Server::start(served(&kit().root), serve, unknown.dress());
    let urls = [&foreign, &good].map(|server| server.url("https", "/d/small-image.json"));
    let certificates = file(
        "etc/ssl/certs/ca-certificates.crt",
        0o644,
        known.pem.clone(),
    );
    let initramfs = kit().initramfs("https.cpio", Place::Initramfs, vec![certificates]);
    let console = Machine::new(&initramfs)
        .cmdline(&format!(
            "bedplate.root={} ip=10.0.2.15::10.0.2.2:255.255.255.0:named:eth0:off:10.0.2.3 BOOTIF=01-00-00-00-00-00-00",
            urls.join(",")
        ))
        .boot()
        .ended();
    let said = came_up(&console);
    assert!(said.contains("hostname: named"), "{said}");
    assert!(
        console.contains("invalid peer certificate: UnknownIssuer"),
        "{console}"
    );
    assert!(foreign.asked("/d/small-image.json").is_empty());
}
