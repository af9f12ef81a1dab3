//! FAT file systems, as firmware reads its boot loader from them: FAT32, and FAT16 where the volume is
//! too small for it.
//!
//! ```text
//! FAT32                                      FAT16
//! sector 0   boot sector                     boot sector
//!        1   FSInfo: free clusters
//!        6,7 both again
//!       32 … FAT, FAT again                  FAT, FAT again
//!                                            root directory
//!            clusters from 2: directories, the root first, then files; free clusters; less than one
//!
//! boot sector                                          directory entry
//!  3 OEM name             36 sectors of a FAT (32)      0 name 8+3      20 cluster, high
//! 11 bytes in a sector    44 cluster of the root (32)  11 attributes    22 time, 24 date
//! 13 sectors in a cluster 48 FSInfo, 50 backup (32)    12 0             26 cluster, low
//! 14 first FAT's sector   64 (36) drive, 66 (38) 0x29  13 created       28 length
//! 16 FATs                 67 (39) serial number        18 read
//! 17 entries of the root  71 (43) label
//! 19 32 sectors           82 (54) "FAT32", "FAT16"     long name, before it, last part first
//! 22 sectors of a FAT    510 55 AA                      0 part, 0x40 in the last   13 checksum
//!                                                       1, 14, 28 UTF-16 units     11 0x0F
//! ```
//!
//! All little-endian. Sources: Microsoft, "FAT: General Overview of On-Disk Format" 1.03; UEFI
//! Specification 2.10, section 13.3.
//!
//! An [`Image`] is planned from a [`Tree`](bedplate_tree::Tree), tells its length, and is then written
//! in one go from the first byte to the last: every file lies in one piece. Owners, permissions and
//! extended attributes have no place and are left out; every time is the epoch, in UTC; hard links
//! become copies; symlinks and devices are refused. Nothing here reads or changes a file system.

mod contents;
mod directory;
mod error;
mod geometry;
mod image;
mod name;
mod write;

use bedplate_types::Epoch;

pub use error::FatError;
pub use image::Image;

/// Bytes in a sector.
const SECTOR: u64 = 512;
/// Bytes in a directory entry.
const ENTRY_LEN: usize = 32;
/// Clusters are counted from here.
const FIRST_CLUSTER: u32 = 2;

/// From so many bytes on a volume is FAT32, which UEFI wants on system partitions: 33 MiB.
pub const FAT32_MIN_LEN: u64 = 33 << 20;

/// What a volume is besides its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// How large it is.
    pub size: Size,
    /// Its label: at most 11 upper-case letters, digits, spaces and some signs; empty for none.
    pub label: String,
    /// The number that stands where formatting tools put the time.
    pub serial: u32,
    /// The time of everything on it, from 1980 (earlier becomes 1980-01-01) to 2107.
    pub epoch: Epoch,
}

/// The length of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// So many bytes: a multiple of 512, at least 2.1 MiB, at most 2 TiB less one sector.
    Exactly(u64),
    /// Whole mebibytes, with at least so many bytes free in clusters.
    WithRoom(u64),
}

/// Which FAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Entries of 16 bits.
    Fat16,
    /// Entries of 32 bits, of which 28 are used.
    Fat32,
}
