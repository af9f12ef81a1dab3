//! Packages that differ: like is compared with like, so manifests are used where both hosts have one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::built::{Built, ImageError};
use crate::manifest::Manifest;
use crate::packages::packages_in;

/// A package that is not the same in both hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// Its name.
    pub name: String,
    /// Its architecture, as the package system names it.
    pub arch: String,
    /// The versions in the old host: none if it was added, several where several images have it.
    pub old: Vec<String>,
    /// The versions in the new host: none if it was removed.
    pub new: Vec<String>,
}

/// Versions by name and architecture.
type Packages = BTreeMap<(String, String), BTreeSet<String>>;

pub(super) fn compare(old: &Built, new: &Built) -> Result<Vec<PackageChange>, ImageError> {
    let (old, new) = match (&old.manifest, &new.manifest) {
        (Some(old), Some(new)) => (of_manifest(old), of_manifest(new)),
        _ => (in_root(old)?, in_root(new)?),
    };
    let none = BTreeSet::new();
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let change = |key: &(String, String)| {
        let old = old.get(key).unwrap_or(&none);
        let new = new.get(key).unwrap_or(&none);
        (old != new).then(|| PackageChange {
            name: key.0.clone(),
            arch: key.1.clone(),
            old: old.iter().cloned().collect(),
            new: new.iter().cloned().collect(),
        })
    };
    Ok(names.into_iter().filter_map(change).collect())
}

/// `NAME VERSION ARCH` each.
fn of_manifest(manifest: &Manifest) -> Packages {
    let mut packages = Packages::new();
    let lines = manifest.images.values().flat_map(|image| &image.packages);
    for line in lines {
        if let [name, version, arch] = line.split(' ').collect::<Vec<_>>()[..] {
            let key = (name.to_owned(), arch.to_owned());
            packages.entry(key).or_default().insert(version.to_owned());
        }
    }
    packages
}

fn in_root(built: &Built) -> Result<Packages, ImageError> {
    let found = packages_in(&built.tree, built).map_err(ImageError::io(format!(
        "read the package databases in {}",
        built.path.display()
    )))?;
    let mut packages = Packages::new();
    for package in found {
        let key = (package.name, package.arch);
        packages.entry(key).or_default().insert(package.version);
    }
    Ok(packages)
}
