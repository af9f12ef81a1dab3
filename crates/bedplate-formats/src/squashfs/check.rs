//! What a SquashFS has no place for.

use bedplate_tree::{Inode, InodeKind, Tree};
use bedplate_types::TreePath;

use super::error::WriteError;
use super::xattrs;

/// As many bytes as Linux allows the value of an attribute to have.
const MAX_VALUE: usize = 65_536;
/// As many bytes as Linux allows the name of an attribute to have.
const MAX_NAME: usize = 255;
/// The target of a symlink is shorter: a page, with its NUL.
const MAX_TARGET: usize = 4096;

/// Something that a tree has and a SquashFS image cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// The extended attribute of this name, which is not one of `user.`, `trusted.` and `security.`:
    /// access control lists are `system.`. [`write`](super::write()) leaves it out.
    Xattr(Box<[u8]>),
    /// All else, in words that go on after the name of the file. [`write`](super::write()) refuses it.
    Refused(&'static str),
}

/// All that writing `tree` would lose or refuse, by first name, in walking order.
pub fn unrepresentable(tree: &Tree) -> Vec<(TreePath, Loss)> {
    let mut losses = Vec::new();
    for visit in tree.walk().filter(|visit| visit.first) {
        let foreign = visit.inode.meta.xattrs.keys();
        let foreign = foreign.filter(|name| xattrs::split(name).is_none());
        losses.extend(foreign.map(|name| (visit.path.clone(), Loss::Xattr(name.clone()))));
        if let Some(what) = fault(visit.inode) {
            losses.push((visit.path, Loss::Refused(what)));
        }
    }
    losses
}

/// Can the tree be written, but for attributes?
pub(super) fn check(tree: &Tree) -> Result<(), WriteError> {
    let refused = unrepresentable(tree)
        .into_iter()
        .find_map(|loss| match loss {
            (path, Loss::Refused(what)) => Some(WriteError::Unrepresentable { path, what }),
            (_, Loss::Xattr(_)) => None,
        });
    refused.map_or(Ok(()), Err)
}

fn fault(inode: &Inode) -> Option<&'static str> {
    let mut xattrs = inode.meta.xattrs.iter();
    if xattrs.any(|(name, value)| name.len() > MAX_NAME || value.len() > MAX_VALUE) {
        return Some("an extended attribute of it is longer than Linux has them");
    }
    if inode.meta.xattrs.keys().any(|name| name.contains(&0)) {
        return Some("the name of an extended attribute of it holds a NUL byte");
    }
    match &inode.kind {
        InodeKind::Symlink(target)
            if !(1..MAX_TARGET).contains(&target.len()) || target.contains(&0) =>
        {
            Some("the target of the symlink is empty, holds a NUL byte or is too long for Linux")
        }
        InodeKind::CharDevice { major, minor } | InodeKind::BlockDevice { major, minor }
            if *major >= 1 << 12 || *minor >= 1 << 20 =>
        {
            Some("its device numbers are larger than Linux has them")
        }
        _ => None,
    }
}
