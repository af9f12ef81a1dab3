//! Roots that are not to be entered: changed by a byte, missing, taken away, too large; each with what a person sees.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod roots;
mod workshop;

use std::collections::BTreeMap;

use bedplate_boot::root::{IMAGE_DOCUMENT, Image, Place, ROOT_IMAGE};
use bedplate_boot::trust;
use roots::machine::Machine;
use roots::server::{Act, Server};
use roots::{Root, SEED, file, kit, media, plain, served, stopped};

/// The image with the lowest bit of one byte changed.
fn changed(at: usize) -> Root {
    let mut root = kit().root.clone();
    root.image[at] ^= 1;
    root
}

#[test]
fn vm_a_changed_byte_in_memory_stops_the_boot() {
    let mut more = kit().described();
    more.push(file(ROOT_IMAGE, 0o644, changed(5_000_000).image));
    let initramfs = kit().initramfs("changed.cpio", Place::Initramfs, more);
    let machine = Machine::new(&initramfs)
        .cmdline("bedplate.control=ttyS1")
        .boot();
    let console = machine.ended();
    let expected = "the image `/root.img` is not the one that was described: its SHA-256 is ";
    assert!(stopped(&console).starts_with(expected), "{console}");
    let told = machine.told();
    let event = format!(r#"{{"event":{{"boot-failed":{{"message":"{expected}"#);
    let end = r#"{"event":{"down":{"how":"poweroff","code":1}}}"#;
    assert!(
        told.contains(&event) && told.trim_end().ends_with(end),
        "{told}"
    );
}

#[test]
fn vm_a_changed_description_or_signature_stops_the_boot() {
    let json = kit().root.description.render();
    let signature = trust::sign(&SEED, &json);
    let wrong = "the signature by the key ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c is wrong: \
        it was changed after it was signed, or not signed by that key";
    let unsigned = "no key that is trusted here signed it";
    let text = String::from_utf8(json).unwrap();
    let cases = [
        (
            text.replace("small-root.img", "smell-root.img"),
            signature.clone(),
            wrong,
        ),
        (text.clone(), flip_last_digit(&signature), wrong),
        (
            text.clone(),
            trust::sign(&[8; 32], text.as_bytes()),
            unsigned,
        ),
    ];
    for (json, signature, why) in cases {
        let mut more = vec![file(IMAGE_DOCUMENT, 0o644, json)];
        more.push(file(&format!("{IMAGE_DOCUMENT}.sig"), 0o644, signature));
        let initramfs = kit().initramfs("untrusted.cpio", Place::Initramfs, more);
        let console = Machine::new(&initramfs).boot().ended();
        let expected = format!("the description `{IMAGE_DOCUMENT}` is not to be believed: {why}");
        assert_eq!(stopped(&console), expected);
    }
}

fn flip_last_digit(signature: &str) -> String {
    let (rest, last) = signature.trim_end().split_at(signature.len() - 2);
    format!("{rest}{}\n", if last == "0" { "1" } else { "0" })
}

/// In the first block while the boot can speak, and in one that the root reads later.
#[test]
fn vm_a_changed_byte_on_a_medium_is_found_when_it_is_read() {
    let initramfs = kit().initramfs("medium.cpio", Place::Partitions, kit().described());
    let boot = |name: &str, at: usize| {
        let disk = media::partitioned(name, &changed(at));
        Machine::new(&initramfs).disks(&[&disk]).boot().ended()
    };
    assert_eq!(
        stopped(&boot("first.raw", 40)),
        "the root in /dev/vda2 and /dev/vda3 is not the image that was described: dm-verity found a block that does \
         not fit its hash"
    );
    let later = boot("later.raw", 5_000_000);
    assert!(later.contains("data block 1220 is corrupted"), "{later}");
    assert!(
        later.contains("Kernel panic - not syncing: dm-verity device corrupted"),
        "{later}"
    );
    assert!(!later.contains("ROOT: done"), "{later}");
}

#[test]
fn vm_without_a_medium_the_boot_says_what_is_there() {
    let place = Place::File {
        label: "BEDPLATE".into(),
        path: "/root.img".into(),
    };
    let shell = std::fs::read("/bin/busybox").unwrap();
    let initramfs = kit().initramfs("nothing.cpio", place, vec![file("bin/sh", 0o755, shell)]);
    let other = media::vfat("other.raw", "OTHER", &[]);
    let message = "no file system with the label `BEDPLATE` came within 2 s; there are /dev/vda (vfat `OTHER`)";
    let disks = [other.as_path()];
    let machine = || Machine::new(&initramfs).disks(&disks);
    let console = machine().cmdline("bedplate.wait=2").boot().ended();
    assert_eq!(stopped(&console), message);
    assert!(
        !console.contains("here is"),
        "a shell nobody asked for: {console}"
    );
    let console = machine()
        .cmdline("bedplate.wait=2 bedplate.debug")
        .boot()
        .wait_for("here is `/bin/sh`, because of `bedplate.debug`");
    assert_eq!(stopped(&console), message);
}

#[test]
fn vm_a_medium_that_is_pulled_stops_the_boot() {
    let place = Place::File {
        label: "BEDPLATE".into(),
        path: "/root.img".into(),
    };
    let initramfs = kit().initramfs("pulled.cpio", place, kit().described());
    let image = media::iso("pulled.iso", "BEDPLATE", &[("root.img", &kit().root.image)]);
    let machine = Machine::new(&initramfs).disks(&[&image]).boot();
    // So slow that it can be pulled between two reads.
    machine.monitor("block_set_io_throttle virtio0 0 0 0 5 0 0");
    machine.wait_for("found the file system `BEDPLATE`");
    machine.monitor("drive_del virtio0");
    let console = machine.ended();
    assert!(stopped(&console).starts_with("cannot "), "{console}");
    assert!(stopped(&console).contains("BEDPLATE"), "{console}");
}

fn serve(_: &str, _: u64, _: usize) -> Act {
    Act::Serve
}

/// Fetches from servers in this order, and gives the message with which the boot stops.
fn stopped_by(name: &str, servers: &[&Server]) -> (String, String) {
    let urls = servers
        .iter()
        .map(|server| server.url("http", "/d/small-image.json"));
    let place = Place::Network {
        urls: urls.collect(),
    };
    let initramfs = kit().initramfs(name, place, Vec::new());
    let console = Machine::new(&initramfs)
        .cmdline("bedplate.wait=20")
        .boot()
        .ended();
    (stopped(&console), console)
}

#[test]
fn vm_servers_that_have_no_good_root_are_named_with_their_reasons() {
    let nothing = Server::start(BTreeMap::new(), serve, plain);
    let mut files = served(&kit().root);
    let json = files["/d/small-image.json"].clone();
    let foreign = trust::sign(&[8; 32], &json).into_bytes();
    files.insert("/d/small-image.json.sig".into(), foreign);
    let untrusted = Server::start(files, serve, plain);
    let (message, _) = stopped_by("servers.cpio", &[&nothing, &untrusted]);
    let [first, second] =
        [&nothing, &untrusted].map(|server| server.url("http", "/d/small-image.json"));
    assert_eq!(
        message,
        format!(
            "no server gave the description of the root: {first}: it answered 404; {second}: the description \
             `{second}` is not to be believed: no key that is trusted here signed it"
        )
    );
}

#[test]
fn vm_an_image_changed_on_the_wire_is_not_entered() {
    let server = Server::start(served(&changed(7_000_000)), serve, plain);
    let (message, console) = stopped_by("wire.cpio", &[&server]);
    let url = server.url("http", "/d/small-root.img");
    let expected = format!(
        "no server gave the image of the root: {url}: the image `{url}` is not the one that was described: its SHA-256 is "
    );
    assert!(message.starts_with(&expected), "{console}");
}

#[test]
fn vm_too_little_memory_is_said_before_anything_is_fetched() {
    let mut root = kit().root.clone();
    root.description = Image {
        memory: 4 << 30,
        ..root.description
    };
    let server = Server::start(served(&root), serve, plain);
    let (message, console) = stopped_by("memory.cpio", &[&server]);
    let ending = " MiB of memory, and `small` needs 4096 MiB to run from memory";
    assert!(
        message.starts_with("this machine has 511") && message.ends_with(ending),
        "{console}"
    );
    assert!(server.asked("/d/small-root.img").is_empty());
}
