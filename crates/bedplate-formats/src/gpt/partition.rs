//! What a caller says about a partition.

use std::ops::BitOr;

use crate::guid::Guid;

/// One partition that a disk shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// What it is for: one of [`types`](super::types), or another.
    pub kind: Guid,
    /// Its own name among all partitions of the world.
    pub guid: Guid,
    /// Its label, at most 36 UTF-16 units.
    pub name: String,
    /// Flags.
    pub attributes: Attributes,
    /// Where it lies.
    pub extent: Extent,
}

/// Where a partition lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// At least `len` bytes, after all partitions that stand before it in the list. It begins on a
    /// multiple of 1 MiB, and its length is rounded up to one.
    Next {
        /// Length in bytes.
        len: u64,
    },
    /// The rest of the disk after all partitions that stand before it in the list, from one multiple
    /// of 1 MiB to another.
    Rest,
    /// Exactly here.
    At {
        /// The first sector.
        first_lba: u64,
        /// How many sectors.
        sectors: u64,
    },
}

/// Flags of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(pub u64);

impl Attributes {
    /// None.
    pub const NONE: Self = Self(0);
    /// The machine needs the partition: tools should not delete it (UEFI, table 5.7).
    pub const REQUIRED: Self = Self(1);
    /// A BIOS boot loader may boot it (UEFI, table 5.7).
    pub const LEGACY_BIOS_BOOTABLE: Self = Self(1 << 2);
    /// Its file system is grown to the partition when it is mounted (UAPI.2, "Partition Flags").
    pub const GROW_FILE_SYSTEM: Self = Self(1 << 59);
    /// It is mounted read-only (UAPI.2).
    pub const READ_ONLY: Self = Self(1 << 60);
    /// It is not mounted by itself (UAPI.2).
    pub const NO_AUTO: Self = Self(1 << 63);
}

impl BitOr for Attributes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
