//! `raw`, and what is made of it: a disk that UEFI firmware boots.
//!
//! ```text
//! GPT | EFI system partition, FAT32, label ESP: see `esp`; free | backup GPT
//! GPT | EFI system partition | root | its hashes | empty | empty | backup GPT      root image apart: see `slots`
//! ```
//!
//! Disk and system partition are called after the digest of the UKI: the same host, the same names. Where
//! roots may change, systemd-boot chooses among UKIs and counts their tries.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use bedplate_formats::content::ReadContent;
use bedplate_formats::fat;
use bedplate_formats::gpt::{Attributes, Extent, Layout, Partition, types};
use bedplate_tree::Content;

use super::esp::Esp;
use super::hashed::hash;
use super::parts::Parts;
use super::sparse::Sparse;
use super::{Fault, Format, Outputs, slots};
use crate::BuildError;
use crate::images::Images;

/// Room beside a second image of the same size, in bytes: an update is written beside the old one, and the
/// volume is large enough for FAT32, which UEFI wants on system partitions.
const SPARE: u64 = 34 << 20;

impl Outputs<'_> {
    /// Writes the disk in the forms that are wanted.
    pub(super) fn disks(
        &mut self,
        formats: &[Format],
        parts: &Parts<'_>,
        images: &mut Images<'_>,
    ) -> Result<(), BuildError> {
        let wanted = |format| formats.contains(&format);
        let (raw, qcow2, vmdk, vhd) = (
            wanted(Format::Raw),
            wanted(Format::Qcow2),
            wanted(Format::Vmdk),
            wanted(Format::Vhd),
        );
        if !(raw || qcow2 || vmdk || vhd) {
            return Ok(());
        }
        let loader = match parts.apart {
            None => None,
            Some(_) => Some(self.boot_loader(images, parts.arch)?),
        };
        if vhd {
            self.vhd(parts, loader.clone())?;
        }
        if !(raw || qcow2 || vmdk) {
            return Ok(());
        }
        let (name, mut file) = self.create(".raw")?;
        write(parts, loader, file.file()).map_err(BuildError::format(&name))?;
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
pub(super) fn write(
    parts: &Parts<'_>,
    loader: Option<Content>,
    out: &mut File,
) -> Result<u64, Fault> {
    let esp = Esp::new(parts, loader, parts.uki().len() + SPARE)?;
    let esp = esp.image()?;
    let names = parts.names();
    let mut partitions = vec![Partition {
        kind: types::ESP,
        guid: names.guid("esp"),
        name: "esp".to_owned(),
        attributes: Attributes::REQUIRED,
        extent: Extent::Next {
            len: esp.byte_len(),
        },
    }];
    partitions.extend(slots::partitions(parts, &names));
    let layout = Layout::fitting(names.guid("disk"), &partitions)?;
    write_tables(&layout, out)?;
    write_volume(&esp, &parts.contents, layout.partitions()[0].offset(), out)?;
    slots::write(parts, &layout, out)?;
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
