//! The EFI system partition of disks and media.

use bedplate_formats::fat::{self, FatError, Size, Volume};
use bedplate_tree::{Content, Tree};
use bedplate_types::{Arch, Stamp, TreePath};

use super::parts::Parts;
use super::uki::efi_name;
use crate::BuildError;
use crate::files::Files;

/// How often a new UKI may be tried before an older one is preferred.
const TRIES: u32 = 3;
/// No menu unless a key is pressed; an editor would let anybody at the console change the command line.
const LOADER_CONF: &str = "timeout 0\neditor no\n";

/// A volume with the UKI, or with a boot loader that chooses among UKIs, where firmware looks without being
/// told (UEFI specification, 3.5.1.1).
///
/// ```text
/// EFI/BOOT/BOOTX64.EFI             the UKI, or systemd-boot and then:
/// EFI/Linux/NAME_STAMP+3.efi       the UKI, with three tries (UAPI.1, "Boot counting")
/// loader/loader.conf
/// ```
pub(super) struct Esp {
    tree: Tree,
    volume: Volume,
    arch: Arch,
}

impl Esp {
    /// `room` is how many bytes stay free.
    pub(super) fn new(
        parts: &Parts<'_>,
        loader: Option<Content>,
        room: u64,
    ) -> Result<Self, BuildError> {
        let mut files = Files::default();
        let uki = parts.uki().clone();
        match loader {
            None => files.put(&program(parts.arch), uki),
            Some(loader) => {
                files.put(&program(parts.arch), loader);
                let stamp = Stamp::from(parts.epoch);
                let name = format!("EFI/Linux/{}_{stamp}+{TRIES}.efi", parts.name);
                files.put(&name, uki);
                files.text("loader/loader.conf", LOADER_CONF);
            }
        }
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
