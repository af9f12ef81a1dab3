//! Inodes of all kinds (section 5), whose records [`super::super::inodes`] draws.

use super::Room;
use super::error::ReadError;
use super::fields::Fields;
use super::metadata::{Metadata, Place};
use super::superblock::Superblock;
use crate::read_at::ReadAt;
use crate::squashfs::inodes::kind;
use crate::squashfs::{NO_INDEX, NO_TABLE};

/// Linux has shorter ones: a page, with its NUL.
const MAX_TARGET: u32 = 4095;

/// An inode as the image has it, owners and attributes by number.
pub(super) struct Inode {
    pub(super) mode: u32,
    pub(super) owner: u16,
    pub(super) group: u16,
    pub(super) mtime: u32,
    pub(super) xattrs: u32,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    /// Where its listing begins, and how many bytes it has.
    Directory {
        listing: Place,
        len: u32,
    },
    File(FileData),
    Symlink(Vec<u8>),
    Device {
        is_block: bool,
        number: u32,
    },
    Fifo,
    Socket,
}

impl Kind {
    /// The kind of the basic inode, which directories have for all inodes.
    pub(super) fn basic(&self) -> u16 {
        match self {
            Self::Directory { .. } => kind::DIRECTORY,
            Self::File(_) => kind::FILE,
            Self::Symlink(_) => kind::SYMLINK,
            Self::Device { is_block: true, .. } => kind::BLOCK,
            Self::Device { .. } => kind::CHAR,
            Self::Fifo => kind::FIFO,
            Self::Socket => kind::SOCKET,
        }
    }
}

/// Where the bytes of a file lie.
#[derive(Debug, Clone)]
pub(super) struct FileData {
    pub(super) len: u64,
    /// Where its first block lies that is not sparse.
    pub(super) start: u64,
    /// The size of each block, as stored: 0 is a block of zeros.
    pub(super) blocks: Vec<u32>,
    /// In which fragment its tail lies, and how many bytes into it.
    pub(super) tail: Option<(u32, u32)>,
}

/// Reads the inode at a packed reference. There must be room for the bytes of a file.
pub(super) fn read<S: ReadAt>(
    metadata: &mut Metadata<'_, S>,
    superblock: &Superblock,
    reference: u64,
    room: Room,
) -> Result<Inode, ReadError> {
    let mut place = Place::unpacked(reference, superblock.inode_table);
    let head: [u8; 16] = metadata.read(&mut place)?;
    let mut fields = Fields(&head);
    let (number, mode) = (fields.u16(), fields.u16());
    let (owner, group, mtime) = (fields.u16(), fields.u16(), fields.u32());
    let is_extended = number > kind::EXTENDED;
    let basic = if is_extended {
        number - kind::EXTENDED
    } else {
        number
    };
    let mut reader = Reader {
        metadata,
        superblock,
        place,
        is_extended,
        xattrs: NO_INDEX,
    };
    let kind = match basic {
        kind::DIRECTORY => reader.directory()?,
        kind::FILE => Kind::File(reader.file(room)?),
        kind::SYMLINK => reader.symlink()?,
        kind::BLOCK | kind::CHAR => reader.device(basic == kind::BLOCK)?,
        kind::FIFO | kind::SOCKET => {
            let _links = reader.u32()?;
            reader.attributes()?;
            match basic {
                kind::FIFO => Kind::Fifo,
                _ => Kind::Socket,
            }
        }
        _ => return Err(ReadError::malformed("an inode is of no known kind")),
    };
    Ok(Inode {
        mode: u32::from(mode) & 0o7777,
        owner,
        group,
        mtime,
        xattrs: reader.xattrs,
        kind,
    })
}

/// Reads what follows the part that all inodes have.
struct Reader<'m, 'a, S> {
    metadata: &'m mut Metadata<'a, S>,
    superblock: &'m Superblock,
    place: Place,
    is_extended: bool,
    xattrs: u32,
}

