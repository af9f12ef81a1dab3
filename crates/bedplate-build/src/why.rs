//! Who put a path into a host.

use bedplate_tree::{InodeKind, Tree};
use bedplate_types::TreePath;
use serde::Serialize;

/// Why a path is as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The path.
    pub path: TreePath,
    /// What stands there: `file`, `directory`, `symlink`, …
    pub kind: &'static str,
    /// Permissions, as four octal digits.
    pub mode: String,
    /// Owner and group.
    pub owner: (u32, u32),
    /// Length in bytes, of a file.
    pub len: Option<u64>,
    /// Target, of a symlink.
    pub target: Option<String>,
    /// Who put it there.
    pub origin: String,
    /// Who had put something there before, the latest first.
    pub over: Vec<String>,
}

/// Explains `path`, symlinks not followed; `None` if the host has no such path.
pub fn why(tree: &Tree, path: &TreePath) -> Option<Explanation> {
    let inode = tree.get(path)?;
    Some(Explanation {
        path: path.clone(),
        kind: inode.kind.noun(),
        mode: format!("{:04o}", inode.meta.mode),
        owner: (inode.meta.uid, inode.meta.gid),
        len: match &inode.kind {
            InodeKind::File(content) => Some(content.len()),
            _ => None,
        },
        target: match &inode.kind {
            InodeKind::Symlink(target) => Some(String::from_utf8_lossy(target).into_owned()),
            _ => None,
        },
        origin: tree.origin(inode.origin).to_owned(),
        over: inode
            .shadowed
            .iter()
            .rev()
            .map(|&id| tree.origin(id).to_owned())
            .collect(),
    })
}
