//! A member of an archive, and members as entries of a tree.

use std::collections::HashMap;

use bedplate_tree::{Content, Entry, EntryKind, Meta, Xattrs};
use bedplate_types::TreePath;

use super::error::CpioError;
use super::kind;

/// One member with its contents, all as the archive has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Name, without the NUL.
    pub name: Vec<u8>,
    /// Inode number: members of one archive with the same one, and more than one link, are one file.
    pub inode: u32,
    /// Type and permissions.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Number of names.
    pub nlink: u32,
    /// Modification time, in seconds since 1970.
    pub mtime: u32,
    /// Major and minor number of the device that it lay on.
    pub device: (u32, u32),
    /// Major and minor number of the device that it is.
    pub rdev: (u32, u32),
    /// Contents, or the target of a symlink, which is always inline.
    pub data: Content,
}

/// The members of one archive as entries, with hard links found by their inode numbers.
///
/// Whichever of its names carries the contents of a file, its first name becomes the file.
pub fn entries(members: Vec<Member>) -> Result<Vec<Entry>, CpioError> {
    let mut entries: Vec<Entry> = Vec::with_capacity(members.len());
    let mut first_names: HashMap<(u32, (u32, u32)), usize> = HashMap::new();
    for member in members {
        let mut entry = entry(&member)?;
        let linkable = !matches!(member.mode & kind::MASK, kind::DIRECTORY | kind::SYMLINK);
        if member.nlink > 1 && linkable {
            let key = (member.inode, member.device);
            let first = *first_names.entry(key).or_insert(entries.len());
            if let Some(known) = entries.get_mut(first) {
                if !member.data.is_empty() {
                    known.kind = entry.kind;
                }
                entry.kind = EntryKind::HardLink(known.path.clone());
            }
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(member: &Member) -> Result<Entry, CpioError> {
    let name = || String::from_utf8_lossy(&member.name).into_owned();
    let path = TreePath::parse(&member.name).map_err(|source| CpioError::Name {
        entry: name(),
        source,
    })?;
    let (major, minor) = member.rdev;
    let kind = match member.mode & kind::MASK {
        kind::FILE => EntryKind::File(member.data.clone()),
        kind::DIRECTORY => EntryKind::Directory,
        kind::SYMLINK => match &member.data {
            Content::Inline(target) => EntryKind::Symlink(target[..].into()),
            Content::Stored { .. } => unreachable!("readers hold targets of symlinks in memory"),
        },
        kind::CHAR => EntryKind::CharDevice { major, minor },
        kind::BLOCK => EntryKind::BlockDevice { major, minor },
        kind::FIFO => EntryKind::Fifo,
        kind => {
            return Err(CpioError::UnknownType {
                entry: name(),
                kind,
            });
        }
    };
    let meta = Meta {
        mode: member.mode & 0o7777,
        uid: member.uid,
        gid: member.gid,
        mtime: member.mtime.into(),
        xattrs: Xattrs::new(),
    };
    Ok(Entry { path, meta, kind })
}
