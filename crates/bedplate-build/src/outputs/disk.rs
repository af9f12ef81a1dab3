//! `raw`, and what is made of it: a disk that UEFI firmware boots.
//!
//! ```text
//! GPT | EFI system partition, FAT32, label ESP: EFI/BOOT/BOOTX64.EFI (the UKI); free | backup GPT
//! ```
//!
//! Disk and partition are called after the digest of the UKI: the same host, the same names.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use bedplate_formats::content::ReadContent;
use bedplate_formats::fat;
use bedplate_formats::gpt::{Attributes, Extent, Layout, Partition, types};

use super::esp::Esp;
use super::hashed::hash;
use super::parts::Parts;
use super::sparse::Sparse;
use super::{Fault, Format, Outputs};
use crate::BuildError;

/// Room beside a second image of the same size, in bytes: an update is written beside the old one, and the
/// volume is large enough for FAT32, which UEFI wants on system partitions.
const SPARE: u64 = 34 << 20;

impl Outputs<'_> {
    /// Writes the disk in the forms that are wanted.
    pub(super) fn disks(&mut self, parts: &Parts<'_>) -> Result<(), BuildError> {
        let wanted = |format| self.options.formats.contains(&format);
        let (raw, qcow2, vmdk, vhd) = (
            wanted(Format::Raw),
            wanted(Format::Qcow2),
            wanted(Format::Vmdk),
            wanted(Format::Vhd),
        );
        if vhd {
            self.vhd(parts)?;
        }
        if !(raw || qcow2 || vmdk) {
            return Ok(());
        }
        let (name, mut file) = self.create(".raw")?;
        write(parts, file.file()).map_err(BuildError::format(&name))?;
        if qcow2 {
            self.qcow2(&file)?;
        }
        if vmdk {
            self.vmdk(&file, parts)?;
        }
        if raw {
            let written = hash(file.file()).map_err(BuildError::io(format!("read {name}")))?;
            self.keep("raw", name, file, written);
        }
        Ok(())
    }
}

/// Writes the disk, and gives its length.
pub(super) fn write(parts: &Parts<'_>, out: &mut File) -> Result<u64, Fault> {
    let esp = Esp::new(parts, parts.uki().len() + SPARE)?;
    let esp = esp.image()?;
    let names = parts.names();
    let partition = Partition {
        kind: types::ESP,
        guid: names.guid("esp"),
        name: "esp".to_owned(),
        attributes: Attributes::REQUIRED,
        extent: Extent::Next {
            len: esp.byte_len(),
        },
    };
    let layout = Layout::fitting(names.guid("disk"), &[partition])?;
    write_tables(&layout, out)?;
    write_volume(&esp, &parts.contents, layout.partitions()[0].offset(), out)?;
    Ok(layout.disk_len())
}

/// Makes the file as long as the disk, and writes both tables. What is not written reads as zeros, and takes
/// no room.
pub(super) fn write_tables(layout: &Layout, out: &mut File) -> io::Result<()> {
    out.set_len(layout.disk_len())?;
    out.write_all_at(&layout.primary(), 0)?;
    out.write_all_at(&layout.backup(), layout.backup_offset())
}

/// Writes a volume into the partition that begins at `at`.
pub(super) fn write_volume(
    volume: &fat::Image<'_>,
    contents: &dyn ReadContent,
    at: u64,
    out: &mut File,
) -> Result<(), Fault> {
    out.seek(SeekFrom::Start(at))?;
    let mut out = Sparse(BufWriter::with_capacity(1 << 18, out));
    volume.write(contents, &mut out)?;
    Ok(out.flush()?)
}
