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
//! DIR/NAME.qcow2, .vmdk, .vhd   the same, see `convert`                  qcow2, vmdk, vhd
//! DIR/NAME-bios.raw         a disk for a BIOS, see `bios`                raw-bios
//! DIR/NAME.iso              a medium, see `iso`                          iso
//! DIR/NAME-oci.tar          the root as a container image, see `oci`     oci
//! DIR/platform-STAMP.tgz    for Triton, see `triton`                     triton
//! DIR/NAME.tar              the root, kernel and command line in /boot   tar
//! DIR/NAME-sbom.spdx.json   packages                                     always
//! DIR/NAME-manifest.json    all digests                                  always, last
//! ```

mod apart;
mod bios;
mod contents;
mod convert;
mod disk;
mod esp;
mod format;
mod grub;
mod hashed;
mod initramfs;
mod iso;
mod oci;
mod parts;
mod slots;
mod sparse;
mod tar;
mod triton;
mod uki;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
use crate::root_image::RootImage;
use crate::{BuildError, Signer, sbom};

use apart::Apart;
use contents::Contents;
use initramfs::Initramfs;
use parts::Parts;

pub use format::{Format, UnknownFormat};

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// `kernel`, `initrd`, `netboot-initrd`, `root`, `image`, `signature`, `cmdline`, `sbom`, or the name of a [`Format`].
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
    /// Signs EFI programs for Secure Boot.
    pub signer: Option<Arc<Signer>>,
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
    let mut images = Images::new(lock, workshop.store, plan.epoch);
    let mut memory = None;
    let root = match plan.root {
        RootForm::Initramfs => None,
        RootForm::Image => Some(RootImage::of(
            &host.tree,
            plan.epoch,
            workshop.store,
            workshop.progress,
        )?),
    };
    for (search, formats) in alike(options, root) {
        let apart = match search {
            None => None,
            Some((root, place, file)) => Some(outputs.apart(root, place, &file, host, plan)?),
        };
        let initramfs = outputs.initramfs(host, apart.as_ref(), plan, workshop)?;
        memory = memory.max(Some(initramfs.memory));
        outputs.booting(
            &formats,
            initramfs,
            apart.as_ref(),
            (host, plan),
            &mut images,
        )?;
    }
    if options.formats.contains(&Format::Tar) {
        outputs.tar(host, plan.epoch)?;
    }
    if options.formats.contains(&Format::Oci) {
        outputs.oci(host, plan)?;
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

/// A root image, where it is looked for, and what its file is called there.
type Search = (RootImage, Place, String);

/// The formats that boot, those together that share an initramfs.
fn alike(options: &OutputOptions, root: Option<RootImage>) -> Vec<(Option<Search>, Vec<Format>)> {
    let mut groups: Vec<(Option<Search>, Vec<Format>)> = Vec::new();
    for &format in options.formats.iter().filter(|format| format.boots()) {
        let name = &options.name;
        let search = root.map(|root| (root, format.place(name), format.root_file(name)));
        match groups.iter_mut().find(|(known, _)| *known == search) {
            Some((_, formats)) => formats.push(format),
            None => groups.push((search, vec![format])),
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

type Fault = Box<dyn std::error::Error + Send + Sync>;

impl Outputs<'_> {
    /// Every one of `formats`, of an initrd that is made.
    fn booting(
        &mut self,
        formats: &[Format],
        mut initramfs: Initramfs<'_>,
        apart: Option<&Apart>,
        (host, plan): (&Host, &BuildPlan),
        images: &mut Images<'_>,
    ) -> Result<(), BuildError> {
        let mut contents = Contents::new(self.store);
        let mut uki = None;
        let keep = || BuildError::io("share what is written");
        if formats.iter().any(|format| format.has_uki()) {
            let mut made = self.uki(&mut initramfs, host, images, plan.arch)?;
            let content = contents
                .add(&mut made.file, &made.written)
                .map_err(keep())?;
            uki = Some((made, content));
        }
        let initrd = contents
            .add(&mut initramfs.file, &initramfs.written)
            .map_err(keep())?;
        let mut parts = Parts {
            arch: plan.arch,
            epoch: plan.epoch,
            name: &self.options.name,
            kernel: initramfs.kernel.binary.clone(),
            initrd,
            cmdline: host.cmdline.trim(),
            uki: uki.as_ref().map(|(_, content)| content.clone()),
            apart,
            contents,
        };
        self.disks(formats, &parts, images)?;
        if formats.contains(&Format::Iso) {
            self.iso(&parts, images)?;
        }
        if formats.contains(&Format::RawBios) {
            self.bios_disk(&parts, images)?;
        }
        if formats.contains(&Format::Triton) {
            self.triton(&mut parts, host)?;
        }
        if let (Some((uki, _)), true) = (uki, formats.contains(&Format::Uki)) {
            self.keep("uki", uki.name, uki.file, uki.written);
        }
        if formats.contains(&Format::Netboot) {
            self.netboot_files(apart)?;
            self.kernel_initrd("netboot-initrd", initramfs, host)?;
        } else if formats.contains(&Format::KernelInitrd) {
            self.kernel_initrd("initrd", initramfs, host)?;
        }
        Ok(())
    }

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
        self.create_named(format!("{}{ending}", self.options.name))
    }

    fn create_named(&self, name: String) -> Result<(String, ReplacedFile), BuildError> {
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
