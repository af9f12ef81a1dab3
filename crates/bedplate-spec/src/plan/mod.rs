//! A spec and its lock to a build plan: where everything goes, in LinuxKit's layout.
//!
//! ```text
//! base directories, init images, PID 1        at /
//! volumes                                     at /containers/volumes/NAME/{lower,tmp,merged}
//! onboot, onshutdown                          at /containers/SECTION/NNN-NAME/
//! services                                    at /containers/services/NAME/
//! host document (our init), hostname, files   at their paths, last
//! ```
//!
//! The layout is what both LinuxKit's init images and `bedplate-init` expect. Decides only: nothing is
//! read or written here.

mod bundle;
mod container;
mod effective;
mod files;
mod host;
mod oci;
mod root;
mod volumes;

use std::collections::BTreeMap;

use bedplate_types::{Arch, Epoch, TreePath};

use crate::check::Known;
use crate::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::lock::{ImageId, ImageRequest, Lock, ResolvedImage};
use crate::planning::{Action, BuildPlan, FileContent, InitFlavour, KernelPlan, Owner, Step};
use crate::spec::{Kernel, Place, Spec};

/// What a plan depends on beside the spec and its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanOptions {
    /// Architecture of the host.
    pub arch: Arch,
    /// Time stamp that nothing in the host is later than.
    pub epoch: Epoch,
}

/// Decides what makes the host. Every mistake that shows only with the images at hand, such as one in a
/// label, is reported at once.
pub fn plan(spec: &Spec, lock: &Lock, options: &PlanOptions) -> Result<BuildPlan, Diagnostics> {
    let mut planner = Planner {
        spec,
        lock,
        arch: options.arch,
        ids: ids(spec),
        known: known(spec),
        roots: BTreeMap::new(),
        steps: Vec::new(),
        found: Vec::new(),
    };
    planner.check_architectures();
    let kernel = spec.kernel.as_ref();
    let base = spec.base_image.as_ref().map(|base| &base.image);
    let plan = kernel
        .and_then(|kernel| Some((kernel.image.as_ref().or(base)?.clone(), kernel)))
        .map(|(image, kernel)| kernel_plan(image, kernel));
    planner.root();
    planner.volumes();
    planner.containers();
    if spec.flavour == InitFlavour::Bedplate {
        planner.host_document();
    }
    planner.files();
    let Planner { steps, found, .. } = planner;
    if found.iter().any(|one| one.severity == Severity::Error) {
        return Err(Diagnostics(
            found
                .into_iter()
                .filter(|one| one.severity == Severity::Error)
                .collect(),
        ));
    }
    Ok(BuildPlan {
        arch: options.arch,
        epoch: options.epoch,
        kernel: plan,
        cmdline: kernel
            .map(|kernel| kernel.cmdline.clone())
            .unwrap_or_default(),
        init: spec.flavour,
        root: spec.root,
        trust: spec.trust.clone(),
        steps,
        warnings: Diagnostics(found),
    })
}

struct Planner<'a> {
    spec: &'a Spec,
    lock: &'a Lock,
    arch: Arch,
    /// User ids by name of container.
    ids: BTreeMap<&'a str, u32>,
    known: Known,
    /// Where images that containers use have been unpacked already.
    roots: BTreeMap<&'a ImageRequest, TreePath>,
    steps: Vec<Step>,
    found: Vec<Diagnostic>,
}

/// A directory or program that anybody may use.
const PUBLIC: Owner = Owner {
    mode: 0o755,
    uid: 0,
    gid: 0,
};
/// A file that anybody may read.
const READABLE: Owner = Owner {
    mode: 0o644,
    uid: 0,
    gid: 0,
};

impl<'a> Planner<'a> {
    fn step(&mut self, at: TreePath, origin: &str, action: Action) {
        self.steps.push(Step {
            at,
            origin: origin.to_owned(),
            action,
        });
    }

    fn directory(&mut self, at: TreePath, origin: &str) {
        self.step(at, origin, Action::Directory(PUBLIC));
    }

    fn text(&mut self, at: TreePath, origin: &str, bytes: impl Into<Vec<u8>>) {
        self.step(
            at,
            origin,
            Action::File {
                content: FileContent::Inline(bytes.into()),
                owner: READABLE,
            },
        );
    }

    fn image(&mut self, at: TreePath, origin: &str, image: &ImageRequest) {
        self.step(
            at,
            origin,
            Action::Image {
                image: ImageId(image.clone()),
            },
        );
    }

    /// The image that a request was resolved to; reports it if there is none.
    fn resolved(&mut self, request: &ImageRequest, place: &Place) -> Option<&'a ResolvedImage> {
        let resolved = self.lock.images.get(request);
        if resolved.is_none() {
            let message = format!("`{}` was not resolved to an image", request.describe());
            self.found
                .push(Diagnostic::error(message).in_file(&place.file).at(place.at));
        }
        resolved
    }

    fn check_architectures(&mut self) {
        for request in self.spec.requests() {
            let arch = self.lock.images.get(&request).and_then(|image| image.arch);
            if let Some(arch) = arch.filter(|arch| *arch != self.arch) {
                let message = format!(
                    "the image `{}` is for {arch}, but the host is for {}",
                    request.describe(),
                    self.arch
                );
                let hint = "name an image that has this architecture, or build with `--arch`";
                self.found.push(Diagnostic::error(message).hint(hint));
            }
        }
    }

    /// The number that a user or group stands for; names were checked.
    fn id(&self, id: &crate::settings::Id) -> u32 {
        match id {
            crate::settings::Id::Number(number) => *number,
            crate::settings::Id::Name(name) => self
                .ids
                .get(name.as_str())
                .copied()
                .or_else(|| name.parse().ok())
                .unwrap_or(0),
        }
    }
}

/// A path of the plan from text of ours.
fn path(text: &str) -> TreePath {
    text.parse().expect("names that become paths were checked")
}

/// ``services `web` (hello.yml:12)``
fn origin(what: &str, place: &Place) -> String {
    match place.at {
        Some(at) => format!("{what} ({}:{})", place.file, at.line),
        None => format!("{what} ({})", place.file),
    }
}

/// Each container has a user id of its own, counted from 100; of two with one name the later counts.
fn ids(spec: &Spec) -> BTreeMap<&str, u32> {
    spec.containers()
        .zip(100..)
        .map(|(container, id)| (container.name.as_str(), id))
        .collect()
}

fn known(spec: &Spec) -> Known {
    Known {
        volumes: spec
            .volumes
            .iter()
            .map(|volume| (volume.name.clone(), volume.readonly))
            .collect(),
        containers: spec
            .containers()
            .map(|container| container.name.clone())
            .collect(),
    }
}

fn kernel_plan(image: ImageRequest, kernel: &Kernel) -> KernelPlan {
    let tar = kernel.tar.as_deref().unwrap_or("kernel.tar");
    KernelPlan {
        image: ImageId(image),
        binary: kernel.binary.clone().unwrap_or_else(|| "kernel".to_owned()),
        tar: Some(tar)
            .filter(|tar| !matches!(*tar, "" | "none"))
            .map(str::to_owned),
        ucode: kernel.ucode.clone().filter(|name| !name.is_empty()),
    }
}
