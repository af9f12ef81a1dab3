//! Roots that lie apart from their initramfs: found, checked and entered, each boot path in a machine.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod roots;
mod workshop;

use bedplate_boot::root::{Place, ROOT_IMAGE};
use roots::machine::Machine;
use roots::{file, kit};

/// The root came up whole: what its init says.
#[track_caller]
fn came_up(console: &str) -> String {
    let lines: Vec<&str> = console
        .lines()
        .filter_map(|line| line.strip_prefix("ROOT: "))
        .collect();
    let said = lines.join("\n");
    assert!(
        said.starts_with("up as 1") && said.ends_with("done"),
        "{console}"
    );
    assert!(said.contains("root: overlay / overlay rw"), "{said}");
    assert!(said.contains("wrote: yes"), "{said}");
    assert!(said.contains("modprobe: /sbin/modprobe"), "{said}");
    assert!(said.contains(&format!("noise: {}", kit().noise)), "{said}");
    let description = roots::hex(&kit().root.description.render());
    assert!(
        said.contains(&format!("description: {description}")),
        "{said}"
    );
    said
}

#[test]
fn vm_a_root_in_the_initramfs_is_in_memory_once() {
    let kit = kit();
    let mut more = kit.described();
    more.push(file(ROOT_IMAGE, 0o644, kit.root.image.clone()));
    more.push(file("networking.json", 0o644, "{}"));
    let initramfs = kit.initramfs("initramfs.cpio", Place::Initramfs, more);
    let machine = Machine::new(&initramfs)
        .cmdline("single")
        .more(&["-uuid", "564d4042-d0a9-4aab-a2fc-22b2dfd34ce2"])
        .boot();
    let console = machine.ended();
    println!("{console}");
    let said = came_up(&console);
    assert!(said.contains("with arguments: single"), "{said}");
    assert!(said.contains("networking: {}"), "{said}");
}
