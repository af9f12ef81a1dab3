//! Where images come from: registries, layouts, archives, directories, packages.
//!
//! ```text
//! ImageRequest --resolve--> ResolvedImage      and, by the way, all its layers into the store
//!
//! registry ----+                               config, manifest --+
//! oci: --------+-- Blobs: documents, layers -- layers: verify, ---+--> Store
//! archives ----+                               unpack, verify     |
//! dir:, tar:, packages:, base: -- tars ---------------------------+
//! ```
//!
//! Level 4. Everything from outside is checked before it is kept: a manifest against the digest that
//! named it, a layer against its manifest, its uncompressed form against the configuration's diff id,
//! packages by apt against the signatures of their distribution. Nothing here merges trees or decides
//! what an image is used for; nothing prints.

mod archive;
mod base;
mod directory;
mod documents;
mod error;
mod image;
mod layers;
mod layout;
mod locked;
mod options;
mod packages;
mod registry;
mod sources;
mod tarball;

pub use base::worker;
pub use error::{ErrorKind, SourceError};
pub use options::{Options, Pull};
pub use sources::Sources;
