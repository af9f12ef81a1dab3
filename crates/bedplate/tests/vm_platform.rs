//! The platform image of the examples, built as an ordinary user in every form at once, and booted in each
//! that boots, to a systemd that is content with it.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::Mutex;

use workshop::{Said, Workshop, judge};

/// A unit that says on the console what became of the boot, and ends the machine.
const REPORT: &str = r#"
files:
  - path: usr/lib/report
    mode: "0755"
    contents: |
      #!/bin/sh
      {
        echo "REPORT state $(systemctl is-system-running --wait)"
        systemctl --failed --no-legend --plain | sed 's/^/REPORT failed /'
        sed -n 's/^\([^ ]*\) \(\/\|\/run\/bedplate\/root\) \([^ ]*\) \(r[ow]\),.*/REPORT mount \1 \2 \3 \4/p' /proc/mounts
        systemctl is-active systemd-networkd ssh systemd-resolved | sed 's/^/REPORT active /'
        for program in systemd-nspawn nft sshd; do command -v "$program" | sed 's/^/REPORT program /'; done
        cut -d: -f1,2 /etc/shadow | grep -v ':[!*]' | sed 's/^/REPORT password /'
        modprobe zfs && echo "REPORT zfs loaded"
        touch /probe && echo "REPORT writable"
        touch /run/bedplate/root/probe 2>/dev/null && echo "REPORT the image is writable"
        # A machine with a disk makes a pool on it, unless PID 1 of the initramfs found one there.
        if test -b /dev/vda && grep -q pool.test /proc/cmdline; then
          zpool list -H -o name zones 2>/dev/null || {
            zpool create -m none zones /dev/vda
            zfs set smartdc:system_pool=true zones
            zfs create -o mountpoint=/opt zones/opt
            echo kept > /opt/file
          }
          sed 's/^/REPORT system pool /' /run/bedplate/system_pool
          sed 's/^/REPORT in the pool: /' /opt/file
        fi
        echo "REPORT end"
      } > /dev/console 2>&1
      systemctl poweroff
  - path: etc/systemd/system/report.service
    mode: "0644"
    contents: |
      [Unit]
      After=multi-user.target
      [Service]
      Type=exec
      ExecStart=/usr/lib/report
      [Install]
      WantedBy=multi-user.target
  - {path: etc/systemd/system/multi-user.target.wants/report.service, symlink: ../report.service}
"#;

/// All forms, and the options and file by which each of those that boot is booted; `dm-0` is dm-verity.
const FORMS: [(&str, &[&str], &str); 12] = [
    ("kernel+initrd", &["platform-kernel"], "loop0"),
    ("kernel+initrd+root", &["platform-netboot.img"], "loop0"),
    ("uki", &["platform.efi"], "loop0"),
    ("raw", &["platform.raw"], "dm-0"),
    ("qcow2", &["platform.qcow2"], "dm-0"),
    ("vmdk", &["platform.vmdk"], "dm-0"),
    ("vhd", &["platform.vhd"], "dm-0"),
    ("iso", &["--bios", "platform.iso"], "dm-0"),
    ("iso", &["--uefi", "platform.iso"], "dm-0"),
    ("raw-bios", &["platform-bios.raw"], "dm-0"),
    ("oci", &[], ""),
    ("triton", &[], ""),
];

#[test]
fn vm_every_form_of_the_platform_boots_to_a_healthy_systemd() {
    let workshop = Workshop::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/platform.yml");
    workshop.write("platform.yml", fs::read(example).unwrap());
    workshop.write("report.yml", REPORT);
    let mut build = vec![
        "build",
        "platform.yml",
        "report.yml",
        "--name",
        "platform",
        "-o",
        "out",
    ];
    build.extend(FORMS.iter().flat_map(|(form, ..)| ["--format", form]));
    Said::from(workshop.bedplate(&build)).good();

    let waiting: Mutex<VecDeque<_>> = Mutex::new(
        FORMS
            .iter()
            .filter(|(_, boot, _)| !boot.is_empty())
            .collect(),
    );
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().pop_front();
                    let Some((form, boot, device)) = next else {
                        return;
                    };
                    comes_up(&workshop, form, boot, device);
                }
            });
        }
    });
    triton_finds_its_files(&workshop);
    the_system_pool_is_found(&workshop);
}

/// The first boot makes a pool, the second one gets it from PID 1 of its initramfs, data and all.
fn the_system_pool_is_found(workshop: &Workshop) {
    let run = [
        "run",
        "out/platform-kernel",
        "--accel",
        "tcg",
        "--timeout",
        "400",
        "--disk",
        "file=pool.raw,size=1G,format=raw",
        "--cmdline-append",
        "pool.test",
    ];
    for is_there in [false, true] {
        let said = Said::from(workshop.bedplate(&run)).good();
        let told = |line: &str| said.out.contains(&format!("REPORT {line}"));
        assert!(
            told("in the pool: kept") && told("state running"),
            "{}",
            said.out
        );
        assert_eq!(told("system pool zones"), is_there, "{}", said.out);
    }
}

fn comes_up(workshop: &Workshop, form: &str, boot: &[&str], device: &str) {
    let (file, options) = boot.split_last().unwrap();
    let file = format!("out/{file}");
    let mut run = vec!["run", &file, "--accel", "tcg", "--timeout", "400"];
    run.extend(options);
    let said = Said::from(workshop.bedplate(&run));
    let report: Vec<String> = said
        .out
        .lines()
        .filter_map(|line| Some(line.split_once("REPORT ")?.1.trim().to_owned()))
        .collect();
    let expected = [
        "state running".to_owned(),
        format!("mount /dev/{device} /run/bedplate/root squashfs ro"),
        "mount overlay / overlay rw".to_owned(),
        "active active".to_owned(),
        "active active".to_owned(),
        "active active".to_owned(),
        "program /usr/bin/systemd-nspawn".to_owned(),
        "program /usr/sbin/nft".to_owned(),
        "program /usr/sbin/sshd".to_owned(),
        "zfs loaded".to_owned(),
        "writable".to_owned(),
        "end".to_owned(),
    ];
    assert_eq!(report, expected, "{form}: {}{}", said.out, said.err);
    assert_eq!(said.code, Some(0), "{form}: {}", said.err);
}

/// What a booter serves: every file has the hash that stands beside it, and the description names the root.
fn triton_finds_its_files(workshop: &Workshop) {
    let script = r#"
        cd "$1"
        mkdir triton
        tar -xzf platform-*.tgz -C triton
        cd triton/platform/x86_64
        for file in initrd filesystem.squashfs; do
            test "$(sha256sum < $file | cut -d' ' -f1)" = "$(cat $file.hash)"
        done
        grep -c '"file": "filesystem.squashfs"' image.json
        grep -c "$(cat filesystem.squashfs.hash)" image.json
    "#;
    assert_eq!(judge(script, &[&workshop.home().join("out")]), "1\n1\n");
}
