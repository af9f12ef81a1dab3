//! Unified Kernel Images: an EFI stub with kernel, initrd and command line in sections of their own.
//!
//! ```text
//! stub's headers | stub's sections | .osrel .cmdline .uname .splash .initrd .ucode .linux
//!                                    each at a multiple of FileAlignment in the file, and of
//!                                    SectionAlignment, 4096 at least, in memory
//! ```
//!
//! The order is that of ukify. The stub finds its sections by name; `VirtualSize` is the length of
//! what a section holds, and zeros follow it in the file. What a section holds is not looked at here:
//! whether kernel and stub are of one architecture, [`arch`] and [`kernel::inspect`](crate::kernel)
//! tell. The stub's own `.sbat` stays as it is.

mod cmdline;
mod error;
mod read;
mod write;

pub use cmdline::with_cmdline;
pub use error::UkiError;
pub use read::{Section, arch, sections};
pub use write::{Source, Uki, write};

const CMDLINE: &str = ".cmdline";
const SBAT: &str = ".sbat";
/// Names of all sections that the specification gives a meaning. No code refers to their addresses.
const PAYLOADS: [&str; 15] = [
    ".linux", ".osrel", CMDLINE, ".initrd", ".ucode", ".splash", ".fwauto", ".dtb", ".dtbauto",
    ".hwids", ".uname", SBAT, ".pcrsig", ".pcrpkey", ".profile",
];
/// Sections begin at a multiple of this in memory: a page, which old stubs' alignment falls short of.
const PAGE: u32 = 4096;
