//! What can be wrong with a cpio archive, and with a tree that should become one.

use std::io;

use bedplate_types::{PathError, TreePath};

/// Why an archive was not read. The message has no file name: the caller adds which archive it was.
#[derive(Debug, thiserror::Error)]
pub enum CpioError {
    /// Reading failed, or the archive ends in the middle.
    #[error("cannot read the cpio archive at byte {offset}")]
    Io {
        /// Where, from where reading began.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The bytes are no header.
    #[error("byte {offset} does not begin a cpio header: {what}")]
    NotHeader {
        /// Where, from where reading began.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A name that leaves the image or that Linux cannot hold.
    #[error("entry `{entry}` has a name that an image cannot hold")]
    Name {
        /// The name.
        entry: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// An entry of a type that a tree cannot hold.
    #[error("entry `{entry}` is of the unknown type {kind:#o}")]
    UnknownType {
        /// Its name.
        entry: String,
        /// The type bits of its mode.
        kind: u32,
    },
    /// Contents that do not have the sum that the header names.
    #[error("entry `{entry}` does not match its checksum")]
    Checksum {
        /// Its name.
        entry: String,
    },
    /// A limit of [`Limits`](super::Limits) was exceeded.
    #[error("the cpio archive exceeds the limit of {limit} {what}")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

/// Why a tree was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The content of a file could not be read, or the archive not be written.
    #[error("cannot write `{path}` into the initramfs")]
    Io {
        /// Which name of the tree.
        path: TreePath,
        /// Why.
        source: io::Error,
    },
    /// A file that is too large for the format.
    #[error("`{path}` has {len} bytes, and a cpio archive holds files of less than 4 GiB only")]
    TooLarge {
        /// Which file.
        path: TreePath,
        /// Its length in bytes.
        len: u64,
    },
    /// A time that is too late for the format.
    #[error(
        "`{path}` is of the time {mtime}, and a cpio archive holds times before the year 2106 only"
    )]
    TooLate {
        /// Which name of the tree.
        path: TreePath,
        /// Its time, in seconds since 1970.
        mtime: u64,
    },
    /// The names of one inode went into different archives, so the kernel would make two files of it.
    #[error("`{path}` has {nlink} names, of which {written} are in this archive")]
    SplitHardLink {
        /// The first of its names in this archive.
        path: TreePath,
        /// How many names it has.
        nlink: u32,
        /// How many of them were written.
        written: u32,
    },
    /// A symlink whose target the kernel would not take.
    #[error("the symlink `{path}` has an empty target, or one of more than 4095 bytes")]
    SymlinkTarget {
        /// Which symlink.
        path: TreePath,
    },
}
