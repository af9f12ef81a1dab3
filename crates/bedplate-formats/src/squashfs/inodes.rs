//! Inodes (section 5): a basic and an extended form of each kind, of which the smallest that can hold
//! what is to be held is written.
//!
//! ```text
//! all:        0 kind (u16)   2 mode (u16)   4 owner (u16)   6 group (u16)   8 mtime (u32)   12 number (u32)
//! directory: 16 block (u32)  20 links (u32)  24 size + 3 (u16)  26 offset (u16)  28 parent (u32)
//!  extended: 16 links (u32)  20 size + 3 (u32)  24 block (u32)  28 parent (u32)  32 entries of index (u16)
//!            34 offset (u16) 36 attributes (u32)  40 index
//! file:      16 start (u32)  20 fragment (u32)  24 offset of tail (u32)  28 length (u32)  32 size of each block (u32)
//!  extended: 16 start (u64)  24 length (u64)  32 sparse (u64)  40 links (u32)  44 fragment (u32)
//!            48 offset of tail (u32)  52 attributes (u32)  56 size of each block (u32)
//! symlink:   16 links (u32)  20 length (u32)  24 target     extended: attributes (u32) behind it
//! device:    16 links (u32)  20 device (u32)                extended: 24 attributes (u32)
//! fifo:      16 links (u32)                                 extended: 20 attributes (u32)
//! ```

use bedplate_tree::InodeKind;

use super::NO_INDEX;
use super::data::FileData;
use super::directories::Listing;
use super::record::Record;

/// The kinds of basic inodes; an extended one has 7 more.
pub(super) mod kind {
    pub(in crate::squashfs) const DIRECTORY: u16 = 1;
    pub(in crate::squashfs) const FILE: u16 = 2;
    pub(in crate::squashfs) const SYMLINK: u16 = 3;
    pub(in crate::squashfs) const BLOCK: u16 = 4;
    pub(in crate::squashfs) const CHAR: u16 = 5;
    pub(in crate::squashfs) const FIFO: u16 = 6;
    pub(in crate::squashfs) const SOCKET: u16 = 7;
    pub(in crate::squashfs) const EXTENDED: u16 = 7;
}

/// The kind of the basic inode, which directories have for all inodes.
pub(super) fn basic_kind(inode: &InodeKind) -> u16 {
    match inode {
        InodeKind::Directory(_) => kind::DIRECTORY,
        InodeKind::File(_) => kind::FILE,
        InodeKind::Symlink(_) => kind::SYMLINK,
        InodeKind::BlockDevice { .. } => kind::BLOCK,
        InodeKind::CharDevice { .. } => kind::CHAR,
        InodeKind::Fifo => kind::FIFO,
    }
}

/// What inodes of all kinds have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common {
    pub(super) kind: u16,
    pub(super) mode: u32,
    /// Number of the owner in their table.
    pub(super) owner: u16,
    /// Number of the group in the same table.
    pub(super) group: u16,
    pub(super) mtime: u32,
    /// From 1.
    pub(super) number: u32,
    pub(super) links: u32,
    /// Number of the set of attributes, or [`NO_INDEX`].
    pub(super) xattrs: u32,
}

impl Common {
    fn begin(&self, extended: bool) -> Record {
        let more = if extended { kind::EXTENDED } else { 0 };
        let mode = u16::try_from(self.mode & 0o7777).expect("twelve bits fit into sixteen");
        Record::default()
            .u16(self.kind + more)
            .u16(mode)
            .u16(self.owner)
            .u16(self.group)
            .u32(self.mtime)
            .u32(self.number)
    }

    fn has_xattrs(&self) -> bool {
        self.xattrs != NO_INDEX
    }

    /// What only the extended forms of small inodes have, at their end.
    fn end(&self, record: Record) -> Record {
        if self.has_xattrs() {
            record.u32(self.xattrs)
        } else {
            record
        }
    }
}

/// A directory. Its parent is a number of an inode.
pub(super) fn directory(common: &Common, parent: u32, listing: &Listing) -> Record {
    let block = listing.block;
    let offset = listing.offset;
    let basic_size = u16::try_from(listing.size).ok();
    if let Some(size) = basic_size
        && listing.index.is_empty()
        && !common.has_xattrs()
    {
        let record = common.begin(false).u32(block).u32(common.links);
        return record.u16(size).u16(offset).u32(parent);
    }
    // An index of part of a directory is sound: the rest is searched from its last entry.
    let count = u16::try_from(listing.index.len()).unwrap_or(u16::MAX);
    let record = common
        .begin(true)
        .u32(common.links)
        .u32(listing.size)
        .u32(block)
        .u32(parent)
        .u16(count)
        .u16(offset)
        .u32(common.xattrs);
    let entries = listing.index.iter().take(count.into());
    entries.fold(record, |record, entry| record.bytes(entry.as_bytes()))
}

/// A regular file.
pub(super) fn file(common: &Common, data: &FileData) -> Record {
    let (fragment, offset) = data.tail.unwrap_or((NO_INDEX, 0));
    let start = data.start.unwrap_or(0);
    let plain = common.links == 1 && data.sparse == 0 && !common.has_xattrs();
    let record = match (u32::try_from(start), u32::try_from(data.len)) {
        (Ok(start), Ok(len)) if plain => {
            let record = common.begin(false).u32(start).u32(fragment);
            record.u32(offset).u32(len)
        }
        _ => common
            .begin(true)
            .u64(start)
            .u64(data.len)
            .u64(data.sparse)
            .u32(common.links)
            .u32(fragment)
            .u32(offset)
            .u32(common.xattrs),
    };
    data.blocks
        .iter()
        .fold(record, |record, &size| record.u32(size))
}

/// A symlink, a device or a fifo; directories and files are none of its business.
pub(super) fn other(common: &Common, inode: &InodeKind) -> Record {
    let record = common.begin(common.has_xattrs()).u32(common.links);
    let record = match inode {
        InodeKind::Symlink(target) => record
            .u32(u32::try_from(target.len()).expect("lengths of targets were checked"))
            .bytes(target),
        InodeKind::CharDevice { major, minor } | InodeKind::BlockDevice { major, minor } => {
            record.u32(minor & 0xff | major << 8 | (minor & !0xff) << 12)
        }
        InodeKind::Fifo | InodeKind::Directory(_) | InodeKind::File(_) => record,
    };
    common.end(record)
}
