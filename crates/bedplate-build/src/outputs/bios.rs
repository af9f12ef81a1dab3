//! `raw-bios`: a disk that a BIOS boots.
//!
//! ```text
//! sector 0   boot.img of GRUB, GPT
//! 1 MiB      BIOS boot partition: GRUB
//! 2 MiB      boot partition, FAT, label BOOT: kernel, initrd.img; free
//!            where the root is an image: see `slots`
//!            backup GPT
//! ```

use std::fs::File;
use std::os::unix::fs::FileExt;

use bedplate_formats::fat::{self, Size, Volume};
use bedplate_formats::gpt::{self, Attributes, Extent, Layout, Partition, types};
use bedplate_types::Arch;

use super::disk::{write_tables, write_volume};
use super::grub::{self, Grub};
use super::hashed::hash;
use super::parts::{Names, Parts};
use super::{Fault, Outputs, slots};
use crate::BuildError;
use crate::files::Files;
use crate::images::Images;

/// Room for GRUB, in bytes, at this place.
const GRUB_ROOM: u64 = 1 << 20;
const GRUB_SECTOR: u64 = gpt::ALIGNMENT / gpt::SECTOR;
/// What stays free, in bytes.
const SPARE: u64 = 1 << 20;

impl Outputs<'_> {
    /// Writes the disk.
    pub(super) fn bios_disk(
        &mut self,
        parts: &Parts<'_>,
        images: &mut Images<'_>,
    ) -> Result<(), BuildError> {
        if parts.arch != Arch::Amd64 {
            return Err(BuildError::Input {
                what: format!("no machine boots a {} host by BIOS", parts.arch),
                hint: Some("build --format raw, which UEFI boots".to_owned()),
            });
        }
        let (name, mut file) = self.create("-bios.raw")?;
        let grub = self.grub(images)?;
        write(parts, &grub, file.file()).map_err(BuildError::format(&name))?;
        let written = hash(file.file()).map_err(BuildError::io(format!("read {name}")))?;
        self.keep("raw-bios", name, file, written);
        Ok(())
    }
}

fn write(parts: &Parts<'_>, grub: &Grub, out: &mut File) -> Result<(), Fault> {
    let names = Names::of(&[&parts.kernel, &parts.initrd], parts.cmdline);
    let mut files = Files::default();
    files.put("kernel", parts.kernel.clone());
    files.put("initrd.img", parts.initrd.clone());
    let tree = files.tree("boot partition", parts.epoch)?;
    let volume = Volume {
        size: Size::WithRoom(SPARE),
        label: "BOOT".to_owned(),
        serial: names.serial(),
        epoch: parts.epoch,
    };
    let image = fat::Image::new(&tree, &volume)?;
    // As GRUB prints the serial number of a FAT volume.
    let (high, low) = (volume.serial >> 16, volume.serial & 0xffff);
    let find = format!("search.fs_uuid {high:04x}-{low:04x} root\n");
    let config = grub::config(&find, "/kernel", "/initrd.img", parts.cmdline)?;
    let (boot, core) = grub.for_disk(&config, GRUB_SECTOR)?;
    if core.len() as u64 > GRUB_ROOM {
        return Err(format!(
            "GRUB has {} bytes, and there is room for {GRUB_ROOM}",
            core.len()
        )
        .into());
    }
    let partition = |role: &str, kind, attributes, len| Partition {
        kind,
        guid: names.guid(role),
        name: role.to_owned(),
        attributes,
        extent: Extent::Next { len },
    };
    let mut partitions = vec![
        partition("grub", types::BIOS_BOOT, Attributes::REQUIRED, GRUB_ROOM),
        partition("boot", types::XBOOTLDR, Attributes::NONE, image.byte_len()),
    ];
    partitions.extend(slots::partitions(parts, &names));
    let layout = Layout::fitting(names.guid("disk"), &partitions)?;
    write_tables(&layout, out)?;
    out.write_all_at(&boot, 0)?;
    out.write_all_at(&core, layout.partitions()[0].offset())?;
    write_volume(
        &image,
        &parts.contents,
        layout.partitions()[1].offset(),
        out,
    )?;
    slots::write(parts, &layout, out)
}
