//! `raw` and `qcow2`: a disk that UEFI firmware boots.
//!
//! ```text
//! root in the initramfs
//!   GPT | EFI system partition, FAT32, label ESP: EFI/BOOT/BOOTX64.EFI (the UKI); free | backup GPT
//!
//! root image apart
//!   GPT | ESP | root | verity | _empty | _empty | backup GPT
//!         EFI/BOOT/BOOTX64.EFI              systemd-boot
//!         EFI/Linux/NAME_STAMP+3.efi        the UKI, with three tries (UAPI.1, "Boot counting")
//!         loader/loader.conf
//! ```
//!
//! Disk and ESP are called after the digest of the UKI: the same host, the same names. A root and its hashes
//! have the GUIDs that their root hash gives them (UAPI.2), by which the initramfs in the UKI finds them. The
//! empty partitions are for the next root; whatever comes behind them is for what the host keeps.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use bedplate_boot::root::Place;
use bedplate_formats::content::ReadContent;
use bedplate_formats::fat::{self, Size, Volume};
use bedplate_formats::gpt::{Attributes, Extent, Layout, Partition, types};
use bedplate_formats::guid::Guid;
use bedplate_formats::verity;
use bedplate_spec::planning::BuildPlan;
use bedplate_store::Store;
use bedplate_sys::replace::ReplacedFile;
use bedplate_sys::tool::{Tool, ToolError};
use bedplate_tree::{Content, Entry, EntryKind, Meta, Tree, TreeBuilder};
use bedplate_types::{Arch, Digest, Stamp};

use super::apart::Apart;
use super::hashed::Hashed;
use super::uki::{self, UkiFile, efi_name};
use super::{Format, Outputs};
use crate::BuildError;
use crate::images::Images;
use crate::initrd::Written;
use crate::root_image::RootImage;

/// Room beside a second image of the same size, in bytes: an update is written beside the old one, and the
/// volume is large enough for FAT32, which UEFI wants on system partitions.
const SPARE: u64 = 34 << 20;
/// How often a new UKI may be tried before an older one is preferred.
const TRIES: u32 = 3;
/// Label of a partition that waits for a root (sysupdate.d(5)).
const EMPTY: &str = "_empty";
/// Slots have a multiple of this length, in bytes.
const SLOT_STEP: u64 = 64 << 20;
/// No menu unless a key is pressed; the editor would let anybody at the console change the command line.
const LOADER_CONF: &str = "timeout 0\neditor no\n";

impl Outputs<'_> {
    /// Writes the disk in the forms that are wanted.
    pub(super) fn disks(
        &mut self,
        uki: &mut UkiFile,
        apart: Option<(&Apart, &Place)>,
        images: &mut Images<'_>,
        plan: &BuildPlan,
    ) -> Result<(), BuildError> {
        let (name, mut raw) = self.create(".raw")?;
        let failed = |source| BuildError::Format {
            what: name.clone(),
            source,
        };
        let uki = UkiContent::new(uki, self.store);
        let esp = match apart {
            None => alone(&uki, plan),
            Some(_) => {
                let loader = boot_loader(images, plan.arch)?;
                with_loader(&uki, &loader, &self.options.name, plan)
            }
        };
        let disk = Disk {
            esp: esp.map_err(failed)?,
            uki,
            root: apart.map(|(apart, _)| apart.image),
            plan,
        };
        disk.write(raw.file()).map_err(failed)?;
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

/// The UKI where it was written, for trees that hold it beside contents of the store.
struct UkiContent<'a> {
    file: &'a File,
    digest: [u8; 32],
    len: u64,
    store: &'a Store,
}

impl<'a> UkiContent<'a> {
    fn new(uki: &'a mut UkiFile, store: &'a Store) -> Self {
        Self {
            digest: uki.written.sha256,
            len: uki.written.len,
            file: uki.file.file(),
            store,
        }
    }

    fn content(&self) -> Content {
        Content::Stored {
            object: Digest::from_bytes(self.digest),
            offset: 0,
            len: self.len,
        }
    }
}

impl ReadContent for UkiContent<'_> {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        match content {
            Content::Stored { object, .. } if *object.as_bytes() == self.digest => {
                let mut file = self.file;
                file.seek(SeekFrom::Start(0))?;
                // Too few bytes are noticed by the writer, which counts them.
                io::copy(&mut file.take(content.len()), out).map(drop)
            }
            other => self.store.copy(other, out),
        }
    }
}

/// The firmware boots the UKI itself.
fn alone(uki: &UkiContent<'_>, plan: &BuildPlan) -> Result<Tree, Fault> {
    esp(plan, vec![(default_program(plan.arch), uki.content())])
}

