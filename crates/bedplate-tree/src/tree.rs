//! The finished file system.

use std::collections::HashMap;

use bedplate_types::TreePath;

use crate::inode::{Entry, EntryKind, Inode, InodeKind, OriginId};

/// Names an inode in one tree. In a frozen tree the ids are dense and in walking order; the root is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(pub(crate) u32);

impl InodeId {
    /// The root directory.
    pub const ROOT: Self = Self(0);

    /// Position in walking order, from 0.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A checked, ordered, immutable file system. Made by [`TreeBuilder::freeze`](crate::TreeBuilder::freeze).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    pub(crate) inodes: Vec<Inode>,
    pub(crate) origins: Vec<String>,
}

/// One name met while walking a [`Tree`].
#[derive(Debug, Clone)]
pub struct Visit<'a> {
    /// The name, in full.
    pub path: TreePath,
    /// The inode's id.
    pub id: InodeId,
    /// The inode.
    pub inode: &'a Inode,
    /// Is this the first name of the inode in walking order? Later ones are its hard links.
    pub first: bool,
}

impl Tree {
    /// The inode with this id.
    pub fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.index()]
    }

    /// All inodes, in walking order; the first is the root.
    pub fn inodes(&self) -> &[Inode] {
        &self.inodes
    }

    /// What the origin is called.
    pub fn origin(&self, id: OriginId) -> &str {
        &self.origins[id.0 as usize]
    }

    /// What stands at exactly `path`, symlinks not followed.
    pub fn get(&self, path: &TreePath) -> Option<&Inode> {
        let mut inode = &self.inodes[0];
        for name in path.components() {
            let InodeKind::Directory(children) = &inode.kind else {
                return None;
            };
            inode = self.inode(*children.get(name)?);
        }
        Some(inode)
    }

    /// Every name, a directory before its entries, entries in bytewise order. The root comes first.
    pub fn walk(&self) -> impl Iterator<Item = Visit<'_>> {
        let mut seen = vec![false; self.inodes.len()];
        let mut pending = vec![(TreePath::root(), InodeId::ROOT)];
        std::iter::from_fn(move || {
            let (path, id) = pending.pop()?;
            let inode = self.inode(id);
            if let InodeKind::Directory(children) = &inode.kind {
                pending.extend(
                    children
                        .iter()
                        .rev()
                        .map(|(name, &child)| (path.child(name), child)),
                );
            }
            let first = !std::mem::replace(&mut seen[id.index()], true);
            Some(Visit {
                path,
                id,
                inode,
                first,
            })
        })
    }

    /// The tree as entries that would make it again: in walking order, later names as hard links.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let mut names: HashMap<InodeId, TreePath> = HashMap::new();
        self.walk().map(
            move |Visit {
                      path,
                      id,
                      inode,
                      first,
                  }| {
                if first && inode.nlink > 1 {
                    names.insert(id, path.clone());
                }
                let kind = match &inode.kind {
                    _ if !first => EntryKind::HardLink(names[&id].clone()),
                    InodeKind::Directory(_) => EntryKind::Directory,
                    InodeKind::File(content) => EntryKind::File(content.clone()),
                    InodeKind::Symlink(target) => EntryKind::Symlink(target.clone()),
                    &InodeKind::CharDevice { major, minor } => {
                        EntryKind::CharDevice { major, minor }
                    }
                    &InodeKind::BlockDevice { major, minor } => {
                        EntryKind::BlockDevice { major, minor }
                    }
                    InodeKind::Fifo => EntryKind::Fifo,
                };
                Entry {
                    path,
                    meta: inode.meta.clone(),
                    kind,
                }
            },
        )
    }

    /// Sum of the lengths of all files, each inode once, in bytes.
    pub fn content_len(&self) -> u64 {
        let len = |inode: &Inode| match &inode.kind {
            InodeKind::File(content) => content.len(),
            _ => 0,
        };
        self.inodes.iter().map(len).sum()
    }
}
