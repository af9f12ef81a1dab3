//! What the format has no place for is refused before anything is written.

use bedplate_tree::{Inode, InodeKind, Tree};

use super::error::WriteError;
use super::xattrs;

/// As many bytes as Linux allows the value of an attribute to have.
const MAX_VALUE: usize = 65_536;
/// As many bytes as Linux allows the name of an attribute to have.
const MAX_NAME: usize = 255;
/// The target of a symlink is shorter: a page, with its NUL.
const MAX_TARGET: usize = 4096;

/// Can all of the tree be written?
pub(super) fn check(tree: &Tree) -> Result<(), WriteError> {
    for visit in tree.walk().filter(|visit| visit.first) {
        let path = &visit.path;
        if let Some(name) = foreign_attribute(visit.inode) {
            return Err(WriteError::Xattr {
                path: path.clone(),
                name,
            });
        }
        if let Some(what) = fault(visit.inode) {
            return Err(WriteError::Unrepresentable {
                path: path.clone(),
                what,
            });
        }
    }
    Ok(())
}

fn foreign_attribute(inode: &Inode) -> Option<String> {
    let mut names = inode.meta.xattrs.keys();
    let foreign = names.find(|name| xattrs::split(name).is_none())?;
    Some(String::from_utf8_lossy(foreign).into_owned())
}

fn fault(inode: &Inode) -> Option<&'static str> {
    let meta = &inode.meta;
    let mut xattrs = meta.xattrs.iter();
    if xattrs.any(|(name, value)| name.len() > MAX_NAME || value.len() > MAX_VALUE) {
        return Some("an extended attribute of it is longer than Linux has them");
    }
    if meta.xattrs.keys().any(|name| name.contains(&0)) {
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
