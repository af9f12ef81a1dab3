//! Hosts that were built, opened again: their trees, and what boots them.
//!
//! ```text
//! directory ──► NAME-manifest.json ──► its best artefact    tar, root image, initrd, uki, raw
//!
//! NAME.tar        ──►  the tree itself
//! NAME-root.img   ──►  SquashFS, whatever follows it
//! NAME-initrd.img ──►  cpio archives, unpacked into a scratch file ─┬─►  their tree
//!                                                                   └─►  /root.img, if it is there
//! NAME.efi        ──►  .initrd
//! NAME.raw        ──►  the first root partition
//! ```
//!
//! What a file is, its bytes say; its name says nothing. Nothing is unpacked into directories: contents are
//! read from where they lie when they are asked for.

mod error;
mod find;
mod initrd;
mod open;
mod range;

pub use error::ImageError;
pub use open::{Built, Form};
