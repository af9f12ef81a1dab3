//! Secure Boot: firmware that trusts one key boots what was signed with it, and nothing else.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod workshop;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bedplate_testkit::Image;
use workshop::{Workshop, judge};

const SPEC: &str = r#"
kernel:
  packages: [linux-image-cloud-amd64]
  cmdline: console=ttyS0
onboot:
  - name: greeting
    image: oci:images:busybox
    command: [echo, hello from the signed image]
"#;

/// Far more than it takes.
const PATIENCE: Duration = Duration::from_secs(180);

/// Firmware with a key enrolled that the package `ovmf` brings, too, for tests such as this.
const FIRMWARE: &str = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";
const VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd";
const KEY: &str = "/usr/share/ovmf/PkKek-1-snakeoil.key";
const CERTIFICATE: &str = "/usr/share/ovmf/PkKek-1-snakeoil.pem";

struct Machine {
    qemu: Child,
    console: std::path::PathBuf,
}

impl Machine {
    fn boot(disk: &Path) -> Self {
        let console = disk.with_extension("console");
        let variables = disk.with_extension("variables");
        fs::copy(VARIABLES, &variables).unwrap();
        let flash = |unit: u8, options: &str, file: &Path| {
            format!(
                "if=pflash,unit={unit},format=raw{options},file={}",
                file.display()
            )
        };
        let qemu = Command::new("qemu-system-x86_64")
            .args([
                "-nodefaults",
                "-display",
                "none",
                "-no-reboot",
                "-machine",
                "q35,smm=on",
                "-m",
                "1024",
            ])
            .args([
                "-accel",
                "tcg,thread=multi",
                "-cpu",
                "max,la57=off,cx16=off",
            ])
            .args(["-global", "driver=cfi.pflash01,property=secure,value=on"])
            .args(["-drive", &flash(0, ",readonly=on", Path::new(FIRMWARE))])
            .args(["-drive", &flash(1, "", &variables)])
            .args([
                "-drive",
                &format!("if=virtio,format=raw,snapshot=on,file={}", disk.display()),
            ])
            .args(["-serial", &format!("file:{}", console.display())])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { qemu, console }
    }

    /// Waits until the console shows one of `texts`, and gives all that it showed.
    fn wait_for(&self, texts: [&str; 2]) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = fs::read(&self.console).unwrap_or_default();
            let shown = String::from_utf8_lossy(&shown).into_owned();
            if texts.iter().any(|text| shown.contains(text)) {
                return shown;
            }
            assert!(
                Instant::now() < deadline,
                "waited in vain for {texts:?}: {shown}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

#[test]
fn vm_only_what_was_signed_boots() {
    let workshop = Workshop::new();
    Image::busybox().write_oci(&workshop.directory("images"), "busybox");
    let spec = workshop.write("host.yml", SPEC);
    let key = judge(
        "openssl pkey -in \"$1\" -passin pass:snakeoil",
        &[Path::new(KEY)],
    );
    let key = workshop.write("key.pem", key);
    let build = |out: &str, more: &[&str]| {
        let build = [
            "build",
            spec.to_str().unwrap(),
            "-o",
            out,
            "--format",
            "raw",
            "--format",
            "uki",
        ];
        workshop.run(&[&build[..], more].concat()).good();
        workshop.home().join(out)
    };
    let signing = [
        "--secureboot-key",
        key.to_str().unwrap(),
        "--secureboot-cert",
        CERTIFICATE,
    ];
    let (signed, again) = (build("signed", &signing), build("again", &signing));
    let unsigned = build("unsigned", &[]);
    let uki = signed.join("host.efi");
    judge(
        "sbverify --cert \"$1\" \"$2\"",
        &[Path::new(CERTIFICATE), &uki],
    );
    assert!(fs::read(&uki).unwrap() == fs::read(again.join("host.efi")).unwrap());

    let machine = Machine::boot(&signed.join("host.raw"));
    let shown = machine.wait_for(["hello from the signed image", "Access Denied"]);
    assert!(shown.contains("secureboot: Secure boot enabled"), "{shown}");
    assert!(shown.contains("hello from the signed image"), "{shown}");
    drop(machine);

    let machine = Machine::boot(&unsigned.join("host.raw"));
    let shown = machine.wait_for(["Access Denied", "Linux version"]);
    assert!(
        shown.contains("Access Denied") && !shown.contains("Linux version"),
        "{shown}"
    );
}
