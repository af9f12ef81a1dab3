//! Where the bytes of a file are.

use std::sync::Arc;

use bedplate_types::{Digest, Object};

/// The bytes of a regular file: small ones here, others in a store object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The bytes themselves: generated files, a few KiB at most.
    Inline(Arc<[u8]>),
    /// `len` bytes from `offset` of a store object, which for most files is an uncompressed layer tar.
    Stored {
        /// The object.
        object: Digest<Object>,
        /// Where the file begins in it, in bytes.
        offset: u64,
        /// Length in bytes.
        len: u64,
    },
}

impl Content {
    /// Content that is held in memory.
    pub fn inline(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Inline(bytes.into().into())
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Stored { len, .. } => *len,
        }
    }

    /// Is the file empty?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
