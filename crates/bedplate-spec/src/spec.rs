//! A checked spec: what is meant, after all files were merged.

use std::path::PathBuf;

use bedplate_boot::{OnFailure, Ready, Restart};

use crate::diagnostics::{Diagnostics, Position};
use crate::lock::ImageRequest;
use crate::planning::{InitFlavour, RootForm};
use crate::settings::{Id, Settings};

/// A host, checked as far as that goes without its images.
///
/// Made by [`parse`](crate::parse) only, so it is proof that the rules of the language hold.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Directory of the first spec file: relative paths in image references start from here, whichever
    /// file names them, so that no output depends on where the files lie.
    pub base: PathBuf,
    /// The host's name.
    pub hostname: Option<String>,
    /// What everything else goes on top of.
    pub base_image: Option<BaseImage>,
    /// The kernel; a spec of fragments may have none.
    pub kernel: Option<Kernel>,
    /// Whose PID 1 it is.
    pub flavour: InitFlavour,
    /// Where its root lies.
    pub root: RootForm,
    /// Public keys that the host believes, as [`bedplate_boot::trust`] has them.
    pub trust: Vec<String>,
    /// Does `init:` name Bedplate's own init?
    pub(crate) names_bedplate: bool,
    /// Images that are unpacked over the root, in order.
    pub init: Vec<InitImage>,
    /// Run at boot, in order.
    pub onboot: Vec<Container>,
    /// Run at shutdown, in order.
    pub onshutdown: Vec<Container>,
    /// Run as long as the host does.
    pub services: Vec<Container>,
    /// Trees that containers share.
    pub volumes: Vec<Volume>,
    /// Files of the root.
    pub files: Vec<HostFile>,
    /// What has no effect, or is likely not meant.
    pub warnings: Diagnostics,
}

/// Where something stands in the spec files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// Where in it.
    pub at: Option<Position>,
}

/// The kernel of a host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kernel {
    /// Where it comes from; the base where absent. A spec of fragments may give only a command line.
    pub image: Option<ImageRequest>,
    /// The kernel command line.
    pub cmdline: String,
    /// Name of the kernel in the image, where the spec says one.
    pub binary: Option<String>,
    /// Name of the tar in the image, where the spec says one; `none` and empty mean none.
    pub tar: Option<String>,
    /// Name of the microcode archive in the image.
    pub ucode: Option<String>,
    /// Where it stands.
    pub place: Place,
}

/// The root that a host begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseImage {
    /// Which.
    pub image: ImageRequest,
    /// Where it stands.
    pub place: Place,
}

/// An image of `init:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitImage {
    /// Which.
    pub image: ImageRequest,
    /// Where it stands.
    pub place: Place,
}

/// A container.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: ImageRequest,
    /// How it runs, before the label of the image is merged in.
    pub settings: Settings,
    /// When it is started again, where the spec says so.
    pub restart: Option<Restart>,
    /// Services that must be ready first.
    pub after: Vec<String>,
    /// When it is ready.
    pub ready: Option<Ready>,
    /// What its failure at boot does, where the spec says so.
    pub on_failure: Option<OnFailure>,
    /// Where it stands.
    pub place: Place,
}

/// A named tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// What it holds at first.
    pub image: Option<ImageRequest>,
    /// Can nobody write to it?
    pub readonly: bool,
    /// How the image is stored.
    pub format: VolumeFormat,
    /// With [`VolumeFormat::Oci`], the platforms to store; all where empty.
    pub platforms: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// How the image of a volume is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VolumeFormat {
    /// Unpacked.
    Filesystem,
    /// As an OCI image layout.
    Oci,
}

/// An entry of `files:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFile {
    /// Where it goes.
    pub path: bedplate_types::TreePath,
    /// What it is.
    pub kind: HostFileKind,
    /// Permissions, where the spec says them.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Id,
    /// Group.
    pub gid: Id,
    /// Where it stands.
    pub place: Place,
}

/// What an entry of `files:` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostFileKind {
    /// A directory.
    Directory,
    /// A symlink with this target.
    Symlink(String),
    /// A file with these contents.
    Contents(String),
    /// A file or directory of the build machine.
    Source {
        /// Which; relative only if the loader gave a relative directory.
        path: PathBuf,
        /// The same as a spec in the directory of the first one would say it.
        named: String,
        /// Is it left out if it does not exist?
        optional: bool,
    },
    /// A file that holds the merged spec.
    Metadata(MetadataForm),
}

/// The form of a `metadata:` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataForm {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

impl Spec {
    /// Does its base have OpenZFS?
    pub fn has_zfs(&self) -> bool {
        let base = self.base_image.as_ref().map(|base| &base.image);
        matches!(base, Some(ImageRequest::Base(request)) if request.zfs)
    }

    /// Everything that must be resolved before planning: each request once, in the order of the spec.
    pub fn requests(&self) -> Vec<ImageRequest> {
        let base = self.base_image.iter().map(|base| &base.image);
        let kernel = self
            .kernel
            .iter()
            .filter_map(|kernel| kernel.image.as_ref());
        let init = self.init.iter().map(|entry| &entry.image);
        let volumes = self
            .volumes
            .iter()
            .filter_map(|volume| volume.image.as_ref());
        let containers = self.containers().map(|container| &container.image);
        let mut seen = std::collections::BTreeSet::new();
        base.chain(kernel)
            .chain(init)
            .chain(volumes)
            .chain(containers)
            .filter(|request| seen.insert(*request))
            .cloned()
            .collect()
    }

    /// All containers: onboot, onshutdown, services.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.onboot
            .iter()
            .chain(&self.onshutdown)
            .chain(&self.services)
    }
}
