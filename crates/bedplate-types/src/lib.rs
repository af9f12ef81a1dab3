//! The words that all of Bedplate shares: digests, image paths, architectures, references, progress.
//!
//! Level 0: no files, network, processes, clock or environment. A value of a type in this crate is
//! proof that its text was well formed; there is no way to make a malformed one.

mod arch;
mod digest;
mod image;
mod path;
mod progress;
mod reference;
mod size;
mod stamp;

pub use arch::{Arch, UnknownArch};
pub use digest::{Blob, DiffId, Digest, DigestError, Kind, Object, Segment};
pub use image::{ImageConfig, Package};
pub use path::{PathError, TreePath};
pub use progress::{Progress, Silent, Task};
pub use reference::{Reference, ReferenceError, RegistryRef};
pub use size::{ByteSize, SizeError};
pub use stamp::{Stamp, StampError};

/// Seconds since 1970-01-01T00:00:00Z that an image claims as its time.
///
/// Every time stamp in an artefact is clamped to it, so that the same input gives the same bytes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);
