//! Writing: a tree in walking order, the root first as `./`.

use std::collections::HashMap;
use std::io::{self, Write};

use bedplate_tree::{InodeId, InodeKind, Tree, Visit, Xattrs};
use bedplate_types::{Epoch, TreePath};

use super::BLOCK;
use super::error::WriteError;
use super::header::Header;
use super::pax::{push_record, push_xattr};
use crate::content::{ReadContent, copy_exactly};

/// Writes a tree as an uncompressed tar and gives `out` back.
///
/// The same tree and contents give the same bytes. Times are those of the tree, at most `epoch`;
/// owners are numbers without names; a second name of an inode is a hard link to its first; extended
/// attributes are `SCHILY.xattr` records, as GNU tar, Go and libarchive read them.
pub fn write<W: Write>(
    tree: &Tree,
    contents: &dyn ReadContent,
    epoch: Epoch,
    out: W,
) -> Result<W, WriteError> {
    let mut writer = Writer {
        out,
        epoch,
        first_names: HashMap::new(),
    };
    for visit in tree.walk() {
        writer.append(&visit, contents)?;
    }
    let end = writer
        .out
        .write_all(&[0; 2 * BLOCK as usize])
        .and_then(|()| writer.out.flush());
    end.map_err(|source| WriteError::Io {
        path: TreePath::root(),
        source,
    })?;
    Ok(writer.out)
}

struct Writer<W> {
    out: W,
    epoch: Epoch,
    first_names: HashMap<InodeId, TreePath>,
}

impl<W: Write> Writer<W> {
    fn append(&mut self, visit: &Visit<'_>, contents: &dyn ReadContent) -> Result<(), WriteError> {
        let (header, records) = self.header(visit)?;
        let io = |source| WriteError::Io {
            path: visit.path.clone(),
            source,
        };
        if !records.is_empty() {
            self.extension(visit, &records).map_err(io)?;
        }
        self.out.write_all(&header.sealed()).map_err(io)?;
        if let (true, InodeKind::File(content)) = (visit.first, &visit.inode.kind) {
            copy_exactly(contents, content, &mut self.out)
                .and_then(|()| self.pad(content.len()))
                .map_err(io)?;
        }
        Ok(())
    }

    /// The header of one name, and the pax records for what does not fit into it.
    fn header(&mut self, visit: &Visit<'_>) -> Result<(Header, Vec<u8>), WriteError> {
        let unrepresentable = |what| WriteError::Unrepresentable {
            path: visit.path.clone(),
            what,
        };
        let meta = &visit.inode.meta;
        let (kind, link) = self.kind(visit);
        let mut header = Header::new(kind);
        let mut records = Vec::new();
        let name = member_name(visit);
        let fits = [header.set_name(&name), header.set_link(&link)];
        if fits.contains(&false)
            && (std::str::from_utf8(&name).is_err() || std::str::from_utf8(&link).is_err())
        {
            push_record(&mut records, b"hdrcharset", b"BINARY");
        }
        let mut or_record = |fits: bool, key: &[u8], value: &[u8]| {
            if !fits {
                push_record(&mut records, key, value);
            }
        };
        let mtime = meta.mtime.min(self.epoch.0);
        header.set_mode(meta.mode);
        or_record(fits[0], b"path", &name);
        or_record(fits[1], b"linkpath", &link);
        or_record(
            header.set_uid(meta.uid),
            b"uid",
            meta.uid.to_string().as_bytes(),
        );
        or_record(
            header.set_gid(meta.gid),
            b"gid",
            meta.gid.to_string().as_bytes(),
        );
        or_record(
            header.set_mtime(mtime),
            b"mtime",
            mtime.to_string().as_bytes(),
        );
        let size = content_len(visit);
        or_record(header.set_size(size), b"size", size.to_string().as_bytes());
        let (major, minor) = device(&visit.inode.kind);
        if !header.set_device(major, minor) {
            return Err(unrepresentable(
                "its device numbers are larger than Linux has them",
            ));
        }
        if link.contains(&0) {
            return Err(unrepresentable(
                "the target of the symlink holds a NUL byte",
            ));
        }
        if visit.first && !push_xattrs(&mut records, &meta.xattrs) {
            return Err(unrepresentable(
                "the name of an extended attribute is empty or holds a `=`",
            ));
        }
        Ok((header, records))
    }

    /// The type flag, and the link target or nothing.
    fn kind(&mut self, visit: &Visit<'_>) -> (u8, Vec<u8>) {
        if !visit.first {
            let first = self
                .first_names
                .get(&visit.id)
                .map(|path| path.as_bytes().to_vec());
            return (
                b'1',
                first.expect("the walk meets the first name of an inode first"),
            );
        }
        if visit.inode.nlink > 1 {
            self.first_names.insert(visit.id, visit.path.clone());
        }
        match &visit.inode.kind {
            InodeKind::File(_) => (b'0', Vec::new()),
            InodeKind::Symlink(target) => (b'2', target.to_vec()),
            InodeKind::CharDevice { .. } => (b'3', Vec::new()),
            InodeKind::BlockDevice { .. } => (b'4', Vec::new()),
            InodeKind::Directory(_) => (b'5', Vec::new()),
            InodeKind::Fifo => (b'6', Vec::new()),
        }
    }

    fn extension(&mut self, visit: &Visit<'_>, records: &[u8]) -> io::Result<()> {
        let mut header = Header::new(b'x');
        // Only for people who look: what counts is in the records. A name that is too long is cut.
        let name = [b"PaxHeaders/", visit.path.name().unwrap_or(b".")].concat();
        header.set_name(&name);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(records.len() as u64);
        self.out.write_all(&header.sealed())?;
        self.out.write_all(records)?;
        self.pad(records.len() as u64)
    }

    fn pad(&mut self, len: u64) -> io::Result<()> {
        let padding = (len.wrapping_neg() % BLOCK) as usize;
        self.out.write_all(&[0; BLOCK as usize][..padding])
    }
}

/// The name as tars have it: directories end in a slash, the root is `./`.
fn member_name(visit: &Visit<'_>) -> Vec<u8> {
    let mut name = visit.path.as_bytes().to_vec();
    if visit.path.is_root() {
        name.push(b'.');
    }
    if matches!(visit.inode.kind, InodeKind::Directory(_)) {
        name.push(b'/');
    }
    name
}

fn content_len(visit: &Visit<'_>) -> u64 {
    match &visit.inode.kind {
        InodeKind::File(content) if visit.first => content.len(),
        _ => 0,
    }
}

fn device(kind: &InodeKind) -> (u32, u32) {
    match *kind {
        InodeKind::CharDevice { major, minor } | InodeKind::BlockDevice { major, minor } => {
            (major, minor)
        }
        _ => (0, 0),
    }
}

fn push_xattrs(records: &mut Vec<u8>, xattrs: &Xattrs) -> bool {
    xattrs
        .iter()
        .all(|(name, value)| push_xattr(records, name, value))
}