impl<S: ReadAt> Reader<'_, '_, S> {
    fn u32(&mut self) -> Result<u32, ReadError> {
        Ok(u32::from_le_bytes(self.metadata.read(&mut self.place)?))
    }

    /// The number of attributes, at the end of small extended inodes.
    fn attributes(&mut self) -> Result<(), ReadError> {
        if self.is_extended {
            self.xattrs = self.u32()?;
        }
        Ok(())
    }

    fn directory(&mut self) -> Result<Kind, ReadError> {
        let (block, len, offset);
        if self.is_extended {
            let record: [u8; 24] = self.metadata.read(&mut self.place)?;
            let mut fields = Fields(&record);
            let _links = fields.u32();
            (len, block) = (fields.u32(), fields.u32());
            let (_parent, _indexes) = (fields.u32(), fields.u16());
            offset = fields.u16();
            self.xattrs = fields.u32();
        } else {
            let record: [u8; 16] = self.metadata.read(&mut self.place)?;
            let mut fields = Fields(&record);
            block = fields.u32();
            let _links = fields.u32();
            (len, offset) = (u32::from(fields.u16()), fields.u16());
        }
        let table = self.superblock.directory_table;
        Ok(Kind::Directory {
            listing: Place::at(table.saturating_add(block.into()), offset),
            len: len.saturating_sub(3),
        })
    }

    fn file(&mut self, room: Room) -> Result<FileData, ReadError> {
        let (start, len, fragment, offset);
        if self.is_extended {
            let record: [u8; 40] = self.metadata.read(&mut self.place)?;
            let mut fields = Fields(&record);
            (start, len) = (fields.u64(), fields.u64());
            let (_sparse, _links) = (fields.u64(), fields.u32());
            (fragment, offset) = (fields.u32(), fields.u32());
            self.xattrs = fields.u32();
        } else {
            let record: [u8; 16] = self.metadata.read(&mut self.place)?;
            let mut fields = Fields(&record);
            start = u64::from(fields.u32());
            (fragment, offset) = (fields.u32(), fields.u32());
            len = u64::from(fields.u32());
        }
        if len > room.left {
            return Err(ReadError::Limit {
                what: "bytes of contents",
                limit: room.limit,
            });
        }
        let block_size = u64::from(self.superblock.block_size);
        let tail = (fragment != NO_INDEX).then_some((fragment, offset));
        let count = match tail {
            Some(_) => len / block_size,
            None => len.div_ceil(block_size),
        };
        let count = usize::try_from(count.saturating_mul(4))
            .map_err(|_| ReadError::malformed("a file is too long"))?;
        let sizes = self.metadata.bytes(&mut self.place, count)?;
        let size = |size: &[u8; 4]| u32::from_le_bytes(*size);
        Ok(FileData {
            len,
            // Writers that have no block at all say that there is none in several ways.
            start: if start == NO_TABLE { 0 } else { start },
            blocks: sizes.as_chunks().0.iter().map(size).collect(),
            tail: tail.filter(|_| !len.is_multiple_of(block_size)),
        })
    }

    fn symlink(&mut self) -> Result<Kind, ReadError> {
        let (_links, len) = (self.u32()?, self.u32()?);
        if !(1..=MAX_TARGET).contains(&len) {
            return Err(ReadError::malformed(
                "the target of a symlink is empty or too long for Linux",
            ));
        }
        let target = self.metadata.bytes(&mut self.place, len as usize)?;
        self.attributes()?;
        match target.contains(&0) {
            true => Err(ReadError::malformed(
                "the target of a symlink holds a NUL byte",
            )),
            false => Ok(Kind::Symlink(target)),
        }
    }

    fn device(&mut self, is_block: bool) -> Result<Kind, ReadError> {
        let (_links, number) = (self.u32()?, self.u32()?);
        self.attributes()?;
        Ok(Kind::Device { is_block, number })
    }
}