/// systemd-boot chooses among UKIs, and counts the tries of those that did not prove themselves.
fn with_loader(
    uki: &UkiContent<'_>,
    loader: &Content,
    name: &str,
    plan: &BuildPlan,
) -> Result<Tree, Fault> {
    let stamp = Stamp::from(plan.epoch);
    esp(
        plan,
        vec![
            (default_program(plan.arch), loader.clone()),
            (
                format!("EFI/Linux/{name}_{stamp}+{TRIES}.efi"),
                uki.content(),
            ),
            (
                "loader/loader.conf".to_owned(),
                Content::inline(LOADER_CONF),
            ),
        ],
    )
}

/// What firmware starts when it knows nothing else (UEFI specification, 3.5.1.1).
fn default_program(arch: Arch) -> String {
    format!("EFI/BOOT/BOOT{}.EFI", efi_name(arch).to_uppercase())
}

fn esp(plan: &BuildPlan, files: Vec<(String, Content)>) -> Result<Tree, Fault> {
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("EFI system partition");
    for (path, content) in files {
        let entry = Entry {
            path: path.parse()?,
            meta: Meta::with_mode(0o644),
            kind: EntryKind::File(content),
        };
        builder.insert(entry, origin)?;
    }
    Ok(builder.freeze(plan.epoch))
}

fn boot_loader(images: &mut Images<'_>, arch: Arch) -> Result<Content, BuildError> {
    uki::from_boot_package(images, &format!("systemd-boot{}.efi", efi_name(arch)))
}

struct Disk<'a> {
    esp: Tree,
    uki: UkiContent<'a>,
    root: Option<RootImage>,
    plan: &'a BuildPlan,
}

impl Disk<'_> {
    fn guid(&self, of: &str) -> Guid {
        Guid::derived(&[of.as_bytes(), &self.uki.digest].concat())
    }

    fn write(&self, out: &mut File) -> Result<(), Fault> {
        let seed = &self.uki.digest;
        let volume = Volume {
            size: Size::WithRoom(self.uki.len + SPARE),
            label: "ESP".to_owned(),
            serial: u32::from_le_bytes([seed[0], seed[1], seed[2], seed[3]]),
            epoch: self.plan.epoch,
        };
        let esp = fat::Image::new(&self.esp, &volume)?;
        let mut partitions = vec![Partition {
            kind: types::ESP,
            guid: self.guid("esp"),
            name: "esp".to_owned(),
            attributes: Attributes::REQUIRED,
            extent: Extent::Next {
                len: esp.byte_len(),
            },
        }];
        if let Some(root) = &self.root {
            partitions.extend(self.slots(root));
        }
        let layout = Layout::fitting(self.guid("disk"), &partitions)?;
        // What is not written reads as zeros, and takes no room.
        out.set_len(layout.disk_len())?;
        out.write_all_at(&layout.primary(), 0)?;
        out.write_all_at(&layout.backup(), layout.backup_offset())?;
        out.seek(SeekFrom::Start(layout.partitions()[0].offset()))?;
        let mut sparse = Sparse(io::BufWriter::with_capacity(1 << 18, &mut *out));
        esp.write(&self.uki, &mut sparse)?;
        sparse.0.flush()?;
        drop(sparse);
        if let Some(root) = &self.root {
            for (partition, content) in [(1, root.data()), (2, root.hashes())] {
                out.seek(SeekFrom::Start(layout.partitions()[partition].offset()))?;
                self.uki.store.copy(&content, out)?;
            }
        }
        Ok(())
    }

    /// Two places for a root and its hashes, of which the second is empty. An update may be larger.
    fn slots(&self, root: &RootImage) -> [Partition; 4] {
        let (data_kind, hash_kind) = match self.plan.arch {
            Arch::Arm64 => (types::ROOT_ARM64, types::ROOT_ARM64_VERITY),
            Arch::Riscv64 => (types::ROOT_RISCV64, types::ROOT_RISCV64_VERITY),
            Arch::Amd64 => (types::ROOT_X86_64, types::ROOT_X86_64_VERITY),
        };
        let stamp = Stamp::from(self.plan.epoch).to_string();
        let (data, hashes) = root.partition_guids();
        let room = |len: u64| (len + len / 2).next_multiple_of(SLOT_STEP);
        let slot = |kind, guid, name: String, len| Partition {
            kind,
            guid,
            name,
            attributes: Attributes::READ_ONLY | Attributes::NO_AUTO,
            extent: Extent::Next { len },
        };
        let data_len = room(root.data_len);
        let hash_len = verity::hash_len(data_len).next_multiple_of(1 << 20);
        [
            slot(data_kind, data, format!("root_{stamp}"), data_len),
            slot(hash_kind, hashes, format!("verity_{stamp}"), hash_len),
            slot(
                data_kind,
                self.guid("empty root"),
                EMPTY.to_owned(),
                data_len,
            ),
            slot(
                hash_kind,
                self.guid("empty verity"),
                EMPTY.to_owned(),
                hash_len,
            ),
        ]
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
