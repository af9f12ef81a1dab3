//! Why partitions do not make a table.

use crate::guid::Guid;

/// Why partitions do not make a table. Partitions are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GptError {
    /// A disk of which the last sector is not whole.
    #[error("a disk of {0} bytes does not consist of whole sectors of 512 bytes")]
    PartialSector(u64),
    /// The disk ends before its partitions do, or before the backup table begins.
    #[error("a disk of {len} bytes is too small: {needed} bytes are needed")]
    DiskTooSmall {
        /// Length of the disk, in bytes.
        len: u64,
        /// What it should have at least, in bytes.
        needed: u64,
    },
    /// More partitions than a table has entries.
    #[error("{0} partitions are more than the 128 that a table holds")]
    TooMany(usize),
    /// A partition without sectors.
    #[error("partition {0} is empty")]
    Empty(usize),
    /// A partition that lies in the table, or ends beyond what can be counted.
    #[error("partition {0} lies outside of what partitions can have of a disk")]
    Outside(usize),
    /// Two partitions that share sectors.
    #[error("partitions {0} and {1} overlap")]
    Overlap(usize, usize),
    /// A type or a GUID that says "none".
    #[error("partition {0} has a GUID or a type that is all zero")]
    Nil(usize),
    /// The same GUID twice, that of the disk included.
    #[error("the GUID {guid} of partition {index} is already in use on this disk")]
    Duplicate {
        /// Which partition.
        index: usize,
        /// Its GUID.
        guid: Guid,
    },
    /// A label that does not fit, or that holds a NUL.
    #[error(
        "partition {index} cannot be named `{}`: a name has at most 36 characters and no NUL",
        name.escape_debug()
    )]
    Name {
        /// Which partition.
        index: usize,
        /// The label.
        name: String,
    },
}
