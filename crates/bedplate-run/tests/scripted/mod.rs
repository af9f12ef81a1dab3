//! A guest of 74 bytes that plays a script: a "kernel" in the form of a bzImage whose real-mode code talks on both
//! serial ports. It boots in a tenth of a second, so the policy of a run is tested with the real QEMU.
//!
//! ```text
//! 0000  boot sector: only the header counts (Linux Documentation/arch/x86/boot.rst)
//! 0200  eb 66 "HdrS" …             entry: jumps over the header to 0268
//! 0268  PROGRAM
//! 0300  console text 0, control text 0, then for each line that comes on the control port: an answer 0; 0
//! ```
//!
//! After the last answer it powers off through ACPI (port 604h of QEMU's q35).

use std::fs;
use std::path::Path;

/// Assembled from: write the text at 0300h to COM1 and the next to COM2; until the next text is empty, wait for a
/// line on COM2 and write the next text there; power off.
const PROGRAM: [u8; 74] = [
    0xfc, 0xbe, 0x00, 0x03, 0xba, 0xf8, 0x03, 0xe8, 0x2a, 0x00, 0xba, 0xf8, 0x02, 0xe8, 0x24, 0x00,
    0x80, 0x3c, 0x00, 0x74, 0x15, 0xba, 0xfd, 0x02, 0xec, 0xa8, 0x01, 0x74, 0xf8, 0xba, 0xf8, 0x02,
    0xec, 0x3c, 0x0a, 0x75, 0xf0, 0xe8, 0x0c, 0x00, 0xeb, 0xe6, 0xba, 0x04, 0x06, 0xb8, 0x00, 0x20,
    0xef, 0xf4, 0xeb, 0xfd, 0xac, 0x84, 0xc0, 0x74, 0x10, 0x50, 0x83, 0xc2, 0x05, 0xec, 0xa8, 0x20,
    0x74, 0xfb, 0x83, 0xea, 0x05, 0x58, 0xee, 0xeb, 0xeb, 0xc3,
];
const SETUP_SECTORS: usize = 16;

/// A host that plays a script, written as `DIR/scripted-kernel`.
pub fn write_host(directory: &Path, console: &str, control: &str, answers: &[&str]) {
    let mut kernel = vec![0; 0x300];
    kernel[0x1f1] = SETUP_SECTORS as u8;
    kernel[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    kernel[0x200..0x206].copy_from_slice(b"\xeb\x66HdrS");
    kernel[0x206..0x208].copy_from_slice(&0x020c_u16.to_le_bytes());
    kernel[0x211] = 1; // loaded high
    kernel[0x214..0x218].copy_from_slice(&0x10_0000_u32.to_le_bytes());
    kernel[0x236] = 1; // 64 bits
    kernel[0x260..0x264].copy_from_slice(&0x10_0000_u32.to_le_bytes());
    kernel[0x268..0x268 + PROGRAM.len()].copy_from_slice(&PROGRAM);
    for text in [console, control].iter().chain(answers) {
        kernel.extend(text.bytes());
        kernel.push(0);
    }
    assert!(kernel.len() < 512 * SETUP_SECTORS, "the script is too long");
    // The part that would run in protected mode is never entered, but must be there.
    kernel.resize(512 * (SETUP_SECTORS + 1) + 4096, 0);
    fs::write(directory.join("scripted-kernel"), kernel).unwrap();
}
