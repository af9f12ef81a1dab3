//! Planning: what goes where, before the first byte is written; and writing.

use std::io::{self, Seek, SeekFrom, Write};

use bedplate_tree::Tree;
use bedplate_types::TreePath;

use super::contents::{Child, Contents, DOTS, Directory, read_tree};
use super::descriptors::{self, Boot, Platform, Primary, SECOND};
use super::error::IsoError;
use super::record::{self, Extent, Target, Time, place, record};
use super::{ALIGNMENT, BLOCK, SYSTEM_AREA, Volume};
use crate::content::{ReadContent, copy_exactly};

/// Sectors that a BIOS loads: of what is longer, the first 2048 bytes load the rest.
const BIOS_SECTORS: u16 = 4;
const SECTOR: u64 = 512;

/// A volume that can be written.
pub struct Image<'a> {
    contents: Contents<'a>,
    label: [u8; 32],
    time: Time,
    boots: Vec<Boot>,
    catalogue: Option<u32>,
    path_table_len: u32,
    path_tables: [u32; 2],
    directories: Vec<Extent>,
    efi: Option<u32>,
    files: Vec<Extent>,
    blocks: u32,
}

/// Gives out blocks, one run after another.
struct Blocks(u32);

impl Blocks {
    fn take(&mut self, len: u64) -> Result<u32, IsoError> {
        let count = u32::try_from(len.div_ceil(BLOCK)).map_err(|_| IsoError::TooLarge)?;
        let end = self.0.checked_add(count).ok_or(IsoError::TooLarge)?;
        Ok(std::mem::replace(&mut self.0, end))
    }

    fn align(&mut self) -> Result<(), IsoError> {
        let to = (ALIGNMENT / BLOCK) as u32;
        self.0 = self
            .0
            .checked_next_multiple_of(to)
            .ok_or(IsoError::TooLarge)?;
        Ok(())
    }
}

impl<'a> Image<'a> {
    /// Plans a volume with the files of `tree`.
    pub fn new(tree: &'a Tree, volume: &Volume) -> Result<Self, IsoError> {
        let label = record::label(&volume.label)?;
        let time = Time::of(volume.epoch)?;
        let contents = read_tree(tree)?;
        let is_bootable = volume.bios.is_some() || volume.efi.is_some();
        let mut free = Blocks(SECOND + 1 + u32::from(is_bootable));
        let catalogue = is_bootable.then(|| free.take(BLOCK)).transpose()?;
        let path_table_len: u64 = contents.directories.iter().map(path_record_len).sum();
        let path_tables = [free.take(path_table_len)?, free.take(path_table_len)?];
        let extent = |free: &mut Blocks, len: u64| {
            let block = free.take(len)?;
            let len = u32::try_from(len).map_err(|_| IsoError::TooLarge)?;
            Ok(Extent { block, len })
        };
        let each = contents.directories.iter().map(Directory::byte_len);
        let directories = each
            .map(|len| extent(&mut free, len))
            .collect::<Result<_, _>>()?;
        let efi = match volume.efi {
            None => None,
            Some(len) => {
                free.align()?;
                let block = free.take(len)?;
                free.align()?;
                Some(block)
            }
        };
        let each = contents.files.iter().map(|file| u64::from(file.len));
        let files: Vec<Extent> = each
            .map(|len| extent(&mut free, len))
            .collect::<Result<_, _>>()?;
        let mut image = Self {
            contents,
            label,
            time,
            boots: Vec::new(),
            catalogue,
            path_table_len: u32::try_from(path_table_len).map_err(|_| IsoError::TooLarge)?,
            path_tables,
            directories,
            efi,
            files,
            blocks: free.0,
        };
        image.boots = image.boots(volume)?;
        Ok(image)
    }

    fn boots(&self, volume: &Volume) -> Result<Vec<Boot>, IsoError> {
        let mut boots = Vec::new();
        if let Some(path) = &volume.bios {
            let missing = || IsoError::NoBootFile(path.clone());
            let Extent { block, .. } = self.file(path).ok_or_else(missing)?;
            let platform = Platform::Bios;
            boots.push(Boot {
                platform,
                block,
                sectors: BIOS_SECTORS,
            });
        }
        if let (Some(block), Some(len)) = (self.efi, volume.efi) {
            let sectors = u16::try_from(len.div_ceil(SECTOR)).unwrap_or(0);
            let platform = Platform::Efi;
            boots.push(Boot {
                platform,
                block,
                sectors,
            });
        }
        Ok(boots)
    }

