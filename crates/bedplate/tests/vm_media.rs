//! The forms of a host that firmware boots, or that other systems take: judged by other tools, booted by each firmware.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod workshop;

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use bedplate_run::Firmware;
use bedplate_testkit::{Image, VmOptions};
use serde_json::Value;
use workshop::{Workshop, files_in, judge};

const SPEC: &str = r#"
kernel:
  packages: [linux-image-cloud-amd64]
  cmdline: console=ttyS0 greeting=$hello;
onboot:
  - name: greeting
    image: oci:images:busybox
    command: [sh, -c, "set -- `cat /proc/cmdline`; for word; do echo word: $word; done; echo hello from the medium"]
"#;

const FORMATS: [&str; 9] = [
    "uki",
    "raw",
    "vmdk",
    "vhd",
    "iso",
    "raw-bios",
    "oci",
    "triton",
    "kernel+initrd",
];

/// How many machines run at a time.
const MACHINES: usize = 2;

#[test]
fn vm_every_form_boots_and_other_tools_find_no_fault() {
    let workshop = Workshop::new();
    Image::busybox().write_oci(&workshop.directory("images"), "busybox");
    let spec = workshop.write("medium.yml", SPEC);
    for out in ["one", "two"] {
        let mut arguments = vec!["build", spec.to_str().unwrap(), "-o", out];
        arguments.extend(["--epoch", "1700000000"]);
        arguments.extend(FORMATS.iter().flat_map(|format| ["--format", format]));
        workshop.run(&arguments).good();
    }
    let out = workshop.home().join("one");
    for ((name, one), (_, two)) in files_in(&out)
        .iter()
        .zip(files_in(&workshop.home().join("two")))
    {
        assert!(*one == two, "{name} is another one the second time");
    }
    disks_are_the_same(&out);
    xorriso_reads_the_iso(&out);
    skopeo_reads_the_container_image(&out);
    the_platform_image_is_whole(&out);

    fs::copy(out.join("medium.iso"), out.join("stick.raw")).unwrap();
    let firmware = [Firmware::Uefi, Firmware::Bios];
    let either = ["medium.iso", "stick.raw"]
        .into_iter()
        .flat_map(|file| firmware.map(|by| (file, Some(by))));
    // What the form needs is found out.
    let own =
        ["medium-bios.raw", "medium.vmdk", "medium.vhd", "medium.efi"].map(|file| (file, None));
    let machines = either.chain(own).map(|(file, by)| (out.join(file), by));
    let queue = Mutex::new(machines.collect::<VecDeque<_>>());
    std::thread::scope(|scope| {
        for _ in 0..MACHINES {
            scope.spawn(|| {
                while let Some((file, by)) = { queue.lock().unwrap().pop_front() } {
                    boots(&file, by);
                }
            });
        }
    });
}

fn boots(file: &Path, firmware: Option<Firmware>) {
    let mut options = VmOptions::new(file).memory(1024);
    if let Some(firmware) = firmware {
        options = options.firmware(firmware);
    }
    let vm = options.boot();
    vm.wait_up();
    let console = vm.console();
    let name = file.file_name().unwrap().to_str().unwrap();
    for expected in ["hello from the medium", "word: greeting=$hello;"] {
        assert!(
            console.contains(expected),
            "{name}: no `{expected}` in {console}"
        );
    }
    let by_bios = firmware == Some(Firmware::Bios) || name == "medium-bios.raw";
    assert_eq!(
        console.contains("efi: EFI v"),
        !by_bios,
        "{name}: {console}"
    );
    assert_eq!(vm.power_off(), 0, "{name}");
}

fn disks_are_the_same(out: &Path) {
    let script = r#"
cd "$1"
sgdisk -v medium.raw | grep -q "No problems found"
sgdisk -v medium-bios.raw | grep -q "No problems found"
sgdisk -v medium.iso | grep -q "No problems found"
qemu-img compare -f raw -F vmdk medium.raw medium.vmdk
qemu-img compare -f raw -F vpc medium.raw medium.vhd
qemu-img check -f vmdk medium.vmdk | grep -q "No errors"
qemu-img info -f vmdk medium.vmdk | grep -q "create type: streamOptimized"
test $(($(stat -c %s medium.vhd) % 1048576)) = 512
"#;
    judge(script, &[out]);
}

fn xorriso_reads_the_iso(out: &Path) {
    let script = r#"
cd "$1"
xorriso -indev medium.iso -report_el_torito plain -report_system_area plain -pvd_info 2>&1
"#;
    let report = judge(script, &[out]);
    for expected in [
        "Volume id    : 'MEDIUM'",
        "El Torito boot img :   1  BIOS  y   none  0x0000  0x00      4",
        "El Torito boot img :   2  UEFI  y   none",
        "El Torito img opts :   1  boot-info-table grub2-boot-info",
        "MBR protective-msdos-label grub2-mbr",
        "Creation Time: 2023111422132000",
    ] {
        assert!(report.contains(expected), "no `{expected}` in {report}");
    }
}

fn skopeo_reads_the_container_image(out: &Path) {
    let script = r#"
cd "$1"
skopeo inspect oci-archive:medium-oci.tar
skopeo copy --quiet oci-archive:medium-oci.tar docker-archive:"$2"/docker.tar:medium:latest
tar -xOf "$2"/docker.tar manifest.json | grep -q 'medium:latest'
skopeo inspect --config oci-archive:medium-oci.tar >"$2"/config.json
"#;
    let scratch = tempfile::tempdir().unwrap();
    let inspected: Value = serde_json::from_str(&judge(script, &[out, scratch.path()])).unwrap();
    assert_eq!(inspected["Architecture"], "amd64");
    assert_eq!(inspected["Created"], "2023-11-14T22:13:20Z");
    assert_eq!(
        inspected["Labels"]["org.opencontainers.image.title"],
        "medium"
    );
    assert_eq!(
        inspected["Labels"]["org.opencontainers.image.version"],
        "20231114T221320Z"
    );
    assert_eq!(inspected["Layers"].as_array().unwrap().len(), 1);
    let config = fs::read_to_string(scratch.path().join("config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/init"]));
}

fn the_platform_image_is_whole(out: &Path) {
    let script = r#"
cd "$2"
tar -xzf "$1"/platform-20231114T221320Z.tgz
cat platform/etc/version/platform
cd platform/x86_64
for file in initrd filesystem.squashfs; do echo "$(cat $file.hash)  $file"; done | sha256sum -c --quiet
cmp vmlinuz "$1"/medium-kernel
cmp initrd "$1"/medium-initrd.img
unsquashfs -quiet -no-progress -no-xattrs -d root filesystem.squashfs usr/lib/bedplate/runtime >/dev/null
grep " $(sha256sum <root/usr/lib/bedplate/runtime | cut -d' ' -f1) /usr/lib/bedplate/runtime$" filesystem.manifest
grep linux-image filesystem.packages
"#;
    let scratch = tempfile::tempdir().unwrap();
    let said = judge(script, &[out, scratch.path()]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "20231114T221320Z");
    assert!(lines[1].starts_with("f 0755 0:0 "), "{said}");
    assert!(lines[2].starts_with("linux-image-"), "{said}");
}
