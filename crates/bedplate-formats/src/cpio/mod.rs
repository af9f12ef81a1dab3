//! cpio in the form that the kernel unpacks its initramfs from ("newc").
//!
//! ```text
//!  0 "070701"      30 nlink       62 device major        94 length of name with NUL
//!  6 inode         38 mtime       70 device minor       102 checksum (0; a sum in "070702")
//! 14 mode          46 file size   78 rdev major         110 name, NUL, padding to 4
//! 22 uid, gid                     86 rdev minor             contents, padding to 4
//!
//! entry  entry  …  "TRAILER!!!"  zeros to 512   entry  entry  …  "TRAILER!!!"  zeros   (more archives)
//! ```
//!
//! All numbers are eight hexadecimal digits. Sources: the kernel's
//! `Documentation/driver-api/early-userspace/buffer-format.rst` and `init/initramfs.c`.
//!
//! The kernel unpacks any number of archives in a row, and forgets inode numbers between them. So a
//! tree may be split over several [`Writer`]s, each numbering its own inodes: the bytes of an archive
//! depend on nothing but the names in it. Of several names of one inode the first carries the
//! contents. What the format has no place for is told by [`unrepresentable`].

mod error;
mod member;
mod read;
mod write;

pub use error::{CpioError, WriteError};
pub use member::{Member, entries};
pub use read::{Limits, index, read, read_archive};
pub use write::{Loss, Writer, unrepresentable, write};

const HEADER_LEN: usize = 110;
const TRAILER: &[u8] = b"TRAILER!!!";
/// An archive is padded to a multiple of this, as GNU cpio and LinuxKit do.
const ARCHIVE_BLOCK: u64 = 512;

/// Type bits of a mode (`<linux/stat.h>`).
mod kind {
    pub(super) const MASK: u32 = 0o170_000;
    pub(super) const FIFO: u32 = 0o010_000;
    pub(super) const CHAR: u32 = 0o020_000;
    pub(super) const DIRECTORY: u32 = 0o040_000;
    pub(super) const BLOCK: u32 = 0o060_000;
    pub(super) const FILE: u32 = 0o100_000;
    pub(super) const SYMLINK: u32 = 0o120_000;
}

/// Bytes between `len` and the next multiple of 4.
fn padding(len: u64) -> usize {
    (len.wrapping_neg() % 4) as usize
}
