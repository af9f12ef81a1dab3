//! Files of all kinds that differ.

use std::collections::BTreeMap;

use bedplate_tree::{Aspect, Inode, InodeKind, Pair, side_by_side};
use serde::Serialize;

use super::contents::Digests;
use crate::built::{Built, ImageError};

/// A path at which the hosts differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// The path; bytes that are no UTF-8 are replaced.
    pub path: String,
    /// What changed, where there is something in both hosts: `kind`, `mode`, `owner`, `size`, `content` (of the
    /// same size), `target`, `device`, `xattrs`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<&'static str>,
    /// What the old host has there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<State>,
    /// What the new host has there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<State>,
}

/// What a host has at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// `file`, `directory`, `symlink`, `character device`, `block device` or `named pipe`.
    pub kind: &'static str,
    /// Permissions, as four octal digits.
    pub mode: String,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes, of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Target, of a symlink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `MAJOR:MINOR`, of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Extended attributes; bytes that are not printable ASCII are escaped.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub xattrs: BTreeMap<String, String>,
}

pub(super) fn compare(old: &Built, new: &Built) -> Result<Vec<FileChange>, ImageError> {
    let pairs: Vec<Pair<'_>> = side_by_side(&old.tree, &new.tree).collect();
    let digests = Digests::of(&pairs, old, new)?;
    let mut changes: Vec<FileChange> = pairs
        .iter()
        .filter_map(|pair| change(pair, &digests))
        .collect();
    changes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(changes)
}

fn change(pair: &Pair<'_>, digests: &Digests) -> Option<FileChange> {
    let mut aspects = pair.aspects();
    if let Some((old, new)) = pair.undecided()
        && !digests.same(old, new)
    {
        aspects.insert(Aspect::Content);
    }
    if pair.old.is_some() && pair.new.is_some() && aspects.is_empty() {
        return None;
    }
    Some(FileChange {
        path: pair.path.to_string(),
        changed: aspects.into_iter().map(word).collect(),
        old: pair.old.map(State::of),
        new: pair.new.map(State::of),
    })
}

fn word(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Kind => "kind",
        Aspect::Mode => "mode",
        Aspect::Owner => "owner",
        Aspect::Size => "size",
        Aspect::Content => "content",
        Aspect::Target => "target",
        Aspect::Device => "device",
        Aspect::Xattrs => "xattrs",
    }
}

impl State {
    fn of(inode: &Inode) -> Self {
        let meta = &inode.meta;
        let (mut size, mut target, mut device) = (None, None, None);
        let mut kind = inode.kind.noun();
        match &inode.kind {
            InodeKind::File(content) => size = Some(content.len()),
            InodeKind::Symlink(to) => target = Some(String::from_utf8_lossy(to).into_owned()),
            InodeKind::CharDevice { major, minor } => {
                kind = "character device";
                device = Some(format!("{major}:{minor}"));
            }
            InodeKind::BlockDevice { major, minor } => {
                kind = "block device";
                device = Some(format!("{major}:{minor}"));
            }
            InodeKind::Directory(_) | InodeKind::Fifo => {}
        }
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        Self {
            kind,
            mode: format!("{:04o}", meta.mode),
            uid: meta.uid,
            gid: meta.gid,
            size,
            target,
            device,
            xattrs: meta
                .xattrs
                .iter()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
        }
    }
}
