//! What builder and worker tell each other: a job in, a complaint out.

use std::path::PathBuf;

use bedplate_types::Arch;
use serde::{Deserialize, Serialize};

/// What a worker is to make.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    /// Architecture of the packages.
    pub(super) arch: Arch,
    /// Directory of the store's objects.
    pub(super) objects: PathBuf,
    /// An empty directory, for a moment.
    pub(super) mount_point: PathBuf,
    /// The packages, in order of name.
    pub(super) packages: Vec<JobPackage>,
    /// Packages that are said to be installed: a paragraph of dpkg's status file.
    pub(super) stand_in: String,
    /// What a package may unpack to at most, in bytes, and by how much it may grow.
    pub(super) limits: (u64, u64),
}

/// A package file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct JobPackage {
    /// Its name.
    pub(super) name: String,
    /// Its file, relative to [`Job::objects`].
    pub(super) object: PathBuf,
    /// Its size in bytes.
    pub(super) size: u64,
}

/// Why the job was not done.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Complaint {
    pub(super) kind: ComplaintKind,
    /// A sentence without its end.
    pub(super) message: String,
    /// The end of what a script wrote.
    #[serde(default)]
    pub(super) output: String,
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ComplaintKind {
    /// A package's.
    Package,
    /// The root did not fit into memory.
    NoMemory,
    /// Something that the system refused.
    System,
}
