//! Why an image was not read.

use std::io;

use bedplate_types::{PathError, TreePath};

/// Why an image was not read. The message has no file name: the caller adds which image it was.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed.
    #[error("cannot read the SquashFS image at byte {offset}")]
    Io {
        /// Where, from the beginning of the image.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The bytes do not begin a SquashFS image.
    #[error("these bytes do not begin a SquashFS image")]
    NotImage,
    /// An image of another version.
    #[error("the SquashFS image is of version {major}.{minor}, and only 4.0 is known")]
    Version {
        /// Major number.
        major: u16,
        /// Minor number.
        minor: u16,
    },
    /// A compressor that is not built in.
    #[error("the SquashFS image is compressed by {0}, which cannot be read: gzip, xz and zstd can")]
    Compressor(&'static str),
    /// The image has fewer bytes than its superblock says.
    #[error("the SquashFS image is cut off: it should have {expected} bytes, and has {len}")]
    Truncated {
        /// What the superblock says.
        expected: u64,
        /// What there is.
        len: u64,
    },
    /// Something in the image has no meaning.
    #[error("the SquashFS image is malformed: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// A piece could not be decompressed.
    #[error(
        "the SquashFS image is damaged: what is stored at byte {offset} cannot be decompressed"
    )]
    Damaged {
        /// Where, from the beginning of the image.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// An inode, or a name in a directory, that is malformed or that a tree cannot hold.
    #[error("`{path}` in the SquashFS image cannot be read: {what}")]
    Inode {
        /// Which name.
        path: TreePath,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A name that Linux cannot hold.
    #[error(
        "a name in the directory `{directory}` of the SquashFS image is none that Linux can hold"
    )]
    Name {
        /// Which directory.
        directory: TreePath,
        /// What is wrong with the name.
        source: PathError,
    },
    /// A limit of [`Limits`](super::Limits) was exceeded.
    #[error("the SquashFS image exceeds the limit of {limit} {what}")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

impl ReadError {
    pub(super) fn malformed(what: &'static str) -> Self {
        Self::Malformed { what }
    }
}
