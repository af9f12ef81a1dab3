//! Disks that firmware boots: built without root, judged by other tools, booted by UEFI.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod workshop;

use std::fs;
use std::path::Path;
use std::process::Command;

use bedplate_testkit::{Image, VmOptions};
use workshop::Workshop;

const SPEC: &str = r#"
kernel:
  packages: [linux-image-cloud-amd64]
  cmdline: console=ttyS0
onboot:
  - name: greeting
    image: oci:images:busybox
    command: [echo, hello from the disk]
"#;

#[test]
fn vm_uefi_boots_the_disk() {
    let workshop = Workshop::new();
    Image::busybox().write_oci(&workshop.directory("images"), "busybox");
    let spec = workshop.write("disk.yml", SPEC);
    for out in ["one", "two"] {
        let formats = ["--format", "raw", "--format", "qcow2", "--format", "uki"];
        let mut arguments = vec!["build", spec.to_str().unwrap(), "-o", out];
        arguments.extend(formats);
        workshop.run(&arguments).good();
    }
    let (one, two) = (workshop.home().join("one"), workshop.home().join("two"));
    for file in ["disk.raw", "disk.qcow2", "disk.efi"] {
        let same = fs::read(one.join(file)).unwrap() == fs::read(two.join(file)).unwrap();
        assert!(same, "{file} is another one the second time");
    }
    other_tools_find_no_fault(&one);

    let vm = VmOptions::new(&one.join("disk.qcow2")).boot();
    vm.wait_up();
    let console = vm.console();
    assert!(console.contains("hello from the disk"), "{console}");
    assert!(console.contains("EFI"), "{console}");
    assert_eq!(vm.power_off(), 0);
}

fn other_tools_find_no_fault(out: &Path) {
    let script = r#"
set -e
sgdisk -v disk.raw | grep -q "No problems found"
dd if=disk.raw of=esp bs=1M skip=1 status=none
truncate -s $(($(sgdisk -i 1 disk.raw | sed -n 's/Partition size: \([0-9]*\) .*/\1/p') * 512)) esp
fsck.fat -n esp
mcopy -i esp ::/EFI/BOOT/BOOTX64.EFI copy
cmp copy disk.efi
qemu-img compare -f raw -F qcow2 disk.raw disk.qcow2
"#;
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_disk_that_is_none_is_refused() {
    let workshop = Workshop::new();
    let refused = |name: &str, bytes: &[u8]| {
        let disk = workshop.write(name, bytes);
        let run = ["run", disk.to_str().unwrap(), "--console", "none"];
        workshop.run(&run).bad(1)
    };
    let raw = refused("bad.raw", &[0; 4096]);
    assert!(
        raw.contains("bad.raw` does not boot: it has no partition table"),
        "{raw}"
    );
    let qcow2 = refused("bad.qcow2", b"QFI, but not really");
    assert!(qcow2.ends_with("Image is not in qcow2 format"), "{qcow2}");
}
