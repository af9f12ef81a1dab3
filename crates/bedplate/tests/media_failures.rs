//! Forms that cannot be finished: a tool is missing or dies, the disk is full, GRUB could not pass a word. Nothing
//! that looks finished is left.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use insta::assert_snapshot;
use workshop::{KERNEL, Workshop, files_in};

fn workshop() -> Workshop {
    let workshop = Workshop::with_images();
    workshop.write("host.yml", format!("{KERNEL}init: ['oci:images:over']\n"));
    workshop
}

const FORMATS: &str = "--format uki --format vmdk --format iso --format raw-bios";

/// Fetches what the forms are made with, so that later builds start no other tools.
fn ready() -> Workshop {
    let workshop = workshop();
    workshop
        .sh(&format!("bedplate build host.yml -o good {FORMATS}"))
        .good();
    workshop
}

fn nothing_in(workshop: &Workshop, directory: &str) {
    let names: Vec<String> = files_in(&workshop.home().join(directory))
        .into_iter()
        .map(|file| file.0)
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn a_tool_that_is_missing_or_dies_leaves_nothing() {
    let workshop = ready();
    workshop.directory("tools");
    for (tool, package, format, what) in [
        ("qemu-img", "qemu-utils", "vmdk", "write host.vmdk"),
        (
            "grub-mkimage",
            "grub-common",
            "iso",
            "make a boot loader for BIOS machines",
        ),
        (
            "grub-mkimage",
            "grub-common",
            "raw-bios",
            "make a boot loader for BIOS machines",
        ),
    ] {
        let build = format!(
            "PATH=$PWD/tools $(command -v bedplate) build host.yml -o out --format uki --format {format}"
        );
        let message = workshop.sh(&build).bad(7);
        assert_eq!(
            message,
            format!(
                "error: cannot {what}\n  caused by: `{tool}` is not installed\nhint: install it: apt-get install {package}"
            )
        );
        nothing_in(&workshop, "out");
        workshop
            .sh(&format!("printf '#!/bin/sh\\necho half >\"$(eval echo \\${{$#}})\"; kill -9 $$\\n' >tools/{tool}; chmod 755 tools/{tool}"))
            .good();
        let message = workshop.sh(&build).bad(6);
        let expected =
            format!("error: cannot {what}\n  caused by: `{tool}` failed (signal: 9 (SIGKILL))");
        assert!(message.starts_with(&expected), "{message}");
        nothing_in(&workshop, "out");
        workshop.sh(&format!("rm tools/{tool}")).good();
    }
}

#[test]
fn a_full_disk_leaves_nothing_of_any_form() {
    let workshop = ready();
    workshop.write_noise(4 << 20);
    workshop.write(
        "large.yml",
        format!("{KERNEL}init: ['oci:images:over', 'oci:images:large']\n"),
    );
    workshop.directory("disk");
    for format in [
        "uki", "raw", "vhd", "vmdk", "iso", "raw-bios", "oci", "triton",
    ] {
        // Each has room for what it is made of, and not for itself.
        let size = match format {
            "uki" | "oci" => 6,
            "raw-bios" => 7,
            _ => 10,
        };
        let script = format!(
            "set -e; mount -t tmpfs -o size={size}m tmpfs disk
             code=0; bedplate build large.yml -o disk --format {format} || code=$?
             test -z \"$(ls -A disk)\"
             exit $code"
        );
        workshop.write("script", script);
        let message = workshop
            .sh("unshare --user --map-root-user --mount sh script")
            .bad(6);
        assert!(
            message.contains("No space left on device"),
            "{format}: {message}"
        );
    }
}

#[test]
fn a_word_that_grub_would_change_is_refused() {
    let workshop = workshop();
    workshop.write(
        "quoted.yml",
        "kernel: {image: 'oci:images:kernel', cmdline: 'console=ttyS0 x=\"a b\"'}\ninit: ['oci:images:over']\n",
    );
    let refused = |format: &str| {
        let build = ["build", "quoted.yml", "-o", "out", "--format", format];
        let message = workshop.run(&build).bad(3);
        nothing_in(&workshop, "out");
        message
    };
    let message = refused("iso");
    assert_snapshot!(message, @r#"
    error: GRUB would change the kernel command line: it has a `\"`
    hint: leave quotes and backslashes out of `kernel.cmdline`, or build for UEFI only
    "#);
    assert_eq!(refused("raw-bios"), message);
}

#[test]
fn a_form_is_booted_by_its_own_firmware() {
    let workshop = ready();
    let refused = |file: &str, flag: &str| {
        workshop
            .run(&["run", file, flag, "--console", "none"])
            .bad(1)
    };
    assert_snapshot!(refused("good/host-bios.raw", "--uefi"), @r"
    error: no UEFI boots `good/host-bios.raw`
    hint: leave --uefi out, or build --format raw, iso or uki
    ");
    assert_snapshot!(refused("good/host.efi", "--bios"), @r"
    error: no BIOS boots `good/host.efi`
    hint: leave --bios out, or build --format raw-bios or iso
    ");
    workshop.write("bad.iso", vec![0; 65536]);
    assert_snapshot!(refused("bad.iso", "--bios"), @r"
    error: `bad.iso` does not boot: it has no partition table or boot catalogue with what firmware looks for
    hint: build it again: `bedplate build --format raw`, `raw-bios` or `iso`
    ");
    let both = workshop
        .run(&["run", "good", "--net", "none", "--publish", "80"])
        .bad(2);
    assert_snapshot!(both, @r"
    error: a machine without a network has no ports to publish
    hint: leave --net none or --publish out
    ");
}
