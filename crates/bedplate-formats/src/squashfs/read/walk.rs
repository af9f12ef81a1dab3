//! From the root down: all inodes as entries.

use std::collections::HashMap;

use bedplate_tree::{Content, Entry, EntryKind, Meta};
use bedplate_types::{Digest, Object, TreePath};

use super::contents::File;
use super::error::ReadError;
use super::inodes::{self, FileData, Inode, Kind};
use super::listings::{self, Name};
use super::metadata::Metadata;
use super::superblock::Superblock;
use super::tables::{self, Fragment};
use super::xattrs::Sets;
use super::{Limits, Room};
use crate::read_at::ReadAt;
use crate::squashfs::inodes::kind;

/// What a walk found.
pub(super) struct Walked {
    pub(super) entries: Vec<Entry>,
    /// In the order of their places.
    pub(super) files: Vec<File>,
    pub(super) fragments: Vec<Fragment>,
}

/// Reads all inodes of an image.
pub(super) fn walk<S: ReadAt>(
    source: &S,
    superblock: &Superblock,
    object: Digest<Object>,
    limits: &Limits,
) -> Result<Walked, ReadError> {
    let mut metadata = Metadata::new(source, superblock, limits);
    let mut walker = Walker {
        superblock,
        object,
        limits,
        owners: tables::owners(&mut metadata, superblock)?,
        xattrs: Sets::read(&mut metadata, superblock)?,
        first_names: HashMap::new(),
        content: 0,
        walked: Walked {
            entries: Vec::new(),
            files: Vec::new(),
            fragments: tables::fragments(&mut metadata, superblock)?,
        },
        metadata,
    };
    let root = Name {
        path: TreePath::root(),
        kind: kind::DIRECTORY,
        inode: superblock.root,
    };
    let mut pending = vec![root];
    let mut names = 0;
    while let Some(name) = pending.pop() {
        let room = Room {
            left: limits.entries - names,
            limit: limits.entries,
        };
        let found = walker.name(name, room)?;
        names += found.len() as u64;
        pending.extend(found.into_iter().rev());
    }
    Ok(walker.walked)
}

struct Walker<'a, S> {
    superblock: &'a Superblock,
    object: Digest<Object>,
    limits: &'a Limits,
    metadata: Metadata<'a, S>,
    owners: Vec<u32>,
    xattrs: Sets,
    /// By reference to the inode, the position of its entry.
    first_names: HashMap<u64, usize>,
    /// Bytes of all files so far.
    content: u64,
    walked: Walked,
}

impl<S: ReadAt> Walker<'_, S> {
    /// Enters one name, and gives the names below it, for which there must be room.
    fn name(&mut self, name: Name, room: Room) -> Result<Vec<Name>, ReadError> {
        let fault = |what| ReadError::Inode {
            path: name.path.clone(),
            what,
        };
        if let Some(&first) = self.first_names.get(&name.inode) {
            let first = &self.walked.entries[first];
            if first.kind == EntryKind::Directory {
                return Err(fault("the same directory stands in two places"));
            }
            let (path, meta) = (first.path.clone(), first.meta.clone());
            self.enter(name.path, meta, EntryKind::HardLink(path));
            return Ok(Vec::new());
        }
        let content = Room {
            left: self.limits.content - self.content,
            limit: self.limits.content,
        };
        let inode = inodes::read(&mut self.metadata, self.superblock, name.inode, content)?;
        if inode.kind.basic() != name.kind {
            return Err(fault("its directory says that it is of another kind"));
        }
        let meta = self.meta(&inode)?;
        let mut below = Vec::new();
        let kind = match inode.kind {
            Kind::Directory { listing, len } => {
                let at = (listing, len);
                below = listings::read(&mut self.metadata, at, &name.path, room)?;
                EntryKind::Directory
            }
            Kind::File(data) => self.file(data).ok_or_else(|| {
                fault("its last bytes lie in a fragment that is not there or too short")
            })?,
            Kind::Symlink(target) => EntryKind::Symlink(target.into()),
            Kind::Device { is_block, number } => device(is_block, number),
            Kind::Fifo => EntryKind::Fifo,
            Kind::Socket => return Err(fault("it is a socket, and images have none")),
        };
        self.first_names
            .insert(name.inode, self.walked.entries.len());
        self.enter(name.path, meta, kind);
        Ok(below)
    }

    fn enter(&mut self, path: TreePath, meta: Meta, kind: EntryKind) {
        self.walked.entries.push(Entry { path, meta, kind });
    }

    fn meta(&mut self, inode: &Inode) -> Result<Meta, ReadError> {
        let owner = |number: u16| {
            let id = self.owners.get(usize::from(number)).copied();
            id.ok_or(ReadError::malformed(
                "an inode has an owner that is not there",
            ))
        };
        Ok(Meta {
            mode: inode.mode,
            uid: owner(inode.owner)?,
            gid: owner(inode.group)?,
            mtime: inode.mtime.into(),
            xattrs: self.xattrs.get(inode.xattrs, &mut self.metadata)?,
        })
    }

    /// A file with the next place in the row of contents; `None` if its tail cannot lie where it says.
    fn file(&mut self, data: FileData) -> Option<EntryKind> {
        if let Some((fragment, offset)) = data.tail {
            let block_size = u64::from(self.superblock.block_size);
            let end = u64::from(offset) + data.len % block_size;
            if fragment as usize >= self.walked.fragments.len() || end > block_size {
                return None;
            }
        }
        let (offset, len) = (self.content, data.len);
        self.content += len;
        if len == 0 {
            return Some(EntryKind::File(Content::inline([])));
        }
        self.walked.files.push(File {
            place: offset,
            data,
        });
        Some(EntryKind::File(Content::Stored {
            object: self.object,
            offset,
            len,
        }))
    }
}

/// Numbers as Linux packs them into 32 bits (`new_encode_dev`).
fn device(is_block: bool, number: u32) -> EntryKind {
    let major = number >> 8 & 0xfff;
    let minor = number & 0xff | number >> 12 & 0xfff00;
    match is_block {
        true => EntryKind::BlockDevice { major, minor },
        false => EntryKind::CharDevice { major, minor },
    }
}
