//! What goes into a tree, and what stands in it.

use std::collections::BTreeMap;

use bedplate_types::TreePath;

use crate::{Content, InodeId};

/// Extended attributes by full name (`security.capability`), values as the kernel holds them.
pub type Xattrs = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// Owner, permissions, time and extended attributes of an inode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits with setuid, setgid and sticky: `0o7777` at most.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time in seconds since 1970; freezing clamps it to the epoch.
    pub mtime: u64,
    /// Extended attributes.
    pub xattrs: Xattrs,
}

impl Meta {
    /// Owned by root, with `mode`, as old as can be, no extended attributes.
    pub fn with_mode(mode: u32) -> Self {
        Self {
            mode: mode & 0o7777,
            uid: 0,
            gid: 0,
            mtime: 0,
            xattrs: Xattrs::new(),
        }
    }
}

/// One member of an archive, package or directory on its way into a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it goes.
    pub path: TreePath,
    /// Its metadata; ignored for hard links, which share their target's.
    pub meta: Meta,
    /// What it is.
    pub kind: EntryKind,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link with its target, which may be any bytes.
    Symlink(Box<[u8]>),
    /// One more name for what already stands at the path.
    HardLink(TreePath),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

/// Names an origin (an image, a layer, a `files:` entry) in a tree's table of origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginId(pub(crate) u32);

/// What stands in a tree under one or more names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inode {
    /// Its metadata.
    pub meta: Meta,
    /// What it is.
    pub kind: InodeKind,
    /// Who put it here.
    pub origin: OriginId,
    /// Who had put something here before, oldest first; for a directory, who else has it.
    pub shadowed: Vec<OriginId>,
    /// How many names it has in a frozen tree; 1 for directories.
    pub nlink: u32,
}

/// What an [`Inode`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InodeKind {
    /// A directory: its entries in bytewise order of name.
    Directory(BTreeMap<Box<[u8]>, InodeId>),
    /// A regular file.
    File(Content),
    /// A symbolic link.
    Symlink(Box<[u8]>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
}

impl InodeKind {
    /// The word for it in messages.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Directory(_) => "directory",
            Self::File(_) => "file",
            Self::Symlink(_) => "symlink",
            Self::CharDevice { .. } | Self::BlockDevice { .. } => "device",
            Self::Fifo => "named pipe",
        }
    }
}
