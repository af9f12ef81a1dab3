//! Inodes and directories of the whole tree, as metadata.
//!
//! A listing says where the inodes in it are, and a directory's inode where its listing is. So
//! directories are done from the leaves to the root: the inodes of all its entries side by side, then
//! its listing. Entries of a directory have consecutive numbers, which keeps runs long.

use std::collections::BTreeMap;

use bedplate_tree::{InodeId, InodeKind, Tree};

use super::data::Data;
use super::directories::{self, Listing, Name};
use super::error::WriteError;
use super::inodes::{self, Common};
use super::metadata::{Metadata, Reference};
use super::options::Compression;
use super::owners::Owners;
use super::xattrs::Sets;

type Children = BTreeMap<Box<[u8]>, InodeId>;

/// What the superblock and the tables behind need to know.
pub(super) struct Tables {
    pub(super) inodes: Metadata,
    pub(super) directories: Metadata,
    pub(super) owners: Owners,
    pub(super) xattrs: Sets,
    pub(super) root: Reference,
}

/// Makes the tables of a tree that was checked; no inode is later than `time`.
pub(super) fn tables(
    tree: &Tree,
    data: &Data,
    time: u32,
    compression: Compression,
) -> Result<Tables, WriteError> {
    let metadata = || Metadata::new(compression).map_err(WriteError::Output);
    let mut maker = Maker {
        tree,
        data,
        time,
        numbering: Numbering::new(tree)?,
        written: vec![None; tree.inodes().len()],
        listings: tree.inodes().iter().map(|_| None).collect(),
        inodes: metadata()?,
        directories: metadata()?,
        owners: Owners::default(),
        xattrs: Sets::new(compression).map_err(WriteError::Output)?,
    };
    for (id, children) in leaves_first(tree) {
        maker.directory(id, children)?;
    }
    let root = maker.inode(InodeId::ROOT)?;
    Ok(Tables {
        inodes: maker.inodes,
        directories: maker.directories,
        owners: maker.owners,
        xattrs: maker.xattrs,
        root,
    })
}

/// All directories, each after those in it.
fn leaves_first(tree: &Tree) -> Vec<(InodeId, &Children)> {
    let mut order = Vec::new();
    let mut pending = vec![InodeId::ROOT];
    while let Some(id) = pending.pop() {
        if let InodeKind::Directory(children) = &tree.inode(id).kind {
            order.push((id, children));
            pending.extend(children.values());
        }
    }
    order.reverse();
    order
}

/// The numbers of inodes, and of the directories that they are in.
struct Numbering {
    numbers: Vec<u32>,
    parents: Vec<u32>,
}

impl Numbering {
    fn new(tree: &Tree) -> Result<Self, WriteError> {
        let count = tree.inodes().len();
        // The number after the last one is the parent of the root, as other writers have it too.
        let outside =
            u32::try_from(count + 1).map_err(|_| WriteError::TableTooLarge { what: "inodes" })?;
        let mut numbers = vec![0; count];
        let mut parents = vec![outside; count];
        numbers[0] = 1;
        let mut next = 2;
        for (index, inode) in tree.inodes().iter().enumerate() {
            let InodeKind::Directory(children) = &inode.kind else {
                continue;
            };
            for child in children.values() {
                if numbers[child.index()] == 0 {
                    numbers[child.index()] = next;
                    parents[child.index()] = numbers[index];
                    next += 1;
                }
            }
        }
        Ok(Self { numbers, parents })
    }
}

struct Maker<'a> {
    tree: &'a Tree,
    data: &'a Data,
    time: u32,
    numbering: Numbering,
    /// Where each inode that was written is.
    written: Vec<Option<Reference>>,
    listings: Vec<Option<Listing>>,
    inodes: Metadata,
    directories: Metadata,
    owners: Owners,
    xattrs: Sets,
}

impl Maker<'_> {
    /// Writes the inodes in a directory, and its listing.
    fn directory(&mut self, id: InodeId, children: &Children) -> Result<(), WriteError> {
        let mut names = Vec::with_capacity(children.len());
        for (name, &child) in children {
            names.push(Name {
                name,
                kind: inodes::basic_kind(&self.tree.inode(child).kind),
                number: self.numbering.numbers[child.index()],
                inode: self.inode(child)?,
            });
        }
        let listing = directories::write(&mut self.directories, &names)?;
        self.listings[id.index()] = Some(listing);
        Ok(())
    }

    /// Where an inode is, which is written now unless it was before under another name.
    fn inode(&mut self, id: InodeId) -> Result<Reference, WriteError> {
        if let Some(written) = self.written[id.index()] {
            return Ok(written);
        }
        let common = self.common(id)?;
        let record = match &self.tree.inode(id).kind {
            InodeKind::Directory(_) => {
                let listing = self.listings[id.index()].as_ref();
                let listing = listing.expect("listings of directories are made from the leaves on");
                inodes::directory(&common, self.numbering.parents[id.index()], listing)
            }
            InodeKind::File(_) => inodes::file(&common, self.data.of(id.index())),
            other => inodes::other(&common, other),
        };
        let reference = self.inodes.position();
        let wrote = self.inodes.write(record.as_bytes());
        wrote.map_err(WriteError::Output)?;
        self.written[id.index()] = Some(reference);
        Ok(reference)
    }

    fn common(&mut self, id: InodeId) -> Result<Common, WriteError> {
        let inode = self.tree.inode(id);
        Ok(Common {
            kind: inodes::basic_kind(&inode.kind),
            mode: inode.meta.mode,
            owner: self.owners.number(inode.meta.uid)?,
            group: self.owners.number(inode.meta.gid)?,
            mtime: u32::try_from(inode.meta.mtime).map_or(self.time, |mtime| mtime.min(self.time)),
            number: self.numbering.numbers[id.index()],
            links: links(self.tree, id),
            xattrs: self.xattrs.number(&inode.meta.xattrs)?,
        })
    }
}

/// Directories have one from their parent, one from `.`, and one from each `..` in them.
fn links(tree: &Tree, id: InodeId) -> u32 {
    let inode = tree.inode(id);
    let InodeKind::Directory(children) = &inode.kind else {
        return inode.nlink;
    };
    let is_directory = |id: &&InodeId| matches!(tree.inode(**id).kind, InodeKind::Directory(_));
    let directories = children.values().filter(is_directory).count();
    u32::try_from(directories + 2).unwrap_or(u32::MAX)
}
