//! The EFI system partition of disks and media.

use bedplate_formats::fat::{self, FatError, Size, Volume};
use bedplate_tree::Tree;
use bedplate_types::{Arch, TreePath};

use super::parts::Parts;
use super::uki::efi_name;
use crate::BuildError;
use crate::files::Files;

/// A volume with the UKI where firmware looks without being told (UEFI specification, 3.5.1.1).
pub(super) struct Esp {
    tree: Tree,
    volume: Volume,
    arch: Arch,
}

impl Esp {
    /// `room` is how many bytes stay free.
    pub(super) fn new(parts: &Parts<'_>, room: u64) -> Result<Self, BuildError> {
        let mut files = Files::default();
        files.put(&program(parts.arch), parts.uki().clone());
        Ok(Self {
            tree: files.tree("EFI system partition", parts.epoch)?,
            volume: Volume {
                size: Size::WithRoom(room),
                label: "ESP".to_owned(),
                serial: parts.names().serial(),
                epoch: parts.epoch,
            },
            arch: parts.arch,
        })
    }

    pub(super) fn image(&self) -> Result<fat::Image<'_>, FatError> {
        fat::Image::new(&self.tree, &self.volume)
    }

    /// Where the UKI lies on the volume.
    pub(super) fn program(&self) -> TreePath {
        program(self.arch).parse().expect("a plain path")
    }
}

fn program(arch: Arch) -> String {
    format!("EFI/BOOT/BOOT{}.EFI", efi_name(arch).to_uppercase())
}
