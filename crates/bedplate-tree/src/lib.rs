//! A file system in memory: names, metadata, and where contents lie, never the contents themselves.
//!
//! ```text
//! layers, packages, files --Entry--> TreeBuilder --freeze--> Tree --walk--> writers
//! ```
//!
//! All inputs of a host merge here, and all writers stream from here. Level 1: this crate opens no
//! file. A [`Content`] says which store object holds the bytes; only a writer's caller can read them.
//!
//! Two ways to merge, because two worlds disagree about symbolic links:
//!
//! - [`TreeBuilder::layer`]: the layers of one OCI image. A directory replaces a symlink of the same
//!   name, whiteouts delete (OCI image specification, "Representing Changes").
//! - [`TreeBuilder::join`] and [`TreeBuilder::insert`]: independent inputs over one another, as `dpkg`
//!   unpacks. A directory over a symlink that leads to a directory goes *through* it, so that
//!   `/lib/modules` lands in `/usr/lib/modules` of a merged-`/usr` root. What would replace a
//!   directory that has entries is refused.

mod builder;
mod content;
mod diff;
mod error;
mod inode;
mod lookup;
mod merge;
mod tree;

pub use builder::TreeBuilder;
pub use content::Content;
pub use diff::{Aspect, Pair, side_by_side};
pub use error::TreeError;
pub use inode::{Entry, EntryKind, Inode, InodeKind, Meta, OriginId, Xattrs};
pub use tree::{InodeId, Tree, Visit};
