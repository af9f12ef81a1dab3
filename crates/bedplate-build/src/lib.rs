//! Carries out a build plan: merges what it names into one tree, and writes the outputs.
//!
//! ```text
//! BuildPlan + Lock --assemble--> Host (one frozen Tree, the kernel) --write_outputs--> artefacts + manifest
//!                     |                                                |
//!               layers in the store                        segments in the store (made again if lost)
//! ```
//!
//! It never resolves a name and never asks the network: what a plan names lies in the store already.
//! Contents stream from the store to the outputs; memory grows with the number of files only.

mod assembly;
mod boot_modules;
mod built;
mod diff;
mod error;
mod files;
mod host_files;
mod images;
mod initrd;
mod kernel;
mod layout;
mod manifest;
mod modules;
mod outputs;
mod packages;
mod programs;
mod root_image;
mod sbom;
mod segments;
mod signing;
mod why;

pub use assembly::{Host, Workshop, assemble};
pub use built::{Built, Form, ImageError};
pub use diff::{
    ArtefactSize, Change, Diff, FileChange, PackageChange, Parts, PathSize, Side, Sizes, State,
    UnitChange, UnitState, diff,
};
pub use error::BuildError;
pub use initrd::InitrdOptions;
pub use kernel::Kernel;
pub use manifest::{Manifest, Memory};
pub use outputs::{Artefact, Format, OutputOptions, UnknownFormat, write_outputs};
pub use programs::Programs;
pub use signing::{Signer, SignerError};
pub use why::{Explanation, why};
