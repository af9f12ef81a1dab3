//! GUID partition tables: where partitions lie on a disk, and the bytes at its two ends.
//!
//! ```text
//! sector  0          protective MBR: one partition of type 0xEE over the whole disk
//!         1          primary header
//!         2 … 33     128 entries of 128 bytes
//!        34 …        partitions, on multiples of 1 MiB unless told otherwise
//!      n-33 … n-2    the entries again
//!      n-1           backup header
//!
//! header                                    entry
//!  0 "EFI PART"         32 other header      0 type GUID
//!  8 revision 1.0       40 first usable     16 GUID of the partition
//! 12 92 (its length)    48 last usable      32 first sector
//! 16 CRC-32 of itself   56 disk GUID        40 last sector, inclusive
//! 20 0                  72 first entry      48 attributes
//! 24 this header        80 128; 84 128      56 name, 36 UTF-16 units
//!                       88 CRC-32 of entries
//! ```
//!
//! All little-endian; sectors have 512 bytes. Source: UEFI Specification 2.10, chapter 5. Types and
//! attributes of Linux: the Discoverable Partitions Specification (UAPI.2).
//!
//! [`Layout`] never sees what is in the partitions: the disk's writer asks it where they begin, and
//! writes [`Layout::primary`], the partitions, and [`Layout::backup`] in this order.

mod error;
mod layout;
mod partition;
mod read;
mod table;
pub mod types;

pub use error::GptError;
pub use layout::{Layout, Placed};
pub use partition::{Attributes, Extent, Partition};
pub use read::{Found, ReadError, read};

/// Bytes in a sector.
pub const SECTOR: u64 = 512;
/// Partitions begin and end on multiples of so many bytes, unless the caller placed them.
pub const ALIGNMENT: u64 = 1 << 20;

const ENTRIES: usize = 128;
const ENTRY_LEN: usize = 128;
/// Sectors of an array of entries.
const ENTRY_SECTORS: u64 = (ENTRIES * ENTRY_LEN) as u64 / SECTOR;
/// The first sector that a partition can have.
const FIRST_USABLE: u64 = 2 + ENTRY_SECTORS;
/// Sectors at the end of the disk that no partition can have.
const BACKUP_SECTORS: u64 = ENTRY_SECTORS + 1;
/// UTF-16 units of a name. The specification wants a NUL inside, no reader does.
const NAME_UNITS: usize = 36;
