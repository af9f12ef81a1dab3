//! The probe guest: a boot sector that adds ten numbers and exits with the sum.
//!
//! ```text
//! 000  fa          cli
//! 001  31 c0       xor ax, ax
//! 003  b9 0a 00    mov cx, 10
//! 006  01 c8       add ax, cx
//! 008  e2 fc       loop 006
//! 00a  e6 f4       out 0xf4, al      QEMU's isa-debug-exit: ends with status 2 * 55 + 1
//! 00c  f4          hlt
//! 00d  eb fd       jmp 00c
//! 1fe  55 aa       marks a boot sector
//! ```
//!
//! Before it runs, the firmware has switched between real and protected mode many times: that is
//! where a broken KVM fails, or crawls (so the deadline). A kernel may still die where this lives.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use super::Accelerator;
use crate::child::TiedChild;
use crate::scratch::Scratch;
use crate::tool::{Tool, ToolError};

const PROGRAM: [u8; 15] = [
    0xfa, 0x31, 0xc0, 0xb9, 0x0a, 0x00, 0x01, 0xc8, 0xe2, 0xfc, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd,
];
const GOOD_STATUS: i32 = 2 * 55 + 1;
/// A tenth of a second is usual, with the translator too.
const DEADLINE: Duration = Duration::from_secs(3);

/// Runs the probe guest: does it come to its end, in time and with the right sum?
pub(super) fn guest_lives(accelerator: Accelerator) -> Result<bool, ToolError> {
    let not_written = |source| ToolError::Start {
        program: "qemu-system-x86_64",
        source,
    };
    let disk = Scratch::beside(&std::env::temp_dir().join("bedplate-probe"));
    let mut sector = [0; 512];
    sector[..PROGRAM.len()].copy_from_slice(&PROGRAM);
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    std::fs::File::create_new(disk.path())
        .and_then(|mut file| file.write_all(&sector))
        .map_err(not_written)?;

    let drive = format!(
        "if=floppy,format=raw,readonly=on,file={}",
        super::command::escape(disk.path())
    );
    let mut qemu = Tool::new("qemu-system-x86_64", "qemu-system-x86")
        .args([
            "-no-user-config",
            "-nodefaults",
            "-display",
            "none",
            "-machine",
            "pc",
            "-m",
            "16",
            "-no-reboot",
        ])
        .args(accelerator.arguments())
        .args([
            "-device",
            "isa-debug-exit,iobase=0xf4,iosize=0x04",
            "-drive",
            &drive,
        ]);
    qemu.command().stdout(Stdio::null()).stderr(Stdio::null());
    let guest = TiedChild::spawn(qemu)?;
    let status = guest.wait(DEADLINE);
    Ok(status.and_then(|status| status.code()) == Some(GOOD_STATUS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vm_the_probe_guest_lives_under_the_translator() {
        assert!(
            guest_lives(Accelerator::Tcg).unwrap(),
            "run `cargo xtask setup`"
        );
    }
}
