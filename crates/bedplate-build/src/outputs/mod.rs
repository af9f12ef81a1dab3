//! The outputs of a build. All are written beside their places first, and take them together at the end.
//!
//! ```text
//! DIR/NAME-kernel           the kernel                                   kernel+initrd
//! DIR/NAME-initrd.img       [microcode] segments (see `segments`)        kernel+initrd
//! DIR/NAME-cmdline          the kernel command line                      kernel+initrd
//! DIR/NAME-netboot.img      an initrd that asks a server for its root    kernel+initrd+root
//! DIR/NAME-root.img         the root (see `bedplate_boot::root`)         kernel+initrd+root
//! DIR/NAME-image.json       its description, and NAME-image.json.sig     kernel+initrd+root
//! DIR/NAME.efi              stub, command line, initrd, kernel            uki
//! DIR/NAME.raw              a disk with it, see `disk`                   raw
//! DIR/NAME.qcow2            the same in QEMU's format                    qcow2
//! DIR/NAME.tar              the root, kernel and command line in /boot   tar
//! DIR/NAME-sbom.spdx.json   packages                                     always
//! DIR/NAME-manifest.json    all digests                                  always, last
//! ```

mod apart;
mod disk;
mod format;
mod hashed;
mod initramfs;
mod tar;
mod uki;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use bedplate_boot::root::Place;
use bedplate_spec::lock::Lock;
use bedplate_spec::planning::{BuildPlan, RootForm};
use bedplate_store::Store;
use bedplate_sys::replace::ReplacedFile;
use bedplate_types::Object;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::assembly::{Host, Workshop};
use crate::images::Images;
use crate::initrd::{InitrdOptions, Written};
use crate::manifest::Manifest;
use crate::{BuildError, sbom};

pub use format::{Format, UnknownFormat};

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// `kernel`, `initrd`, `cmdline`, `netboot-initrd`, `root`, `image`, `signature`, `uki`, `raw`, `qcow2`, `tar` or
    /// `sbom`.
    pub kind: String,
    /// Name of the file in the output directory.
    pub file: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub sha256: String,
}

/// Where and how outputs are written.
#[derive(Debug, Clone)]
pub struct OutputOptions {
    /// The directory; made if it is missing.
    pub directory: PathBuf,
    /// Name that the files begin with.
    pub name: String,
    /// Which outputs.
    pub formats: BTreeSet<Format>,
    /// How the initrd is written.
    pub initrd: InitrdOptions,
    /// Seed of the ed25519 key that the root image is signed with (RFC 8032, 5.1.5).
    pub signing_key: Option<[u8; 32]>,
    /// Leave extended attributes out where the format cannot hold them, instead of refusing.
    pub drop_xattrs: bool,
}

/// Writes the outputs and the manifest, which is also returned.
pub fn write_outputs(
    host: &Host,
    (plan, lock): (&BuildPlan, &Lock),
    options: &OutputOptions,
    workshop: &Workshop<'_>,
) -> Result<Manifest, BuildError> {
    fs::create_dir_all(&options.directory).map_err(BuildError::io(format!(
        "make the directory {}",
        options.directory.display()
    )))?;
    let mut outputs = Outputs {
        options,
        store: workshop.store,
        pending: Vec::new(),
        artefacts: Vec::new(),
    };
    let mut memory = None;
    let apart = match plan.root {
        RootForm::Initramfs => None,
        RootForm::Image => Some(outputs.apart(host, plan, workshop)?),
    };
    for (place, formats) in by_place(&options.formats, plan.root) {
        let apart = apart.as_ref().zip(place.as_ref());
        let mut initramfs = outputs.initramfs(host, apart, plan, workshop)?;
        memory = memory.max(Some(initramfs.memory));
        if formats.iter().any(|format| format.has_uki()) {
            let mut images = Images::new(lock, workshop.store, plan.epoch);
            let mut uki = outputs.uki(&mut initramfs, host, &mut images, plan.arch)?;
            if formats.iter().any(|format| format.has_disk()) {
                outputs.disks(&mut uki, apart, &mut images, plan)?;
            }
            if formats.contains(&Format::Uki) {
                outputs.keep("uki", uki.name, uki.file, uki.written);
            }
        }
        if formats.contains(&Format::Netboot) {
            let Some((apart, _)) = apart else {
                return Err(BuildError::Input {
                    what: "the root of this host is its initramfs, so there is no image of it for a server".to_owned(),
                    hint: Some("build --format kernel+initrd: it boots from a network as well".to_owned()),
                });
            };
            outputs.netboot_files(apart)?;
            outputs.kernel_initrd("netboot-initrd", initramfs, host)?;
        } else if formats.contains(&Format::KernelInitrd) {
            outputs.kernel_initrd("initrd", initramfs, host)?;
        }
    }
    if options.formats.contains(&Format::Tar) {
        outputs.tar(host, plan.epoch)?;
    }
    outputs.bytes(
        "sbom",
        "-sbom.spdx.json",
        sbom::render(&options.name, host, plan.epoch).as_bytes(),
    )?;
    let artefacts = std::mem::take(&mut outputs.artefacts);
    let manifest = Manifest::new(
        (&options.name, plan.arch, plan.epoch),
        host,
        lock,
        memory,
        artefacts,
    );
    outputs.bytes("manifest", "-manifest.json", manifest.render().as_bytes())?;
    outputs.commit()?;
    Ok(manifest)
}

/// The formats that share an initramfs, with the place where it looks for the root image if there is one.
fn by_place(formats: &BTreeSet<Format>, root: RootForm) -> Vec<(Option<Place>, Vec<Format>)> {
    let mut groups: Vec<(Option<Place>, Vec<Format>)> = Vec::new();
    for &format in formats {
        let Some(place) = format.place() else {
            continue;
        };
        let place = (root == RootForm::Image).then_some(place);
        match groups.iter_mut().find(|(known, _)| *known == place) {
            Some((_, formats)) => formats.push(format),
            None => groups.push((place, vec![format])),
        }
    }
    groups
}

struct Outputs<'a> {
    options: &'a OutputOptions,
    store: &'a Store,
    pending: Vec<ReplacedFile>,
    artefacts: Vec<Artefact>,
}

impl Outputs<'_> {
    fn bytes(&mut self, kind: &str, ending: &str, bytes: &[u8]) -> Result<(), BuildError> {
        let (name, mut file) = self.create(ending)?;
        file.write_all(bytes)
            .map_err(BuildError::io(format!("write {name}")))?;
        let written = Written {
            len: bytes.len() as u64,
            sha256: Sha256::digest(bytes).into(),
        };
        self.keep(kind, name, file, written);
        Ok(())
    }

    fn create(&self, ending: &str) -> Result<(String, ReplacedFile), BuildError> {
        let name = format!("{}{ending}", self.options.name);
        let path = self.options.directory.join(&name);
        let file = ReplacedFile::create(&path)
            .map_err(BuildError::io(format!("write {}", path.display())))?;
        Ok((name, file))
    }

    fn keep(&mut self, kind: &str, file: String, pending: ReplacedFile, written: Written) {
        let sha256 = bedplate_types::Digest::<Object>::from_bytes(written.sha256).hex();
        self.artefacts.push(Artefact {
            kind: kind.to_owned(),
            file,
            size: written.len,
            sha256,
        });
        self.pending.push(pending);
    }

    fn commit(self) -> Result<(), BuildError> {
        let directory: &Path = &self.options.directory;
        ReplacedFile::commit_all(self.pending).map_err(BuildError::io(format!(
            "put the outputs in their places in {}",
            directory.display()
        )))
    }
}
