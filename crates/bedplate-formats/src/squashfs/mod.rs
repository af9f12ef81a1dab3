//! SquashFS 4.0: a compressed, read-only file system, written from a tree and read as one.
//!
//! ```text
//!  0 superblock, 96 bytes     data blocks, blocks of fragments     inodes    directories
//! 96 compressor's options     of files, one after another          in metadata blocks
//!
//! fragments    owners     attributes      zeros to a multiple of 4096
//! three tables that are looked up by number
//!
//! superblock:
//!  0 "hsqs"        16 fragments    24 flags      32 root inode (u64)   56 attributes (u64)   80 fragments (u64)
//!  4 inodes        20 compressor   26 owners     40 bytes used (u64)   64 inodes (u64)       88 export (u64, -1)
//!  8 mkfs time     22 log2(block)  28 4, 0       48 owners (u64)       72 directories (u64)
//! 12 block size
//! ```
//!
//! All numbers are little-endian; offsets count from the superblock. Sources: "Squashfs Binary Format"
//! (squashfs-tools-ng, `doc/format.adoc`), to whose sections the modules refer, and the kernel's
//! `fs/squashfs/`.
//!
//! Files with the same bytes are stored once, full blocks of zeros not at all, and what is left of a
//! file after its full blocks shares blocks with other files ("fragments"). There is no export table:
//! such an image cannot be exported over NFS.
//!
//! The superblock tells where the tables ended up, so it is written last and the output must seek.
//! The bytes do not depend on the number of threads. Reading is apart, in `read/`.

mod check;
mod compress;
mod data;
mod directories;
mod duplicates;
mod error;
mod inodes;
mod metadata;
mod options;
mod output;
mod owners;
mod pipeline;
mod read;
mod record;
mod tables;
mod write;
mod xattrs;

pub use check::{Loss, unrepresentable};
pub use error::WriteError;
pub use options::{Compression, Options};
pub use read::{Image, Limits, ReadError, is_image, read};
pub use write::write;

/// "There is none", for a table's position.
const NO_TABLE: u64 = u64::MAX;
/// "There is none", for the number of a fragment or a set of attributes.
const NO_INDEX: u32 = u32::MAX;
/// Set in the stored size of a data block that is not compressed.
const RAW_BLOCK: u32 = 1 << 24;
