//! What can be wrong with a tar.

use std::fmt;
use std::io;

use bedplate_types::{PathError, TreePath};

/// Why an archive was not read. The message has no file name: the caller adds which archive it was.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// Reading failed.
    #[error("cannot read the archive at byte {offset}")]
    Io {
        /// Where, from the beginning.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// The bytes are no tar header.
    #[error("byte {offset} of the archive does not begin a tar header")]
    NotHeader {
        /// Where, from the beginning.
        offset: u64,
        /// What is wrong with it.
        #[source]
        fault: HeaderFault,
    },
    /// A header field or a pax record has no meaning.
    #[error("entry `{entry}` has a malformed {field}")]
    Malformed {
        /// Name of the entry, as far as it is known.
        entry: String,
        /// Which field or record.
        field: String,
    },
    /// A name or link target that leads out of the image, or that Linux cannot hold.
    #[error("entry `{entry}` {}", fault.outcome())]
    Name {
        /// Name of the entry.
        entry: String,
        /// What is wrong with its name or link target.
        #[source]
        fault: NameFault,
    },
    /// An entry of a type that is not known.
    #[error("entry `{entry}` is of the unknown type `{}`", char::from(*kind).escape_default())]
    UnknownType {
        /// Name of the entry.
        entry: String,
        /// The type flag.
        kind: u8,
    },
    /// A sparse file.
    #[error("entry `{entry}` is a sparse file, which is not supported")]
    Sparse {
        /// Name of the entry.
        entry: String,
    },
    /// The archive ends before the contents of an entry do.
    #[error(
        "the archive is cut off: entry `{entry}` ends at byte {end}, the archive at byte {len}"
    )]
    Truncated {
        /// Name of the entry.
        entry: String,
        /// Where the entry would end.
        end: u64,
        /// Where the archive ends.
        len: u64,
    },
    /// A limit of [`Limits`](super::Limits) was exceeded.
    #[error("the archive exceeds the limit of {limit} {what} at entry `{entry}`")]
    Limit {
        /// Name of the entry.
        entry: String,
        /// What is limited, with its unit.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

impl TarError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Sparse { .. } => Some("make the archive again without `--sparse`"),
            Self::Name { .. } => Some(
                "the archive was not made by a container tool; rebuild it, or pass its directory as `dir:`",
            ),
            Self::NotHeader { .. } => {
                Some("it may be compressed in a way that is not known (gzip, zstd and xz are)")
            }
            Self::Truncated { .. } => Some("get the archive again: it is incomplete"),
            Self::UnknownType { .. } => Some("make the archive again with `tar --format=pax`"),
            _ => None,
        }
    }
}

/// What is wrong with a block that should be a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// The checksum is another one.
    #[error("the checksum does not match")]
    Checksum,
    /// A block of zeros that is not followed by another one.
    #[error("a single block of zeros stands in the middle of the archive")]
    LoneZeros,
    /// The archive ends inside the header.
    #[error("the archive ends in the middle of a block")]
    Cut,
    /// An extension header that no entry follows.
    #[error("the archive ends after an extension header")]
    Dangling,
}

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// `..`.
    #[error("a path component is `..`")]
    DotDot,
    /// `..` in the target of a hard link.
    #[error("the target of the hard link has a component `..`")]
    LinkDotDot,
    /// A NUL byte.
    #[error("the name holds a NUL byte")]
    Nul,
    /// A component over 255 bytes, or a path of 4096 bytes or more.
    #[error("the name, or a component of it, is too long for Linux")]
    TooLong,
    /// A path from the root of some machine, not of the image.
    #[error("its path is absolute")]
    Absolute,
    /// No name, or no link target.
    #[error("a name is empty")]
    Empty,
}

impl NameFault {
    fn outcome(self) -> impl fmt::Display {
        match self {
            Self::DotDot | Self::LinkDotDot => "leaves the image",
            _ => "has a name that an image cannot hold",
        }
    }
}

impl From<PathError> for NameFault {
    fn from(error: PathError) -> Self {
        match error {
            PathError::Leaves(_) => Self::DotDot,
            PathError::Nul(_) => Self::Nul,
            PathError::TooLong(_) => Self::TooLong,
        }
    }
}

/// Why a tree was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The content of a file could not be read, or the archive not be written.
    #[error("cannot write `{path}` into the archive")]
    Io {
        /// Which name of the tree.
        path: TreePath,
        /// Why.
        source: io::Error,
    },
    /// Something that a tar has no place for.
    #[error("`{path}` cannot be put into a tar: {what}")]
    Unrepresentable {
        /// Which name of the tree.
        path: TreePath,
        /// Why not.
        what: &'static str,
    },
}
