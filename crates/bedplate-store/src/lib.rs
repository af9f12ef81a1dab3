//! The cache on disk: contents by digest, what names were resolved to, and pieces that can be made again.
//!
//! ```text
//! DIR/
//!   CACHEDIR.TAG             backup programs leave the directory out
//!   version                  "1\n"; another number is refused
//!   lock                     flock: shared by every open store, exclusive for gc and rm
//!   objects/ab/cdef…         files named by the SHA-256 of their content: layer tars, raw files
//!   refs/KIND/0123….json     what a name stands for: {"name", "objects": [digest…], "value"}
//!   segments/ab/cdef….LEN    derived data, named by a key of its inputs and its length in bytes
//!   partial/NAME             downloads that were interrupted, locked while one goes on
//!   work/NAME/               directories of other programs (package lists), which may go at any time
//!   tmp/                     files that are being written
//! ```
//!
//! The time of last use of a file is its modification time: contents never change, so it is free.
//!
//! Level 3. Everything here can be had again, so a document that cannot be read counts as absent.
//! Contents are checked when they come in. Then the disk is trusted, as reading all again would cost every
//! build: an object that became shorter or is no archive any more is an error, one whose bytes changed
//! otherwise is found by [`Store::check`] only. Builds share a store: files appear whole by
//! rename, and the lock keeps what a build uses from being collected. The library knows nothing of
//! registries or packages; it never decides what is worth keeping.

mod collecting;
mod content;
mod error;
mod hashing;
mod listing;
mod locking;
mod objects;
mod partial;
mod refs;
mod segments;
mod store;

pub use collecting::{Checked, Collected, Policy};
pub use content::ContentReader;
pub use error::StoreError;
pub use listing::{Entry, EntryKind};
pub use objects::ScratchFile;
pub use partial::Partial;
pub use refs::RefKind;
pub use store::Store;
