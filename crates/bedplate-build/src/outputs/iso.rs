//! `iso`: a medium that BIOS and UEFI boot, optical or written to a disk.
//!
//! ```text
//! sector 0 …  boot_hybrid.img of GRUB, GPT with the system partition      (amd64: GRUB)
//! 32 KiB      ISO 9660: BOOT/GRUB.IMG, and ROOT.IMG where the root is an image
//!             EFI system partition: EFI/BOOT/BOOTX64.EFI (the UKI)
//!             backup GPT
//! ```
//!
//! There is one kernel and one initrd on it, inside the UKI: GRUB is told their sectors there. The volume is
//! called after the host ([`label`]).

use std::fs::File;
use std::io::{BufWriter, Seek as _, Write};
use std::os::unix::fs::FileExt;

use bedplate_formats::gpt::{self, Attributes, Extent, Layout, Partition, types};
use bedplate_formats::iso9660::{self, Image, Volume};
use bedplate_formats::pe::uki::{Section, sections};
use bedplate_tree::Tree;
use bedplate_types::{Arch, TreePath};

use super::disk::{write_tables, write_volume};
use super::esp::Esp;
use super::grub::{self, Grub};
use super::hashed::hash;
use super::parts::Parts;
use super::sparse::Sparse;
use super::{Fault, Outputs};
use crate::BuildError;
use crate::files::Files;
use crate::images::Images;

/// Where GRUB lies on the volume.
const GRUB_IMAGE: &str = "boot/grub.img";
/// Where the root image lies on the volume, if there is one.
pub(super) const ROOT: &str = "root.img";

/// The volume's label for a host of this name.
pub(crate) fn label(name: &str) -> String {
    iso9660::label(name)
}

impl Outputs<'_> {
    /// Writes the medium.
    pub(super) fn iso(
        &mut self,
        parts: &Parts<'_>,
        images: &mut Images<'_>,
    ) -> Result<(), BuildError> {
        let (name, mut file) = self.create(".iso")?;
        let grub = match parts.arch {
            Arch::Amd64 => Some(self.grub(images)?),
            // Machines of other architectures have no BIOS.
            Arch::Arm64 | Arch::Riscv64 => None,
        };
        write(parts, grub.as_ref(), file.file()).map_err(BuildError::format(&name))?;
        let written = hash(file.file()).map_err(BuildError::io(format!("read {name}")))?;
        self.keep("iso", name, file, written);
        Ok(())
    }
}

fn write(parts: &Parts<'_>, grub: Option<&Grub>, out: &mut File) -> Result<(), Fault> {
    let esp = Esp::new(parts, None, 0)?;
    let esp_image = esp.image()?;
    let volume = Volume {
        label: label(parts.name),
        epoch: parts.epoch,
        bios: grub.map(|_| GRUB_IMAGE.parse()).transpose()?,
        efi: Some(esp_image.byte_len()),
    };
    // What lies behind the system partition does not move it.
    let bare = tree(parts, grub.map(|_| Vec::new()))?;
    let efi = Image::new(&bare, &volume)?
        .efi_offset()
        .expect("it was asked for");
    let mut front = None;
    let mut grub_image = None;
    if let Some(grub) = grub {
        let uki = efi
            + esp_image
                .file_offset(&esp.program())
                .expect("the UKI is not empty");
        let mut image = grub.for_optical(&configuration(parts, uki)?)?;
        let unplaced = tree(parts, Some(image.clone()))?;
        let path: TreePath = GRUB_IMAGE.parse()?;
        let offset = Image::new(&unplaced, &volume)?
            .file_offset(&path)
            .expect("it was put there");
        front = Some(grub.place(&mut image, offset)?);
        grub_image = Some(image);
    }
    let tree = tree(parts, grub_image)?;
    let image = Image::new(&tree, &volume)?;
    let names = parts.names();
    let partition = Partition {
        kind: types::ESP,
        guid: names.guid("esp"),
        name: "esp".to_owned(),
        attributes: Attributes::REQUIRED,
        extent: Extent::At {
            first_lba: efi / gpt::SECTOR,
            sectors: esp_image.byte_len() / gpt::SECTOR,
        },
    };
    // The backup table takes less than the last mebibyte.
    let len = (image.byte_len() + gpt::ALIGNMENT).next_multiple_of(gpt::ALIGNMENT);
    write_tables(&Layout::new(len, names.guid("iso"), &[partition])?, out)?;
    if let Some(front) = front {
        out.write_all_at(&front, 0)?;
    }
    write_volume(&esp_image, &parts.contents, efi, out)?;
    out.rewind()?;
    let mut out = Sparse(BufWriter::with_capacity(1 << 18, out));
    image.write(&parts.contents, &mut out)?;
    Ok(out.flush()?)
}

fn tree(parts: &Parts<'_>, grub: Option<Vec<u8>>) -> Result<Tree, BuildError> {
    let mut files = Files::default();
    if let Some(image) = grub {
        files.text(GRUB_IMAGE, image);
    }
    if let Some(apart) = parts.apart {
        files.put(ROOT, apart.image.content());
    }
    files.tree("medium", parts.epoch)
}

/// GRUB's configuration for a UKI that begins at `uki`.
fn configuration(parts: &Parts<'_>, uki: u64) -> Result<String, Fault> {
    let file = parts
        .contents
        .file(parts.uki())
        .expect("the UKI was written just now");
    let all = sections(file)?;
    let list = |name: &str| -> Result<String, Fault> {
        let found = all.iter().find(|section| section.name == name);
        let &Section { offset, len, .. } =
            found.ok_or_else(|| format!("the UKI has no `{name}`"))?;
        let (begin, sectors) = (uki + offset, len.div_ceil(gpt::SECTOR));
        match begin % gpt::SECTOR {
            0 => Ok(format!("{}+{sectors}", begin / gpt::SECTOR)),
            _ => Err(format!("`{name}` of the UKI does not begin with a sector").into()),
        }
    };
    Ok(grub::config(
        "",
        &list(".linux")?,
        &list(".initrd")?,
        parts.cmdline,
    )?)
}
