//! Two trees side by side, and what differs between them.

use std::collections::{BTreeMap, BTreeSet};

use bedplate_types::TreePath;

use crate::content::Content;
use crate::inode::{Inode, InodeKind};
use crate::tree::{InodeId, Tree};

/// One name, with what stands there in each of two trees: in at least one of them something does.
#[derive(Debug, Clone)]
pub struct Pair<'a> {
    /// The name, in full.
    pub path: TreePath,
    /// What stands there in the old tree.
    pub old: Option<&'a Inode>,
    /// What stands there in the new tree.
    pub new: Option<&'a Inode>,
}

/// Something of an inode that can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// File, directory, symlink, …
    Kind,
    /// Permissions.
    Mode,
    /// User or group.
    Owner,
    /// Length of a file.
    Size,
    /// The bytes of a file, where their number is the same.
    Content,
    /// Target of a symlink.
    Target,
    /// Numbers of a device.
    Device,
    /// Extended attributes.
    Xattrs,
}

/// All names of two trees, a directory before its entries, entries in bytewise order.
pub fn side_by_side<'a>(old: &'a Tree, new: &'a Tree) -> impl Iterator<Item = Pair<'a>> {
    let root = Some(InodeId::ROOT);
    let mut pending = vec![(TreePath::root(), root, root)];
    std::iter::from_fn(move || {
        let (path, of_old, of_new) = pending.pop()?;
        let (below_old, below_new) = (children(old, of_old), children(new, of_new));
        let names: BTreeSet<&[u8]> = [below_old, below_new]
            .into_iter()
            .flatten()
            .flat_map(|children| children.keys().map(|name| &**name))
            .collect();
        let child = |children: Option<&Children>, name: &[u8]| children?.get(name).copied();
        pending.extend(names.into_iter().rev().map(|name| {
            let ids = (child(below_old, name), child(below_new, name));
            (path.child(name), ids.0, ids.1)
        }));
        Some(Pair {
            path,
            old: of_old.map(|id| old.inode(id)),
            new: of_new.map(|id| new.inode(id)),
        })
    })
}

type Children = BTreeMap<Box<[u8]>, InodeId>;

fn children(tree: &Tree, id: Option<InodeId>) -> Option<&Children> {
    match &tree.inode(id?).kind {
        InodeKind::Directory(children) => Some(children),
        _ => None,
    }
}

impl<'a> Pair<'a> {
    /// The contents whose bytes alone can tell whether the file changed: those of two files that are
    /// equally long.
    pub fn undecided(&self) -> Option<(&'a Content, &'a Content)> {
        match (&self.old?.kind, &self.new?.kind) {
            (InodeKind::File(old), InodeKind::File(new)) if old.len() == new.len() => {
                (!old.is_empty()).then_some((old, new))
            }
            _ => None,
        }
    }

    /// What changed, apart from times and from contents that are [`undecided`](Self::undecided); empty if
    /// the name is in one of the trees only.
    pub fn aspects(&self) -> BTreeSet<Aspect> {
        let (Some(old), Some(new)) = (self.old, self.new) else {
            return BTreeSet::new();
        };
        let (a, b) = (&old.meta, &new.meta);
        let of_meta = [
            (a.mode != b.mode, Aspect::Mode),
            ((a.uid, a.gid) != (b.uid, b.gid), Aspect::Owner),
            (a.xattrs != b.xattrs, Aspect::Xattrs),
        ];
        let of_meta = of_meta
            .into_iter()
            .filter_map(|(differs, aspect)| differs.then_some(aspect));
        of_meta.chain(of_kind(&old.kind, &new.kind)).collect()
    }
}

fn of_kind(old: &InodeKind, new: &InodeKind) -> Option<Aspect> {
    match (old, new) {
        (InodeKind::Directory(_), InodeKind::Directory(_)) => None,
        (InodeKind::File(old), InodeKind::File(new)) => {
            (old.len() != new.len()).then_some(Aspect::Size)
        }
        (InodeKind::Symlink(old), InodeKind::Symlink(new)) => {
            (old != new).then_some(Aspect::Target)
        }
        (old, new) if std::mem::discriminant(old) != std::mem::discriminant(new) => {
            Some(Aspect::Kind)
        }
        (old, new) => (old != new).then_some(Aspect::Device),
    }
}
