//! Reading an image: its tree at once, contents when they are asked for.
//!
//! ```text
//! superblock ──► owners, attributes, fragments       three tables, loaded
//!     └──► root inode ──► listing ──► inodes …       walked once: entries, and where each file lies
//!                                        └──► blocks, tail ──► bytes, on demand
//! ```
//!
//! Images come from strangers: each number is checked before it is used, and what an image makes us hold in
//! memory is counted against [`Limits`]. Taken are the compressors gzip, xz and zstd, inodes of all kinds
//! but sockets, which a tree has no place for, and attributes in and out of line. Directory indexes and
//! the export table are not needed to read everything, and not looked at.

mod contents;
mod error;
mod fields;
mod inodes;
mod listings;
mod metadata;
mod superblock;
mod tables;
mod unpack;
mod walk;
mod xattrs;

use bedplate_tree::Entry;
use bedplate_types::{Digest, Object};

use crate::read_at::ReadAt;

pub use contents::Image;
pub use error::ReadError;

/// What a reader accepts at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Names in all directories.
    pub entries: u64,
    /// All contents together, in bytes, holes counted.
    pub content: u64,
    /// Metadata, paths, targets and attributes together, in bytes: what is held in memory.
    pub memory: u64,
}

impl Default for Limits {
    /// A million names, 256 GiB of contents, 1 GiB in memory.
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            content: 256 << 30,
            memory: 1 << 30,
        }
    }
}

/// How much of a limit is left.
#[derive(Debug, Clone, Copy)]
struct Room {
    left: u64,
    limit: u64,
}

/// Are these the first bytes (four are enough) of an image?
pub fn is_image(head: &[u8]) -> bool {
    head.starts_with(b"hsqs")
}

/// Opens the image that `source` begins with; what follows it is not looked at.
///
/// Gives the image for its contents, and all entries: directories before what is in them, later names of an
/// inode as hard links. Contents are ranges of `object`, which stands for the contents of all files in a
/// row: [`Image`] reads them.
pub fn read<S: ReadAt>(
    source: S,
    object: Digest<Object>,
    limits: &Limits,
) -> Result<(Image<S>, Vec<Entry>), ReadError> {
    let superblock = superblock::Superblock::read(&source)?;
    let walked = walk::walk(&source, &superblock, object, limits)?;
    let image = Image::new(source, &superblock, walked.files, walked.fragments);
    Ok((image, walked.entries))
}