    /// Length of the volume in bytes.
    pub fn byte_len(&self) -> u64 {
        u64::from(self.blocks) * BLOCK
    }

    /// Where the EFI system partition begins, in bytes.
    pub fn efi_offset(&self) -> Option<u64> {
        self.efi.map(|block| u64::from(block) * BLOCK)
    }

    /// Where a file begins, in bytes.
    pub fn file_offset(&self, path: &TreePath) -> Option<u64> {
        self.file(path)
            .map(|extent| u64::from(extent.block) * BLOCK)
    }

    fn file(&self, path: &TreePath) -> Option<Extent> {
        let index = self
            .contents
            .files
            .iter()
            .position(|file| file.path == *path)?;
        Some(self.files[index])
    }

    /// Writes the volume at the beginning of `out`. What it leaves alone, the system area and the EFI
    /// system partition, and what reads as zeros behind a file, is passed over.
    pub fn write<W: Write + Seek>(
        &self,
        contents: &dyn ReadContent,
        out: &mut W,
    ) -> Result<(), IsoError> {
        let io = |source| IsoError::Io {
            path: TreePath::root(),
            source,
        };
        self.metadata(out).map_err(io)?;
        for (file, extent) in self.contents.files.iter().zip(&self.files) {
            seek(out, extent.block)
                .and_then(|()| copy_exactly(contents, file.content, out))
                .map_err(|source| IsoError::Io {
                    path: file.path.clone(),
                    source,
                })?;
        }
        out.flush().map_err(io)
    }

    /// All that stands before the EFI system partition.
    fn metadata<W: Write + Seek>(&self, out: &mut W) -> io::Result<()> {
        let primary = Primary {
            label: self.label,
            blocks: self.blocks,
            path_table: (self.path_table_len, self.path_tables),
            root: self.directories[0],
            time: &self.time,
        };
        seek(out, SYSTEM_AREA)?;
        out.write_all(&descriptors::primary(&primary))?;
        if let Some(catalogue) = self.catalogue {
            out.write_all(&descriptors::boot_record(catalogue))?;
        }
        out.write_all(&descriptors::terminator())?;
        if !self.boots.is_empty() {
            out.write_all(&descriptors::catalogue(&self.boots))?;
        }
        let [little, big] = self.path_tables;
        seek(out, little)?;
        out.write_all(&self.path_table(u32::to_le_bytes, u16::to_le_bytes))?;
        seek(out, big)?;
        out.write_all(&self.path_table(u32::to_be_bytes, u16::to_be_bytes))?;
        for (directory, extent) in self.contents.directories.iter().zip(&self.directories) {
            seek(out, extent.block)?;
            out.write_all(&self.directory(directory, *extent))?;
        }
        Ok(())
    }

    /// All directories by number (ECMA-119, 9.4), in a byte order.
    fn path_table(&self, long: fn(u32) -> [u8; 4], short: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (directory, extent) in self.contents.directories.iter().zip(&self.directories) {
            let end = bytes.len() + path_record_len(directory) as usize;
            let parent = u16::try_from(directory.parent + 1).expect("directories are limited");
            bytes.extend([directory.name.len() as u8, 0]);
            bytes.extend(long(extent.block));
            bytes.extend(short(parent));
            bytes.extend(&directory.name);
            bytes.resize(end, 0);
        }
        bytes
    }

    fn directory(&self, directory: &Directory, own: Extent) -> Vec<u8> {
        let dots = [own, self.directories[directory.parent]];
        let dots = DOTS.into_iter().zip(dots.map(Target::Directory));
        let children = directory.children.iter().map(|(name, child)| {
            let target = match *child {
                Child::Directory(index) => Target::Directory(self.directories[index]),
                Child::File(index) => Target::File(self.files[index]),
            };
            (name.as_slice(), target)
        });
        let mut bytes = Vec::with_capacity(own.len as usize);
        for (name, target) in dots.chain(children) {
            let record = record(name, target, &self.time);
            bytes.resize(place(bytes.len() as u64, record.len()) as usize, 0);
            bytes.extend(record);
        }
        bytes.resize(own.len as usize, 0);
        bytes
    }
}

fn path_record_len(directory: &Directory) -> u64 {
    (8 + directory.name.len()).next_multiple_of(2) as u64
}

fn seek(out: &mut impl Seek, block: u32) -> io::Result<()> {
    out.seek(SeekFrom::Start(u64::from(block) * BLOCK))
        .map(drop)
}
