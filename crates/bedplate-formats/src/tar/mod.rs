//! tar: read without unpacking, written without surprises.
//!
//! ```text
//! header (512)  contents, padded to 512   header  contents …   two blocks of zeros
//! `x` records, `L`/`K` names stand as entries of their own before the one that they are about
//! ```
//!
//! Read: POSIX ustar and pax, GNU (long names, base-256 numbers), v7. [`read`] looks only at headers
//! and seeks over contents, which become ranges of the archive itself. Written: ustar, and pax records
//! where a value does not fit.
//!
//! Both ends are our own rather than the `tar` crate's: a reader has to know where contents lie, apply
//! sizes of pax records while it seeks, and refuse what that crate passes over (sparse files, unknown
//! types, numbers that are none); and a writer must not look at the clock, users or files. No name
//! from an archive ever becomes a host path here.

mod entry;
mod error;
mod header;
mod pax;
mod read;
mod write;

pub use error::{NameFault, TarError, WriteError};
pub use read::read;
pub use write::write;

/// Size of a block: headers are one, contents are padded to a multiple.
const BLOCK: u64 = 512;

/// What a reader accepts at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Number of entries.
    pub entries: u64,
    /// Size of one extension header (long name, pax records), in bytes.
    pub extension: u64,
    /// All extension headers together, in bytes: they are what an archive makes us hold in memory.
    pub extensions: u64,
    /// All contents together, in bytes.
    pub content: u64,
}

impl Default for Limits {
    /// A million entries, extension headers of 1 MiB each and 256 MiB in all, 256 GiB of contents.
    /// The largest distribution images have a tenth of that.
    fn default() -> Self {
        Self {
            entries: 1_000_000,
            extension: 1 << 20,
            extensions: 256 << 20,
            content: 256 << 30,
        }
    }
}
