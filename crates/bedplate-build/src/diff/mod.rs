//! What differs between two built hosts.
//!
//! ```text
//! Built ─┬─ trees side by side ── contents of equal length by SHA-256 ──► files, largest changes
//! Built ─┘─ packages of the manifests, or of the databases in the roots
//!         ├ systemd's units, and what wants them
//!         └ kernels, command lines, sizes
//! ```
//!
//! [`Diff`] is what `bedplate diff --json` prints. Times are not compared: a build sets them.

mod contents;
mod files;
mod packages;
mod sizes;
mod units;

use std::path::PathBuf;

use serde::Serialize;

use crate::built::{Built, Form, ImageError};

pub use files::{FileChange, State};
pub use packages::PackageChange;
pub use sizes::{ArtefactSize, PathSize, Sizes};
pub use units::{UnitChange, UnitState};

/// Which parts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Files, directories, links and devices.
    pub files: bool,
    /// Packages.
    pub packages: bool,
    /// systemd's units.
    pub units: bool,
    /// Kernel, command line and sizes.
    pub host: bool,
}

impl Parts {
    /// All of them.
    pub const ALL: Self = Self {
        files: true,
        packages: true,
        units: true,
        host: true,
    };
}

/// One of the two hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The file that was looked into.
    pub path: PathBuf,
    /// What it is.
    pub form: Form,
}

/// A value in both hosts, where it is not the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    /// In the old host.
    pub old: T,
    /// In the new host.
    pub new: T,
}

/// What differs. Parts that were not asked for are absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The old host.
    pub old: Side,
    /// The new host.
    pub new: Side,
    /// Is there no difference in what was asked for? Sizes of files that hold the hosts do not count.
    pub equal: bool,
    /// Releases of the kernels, where both can be told and differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Change<String>>,
    /// Kernel command lines, where both can be told and differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<Change<String>>,
    /// Packages, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<Vec<PackageChange>>,
    /// systemd's units, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<UnitChange>>,
    /// Files of all kinds, by path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<FileChange>>,
    /// Sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sizes: Option<Sizes>,
}

/// Compares two hosts. Contents stream by, in as many threads as the machine has.
pub fn diff(old: &Built, new: &Built, parts: Parts) -> Result<Diff, ImageError> {
    let differing = |old: &Option<String>, new: &Option<String>| {
        let (old, new) = old.clone().zip(new.clone())?;
        (parts.host && old != new).then_some(Change { old, new })
    };
    let kernel = differing(&old.kernel, &new.kernel);
    let cmdline = differing(&old.cmdline, &new.cmdline);
    let packages = parts.packages.then(|| packages::compare(old, new));
    let packages = packages.transpose()?;
    let units = parts.units.then(|| units::compare(&old.tree, &new.tree));
    let files = parts.files.then(|| files::compare(old, new)).transpose()?;
    let equal = kernel.is_none()
        && cmdline.is_none()
        && packages.as_ref().is_none_or(Vec::is_empty)
        && units.as_ref().is_none_or(Vec::is_empty)
        && files.as_ref().is_none_or(Vec::is_empty);
    Ok(Diff {
        old: side(old),
        new: side(new),
        equal,
        kernel,
        cmdline,
        packages,
        units,
        files,
        sizes: parts.host.then(|| sizes::compare(old, new)),
    })
}

fn side(built: &Built) -> Side {
    Side {
        path: built.path.clone(),
        form: built.form,
    }
}
