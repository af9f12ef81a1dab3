//! ISO 9660 volumes that firmware boots from, optical or not.
//!
//! ```text
//! block  0 … 15   system area: left alone, a disk's tables and boot code have it
//!       16        primary descriptor
//!       17        boot record (El Torito), if anything boots
//!                 terminator
//!                 boot catalogue
//!                 path table, little-endian; path table, big-endian
//!                 directories, the root first
//!                 EFI system partition, at a multiple of 1 MiB: left alone
//!                 files, one after another
//!
//! directory record                              boot catalogue, entries of 32 bytes
//!  0 its length        25 flags: 2 directory     validation: 1, platform, …, 28 checksum, 30 55 AA
//!  2 first block       28 1                      default:    88, 2 segment, 6 sectors, 8 block
//! 10 length            32 length of the name     section:    91, 1 platform, 2 entries
//! 18 date, 7 bytes     33 name, 0 if even        its entry:  as the default one
//! ```
//!
//! Blocks have 2048 bytes. Numbers in descriptors and records stand there twice, little-endian and
//! big-endian; those of the catalogue are little-endian. Sources: ECMA-119 (ISO 9660), chapters 6 to 9;
//! "El Torito" Bootable CD-ROM Format Specification 1.0; UEFI Specification 2.10, section 13.3.2.1.
//!
//! An [`Image`] is planned from a [`Tree`](bedplate_tree::Tree) and tells where everything lies before
//! it is written: every file lies in one piece. There are no extensions (Rock Ridge, Joliet). Names are
//! of lower-case letters, digits and `_`, with one dot at most, as Linux shows what stands there in
//! upper case. Owners, permissions and extended attributes have no place and are left out; every time
//! is the epoch; symlinks and devices are refused.

mod contents;
mod descriptors;
mod error;
mod image;
mod name;
mod record;

use bedplate_types::{Epoch, TreePath};

pub use error::IsoError;
pub use image::Image;
pub use name::label;

/// Bytes in a block.
pub const BLOCK: u64 = 2048;
/// The system area has so many blocks.
const SYSTEM_AREA: u32 = 16;
/// The EFI system partition begins at a multiple of so many bytes, as partitions do.
const ALIGNMENT: u64 = 1 << 20;

/// What a volume is besides its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name: at most 32 upper-case letters, digits and `_`, as [`label`] makes them.
    pub label: String,
    /// The time of everything on it, to 2155.
    pub epoch: Epoch,
    /// The file that a BIOS loads and starts, without emulation of another medium.
    pub bios: Option<TreePath>,
    /// Length of the EFI system partition, in bytes.
    pub efi: Option<u64>,
}
