//! `raw` and `qcow2`: a disk that UEFI firmware boots.
//!
//! ```text
//! GPT | EFI system partition, FAT32, label ESP: EFI/BOOT/BOOTX64.EFI (the UKI); free | backup GPT
//! ```
//!
//! Disk and partition are called after the digest of the UKI: the same host, the same names.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use bedplate_formats::content::ReadContent;
use bedplate_formats::fat::{self, Size, Volume};
use bedplate_formats::gpt::{Attributes, Extent, Layout, Partition, types};
use bedplate_formats::guid::Guid;
use bedplate_sys::replace::ReplacedFile;
use bedplate_sys::tool::{Tool, ToolError};
use bedplate_tree::{Content, Entry, EntryKind, Meta, Tree, TreeBuilder};
use bedplate_types::{Arch, Digest, Epoch};

use super::hashed::Hashed;
use super::uki::{UkiFile, efi_name};
use super::{Format, Outputs};
use crate::BuildError;
use crate::initrd::Written;

/// Room beside a second image of the same size, in bytes: an update is written beside the old one, and the
/// volume is large enough for FAT32, which UEFI wants on system partitions.
const SPARE: u64 = 34 << 20;

impl Outputs<'_> {
    /// Writes the disk in the forms that are wanted.
    pub(super) fn disks(
        &mut self,
        uki: &mut UkiFile,
        (arch, epoch): (Arch, Epoch),
    ) -> Result<(), BuildError> {
        let (name, mut raw) = self.create(".raw")?;
        Disk::new(uki, (arch, epoch))
            .and_then(|disk| disk.write(raw.file()))
            .map_err(|source| BuildError::Format {
                what: name.clone(),
                source,
            })?;
        if self.options.formats.contains(&Format::Qcow2) {
            self.qcow2(&raw)?;
        }
        if self.options.formats.contains(&Format::Raw) {
            let written = hash(raw.file()).map_err(BuildError::io(format!("read {name}")))?;
            self.keep("raw", name, raw, written);
        }
        Ok(())
    }

    fn qcow2(&mut self, raw: &ReplacedFile) -> Result<(), BuildError> {
        let (name, mut file) = self.create(".qcow2")?;
        let failed = |source: ToolError| BuildError::Tool {
            doing: format!("write {name}"),
            source,
        };
        Tool::new("qemu-img", "qemu-utils")
            .args(["convert", "-f", "raw", "-O", "qcow2"])
            .arg(raw.path())
            .arg(file.path())
            .output()
            .map_err(failed)?;
        let written = hash(file.file()).map_err(BuildError::io(format!("read {name}")))?;
        self.keep("qcow2", name, file, written);
        Ok(())
    }
}

fn hash(file: &mut File) -> io::Result<Written> {
    file.seek(SeekFrom::Start(0))?;
    let mut out = Hashed::new(io::sink());
    io::copy(file, &mut out)?;
    out.finish()
}

type Fault = Box<dyn std::error::Error + Send + Sync>;

struct Disk<'a> {
    tree: Tree,
    uki: UkiBytes<'a>,
    volume: Volume,
    seed: [u8; 32],
}

impl<'a> Disk<'a> {
    fn new(uki: &'a mut UkiFile, (arch, epoch): (Arch, Epoch)) -> Result<Self, Fault> {
        let seed = uki.written.sha256;
        let content = Content::Stored {
            object: Digest::from_bytes(seed),
            offset: 0,
            len: uki.written.len,
        };
        let path = format!("EFI/BOOT/BOOT{}.EFI", efi_name(arch).to_uppercase());
        let mut builder = TreeBuilder::new();
        let origin = builder.origin("EFI system partition");
        let entry = Entry {
            path: path.parse()?,
            meta: Meta::with_mode(0o644),
            kind: EntryKind::File(content),
        };
        builder.insert(entry, origin)?;
        let volume = Volume {
            size: Size::WithRoom(uki.written.len + SPARE),
            label: "ESP".to_owned(),
            serial: u32::from_le_bytes([seed[0], seed[1], seed[2], seed[3]]),
            epoch,
        };
        Ok(Self {
            tree: builder.freeze(epoch),
            uki: UkiBytes(uki.file.file()),
            volume,
            seed,
        })
    }

    fn guid(&self, of: &str) -> Guid {
        Guid::derived(&[of.as_bytes(), &self.seed].concat())
    }

    fn write(&self, out: &mut File) -> Result<(), Fault> {
        let esp = fat::Image::new(&self.tree, &self.volume)?;
        let partition = Partition {
            kind: types::ESP,
            guid: self.guid("esp"),
            name: "esp".to_owned(),
            attributes: Attributes::REQUIRED,
            extent: Extent::Next {
                len: esp.byte_len(),
            },
        };
        let layout = Layout::fitting(self.guid("disk"), &[partition])?;
        let begin = layout.partitions()[0].offset();
        // What is not written reads as zeros, and takes no room.
        out.set_len(layout.disk_len())?;
        out.write_all_at(&layout.primary(), 0)?;
        out.write_all_at(&layout.backup(), layout.backup_offset())?;
        out.seek(SeekFrom::Start(begin))?;
        let mut out = Sparse(io::BufWriter::with_capacity(1 << 18, out));
        esp.write(&self.uki, &mut out)?;
        out.0.flush()?;
        Ok(())
    }
}

/// The one file of the volume.
struct UkiBytes<'a>(&'a File);

impl ReadContent for UkiBytes<'_> {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        let mut file = self.0;
        file.seek(SeekFrom::Start(0))?;
        // Too few bytes are noticed by the writer, which counts them.
        io::copy(&mut file.take(content.len()), out).map(drop)
    }
}

/// Leaves out long runs of zeros of a file that was made as long as it will be.
struct Sparse<W: Write + Seek>(W);

/// A run is left out if it is a whole buffer of this length at least.
const RUN: usize = 4096;

impl<W: Write + Seek> Write for Sparse<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() >= RUN && bytes.iter().all(|&byte| byte == 0) {
            self.0.seek_relative(bytes.len() as i64)?;
            return Ok(bytes.len());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
