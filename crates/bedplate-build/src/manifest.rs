//! The manifest: what a build made, from what.

use std::collections::BTreeMap;

use bedplate_spec::lock::{ImageRequest, Lock};
use bedplate_types::{Arch, Blob, DiffId, Digest, Epoch};
use serde::{Deserialize, Serialize};

use crate::assembly::Host;
use crate::outputs::Artefact;

/// `NAME-manifest.json`: every digest of a build. Two builds from the same inputs have the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this document: [`Manifest::VERSION`].
    pub version: u32,
    /// Name of the host's files.
    pub name: String,
    /// Architecture.
    pub arch: Arch,
    /// Time that nothing in the host is later than.
    pub epoch: Epoch,
    /// Version of the kernel, where it could be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Why the image must not be passed on as a binary, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_redistributable: Option<String>,
    /// What booting takes, where an initrd was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// The images, by what the spec calls them.
    pub images: BTreeMap<String, ImageRecord>,
    /// The files that were written.
    pub artefacts: Vec<Artefact>,
}

/// An image that went into the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// Digest of its manifest, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest<Blob>>,
    /// Its uncompressed layers, lowest first.
    pub layers: Vec<Digest<DiffId>>,
    /// Its packages, `NAME VERSION ARCH`, sorted.
    pub packages: Vec<String>,
}

/// What the machine that boots an initrd needs, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Memory {
    /// The initrd as it is loaded.
    pub initrd: u64,
    /// The root that it unpacks to, in whole pages.
    pub root: u64,
}

const ZFS: &str = "it holds the Linux kernel (GPL-2.0-only) and modules of OpenZFS (CDDL-1.0) that are built for it";

fn has_zfs(lock: &Lock) -> bool {
    lock.images
        .keys()
        .any(|request| matches!(request, ImageRequest::Base(base) if base.zfs))
}

impl Manifest {
    /// The version that this crate writes.
    pub const VERSION: u32 = 1;

    /// Puts together what is known.
    pub(crate) fn new(
        (name, arch, epoch): (&str, Arch, Epoch),
        host: &Host,
        lock: &Lock,
        memory: Option<Memory>,
        artefacts: Vec<Artefact>,
    ) -> Self {
        let record = |(request, image): (&ImageRequest, &bedplate_spec::lock::ResolvedImage)| {
            let name = request.describe();
            let packages = host.packages.get(&name).into_iter().flatten();
            let packages = packages
                .map(|p| format!("{} {} {}", p.name, p.version, p.arch))
                .collect();
            let layers = image.layers.clone();
            (
                name,
                ImageRecord {
                    manifest: image.manifest,
                    layers,
                    packages,
                },
            )
        };
        Self {
            version: Self::VERSION,
            name: name.to_owned(),
            arch,
            epoch,
            kernel: host
                .kernel
                .as_ref()
                .and_then(|kernel| kernel.version.clone()),
            not_redistributable: has_zfs(lock).then(|| ZFS.to_owned()),
            memory,
            images: lock.images.iter().map(record).collect(),
            artefacts,
        }
    }

    /// The JSON form, which ends in a newline.
    pub fn render(&self) -> String {
        serde_json::to_string_pretty(self).expect("a manifest is plain data") + "\n"
    }
}
