//! Why no image was written.

use std::io;

use bedplate_types::TreePath;

/// Why a tree was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The content of a file could not be read, or the image not be written.
    #[error("cannot write `{path}` into the SquashFS image")]
    Io {
        /// Which name of the tree.
        path: TreePath,
        /// Why.
        source: io::Error,
    },
    /// The image's tables, or the last of its data, could not be written.
    #[error("cannot write the SquashFS image")]
    Output(#[source] io::Error),
    /// Something that a SquashFS has no place for.
    #[error("`{path}` cannot be put into a SquashFS image: {what}")]
    Unrepresentable {
        /// Which name of the tree.
        path: TreePath,
        /// Why not.
        what: &'static str,
    },
    /// The time of the image is after the year 2106.
    #[error("a SquashFS image cannot be made at {epoch} seconds after 1970: its times end in 2106")]
    TooLate {
        /// Seconds since 1970.
        epoch: u64,
    },
    /// More owners than the table of owners may have.
    #[error("the files have more than 65535 different owners and groups")]
    TooManyOwners,
    /// A table whose length, or a place in it, has no room in 32 bits.
    #[error("the table of {what} would have 4 GiB or more")]
    TableTooLarge {
        /// Which table.
        what: &'static str,
    },
    /// A block size that the format does not have.
    #[error("blocks cannot have {size} bytes: it must be a power of two from 4096 to 1048576")]
    BlockSize {
        /// What was asked for, in bytes.
        size: u32,
    },
    /// A level that zstd does not have.
    #[error("zstd has no level {level}: there are 1 to 22")]
    Level {
        /// What was asked for.
        level: i32,
    },
}
