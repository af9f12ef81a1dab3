//! Writing: names of a tree, one after another.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use bedplate_tree::{Content, InodeId, InodeKind, Tree, Visit};
use bedplate_types::TreePath;

use super::error::WriteError;
use super::{ARCHIVE_BLOCK, HEADER_LEN, TRAILER, kind, padding};
use crate::content::{ReadContent, copy_exactly};

/// Writes one archive. The same names in the same order give the same bytes.
///
/// Extended attributes are not written: [`unrepresentable`] names them.
pub struct Writer<W> {
    out: W,
    written: u64,
    next_inode: u32,
    linked: HashMap<InodeId, Linked>,
}

/// An inode with several names, of which some were written.
struct Linked {
    inode: u32,
    first: TreePath,
    nlink: u32,
    written: u32,
}

/// The numbers of a header that differ from entry to entry.
#[derive(Default)]
struct Fields {
    inode: u32,
    mode: u32,
    uid: u32,
    gid: u32,
    nlink: u32,
    mtime: u32,
    size: u32,
    rdev: (u32, u32),
}

impl<W: Write> Writer<W> {
    /// Begins an archive.
    pub fn new(out: W) -> Self {
        Self {
            out,
            written: 0,
            next_inode: 1,
            linked: HashMap::new(),
        }
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes one name. Parents must come before what lies in them, as [`Tree::walk`] gives them; all
    /// names of an inode must go into the same archive.
    pub fn append(
        &mut self,
        visit: &Visit<'_>,
        contents: &dyn ReadContent,
    ) -> Result<(), WriteError> {
        let path = &visit.path;
        let meta = &visit.inode.meta;
        let too_late = |_| WriteError::TooLate {
            path: path.clone(),
            mtime: meta.mtime,
        };
        let mtime = u32::try_from(meta.mtime).map_err(too_late)?;
        let (inode, first) = self.number(visit);
        let body = body(visit, first)?;
        let fields = Fields {
            inode,
            mode: type_bits(&visit.inode.kind) | meta.mode & 0o7777,
            uid: meta.uid,
            gid: meta.gid,
            nlink: visit.inode.nlink,
            mtime,
            size: body.len(path)?,
            rdev: device(&visit.inode.kind),
        };
        let name = member_name(path);
        let io = |source| WriteError::Io {
            path: path.clone(),
            source,
        };
        self.header(&fields, &name).map_err(io)?;
        match body {
            Body::None => return Ok(()),
            Body::Bytes(bytes) => self.out.write_all(bytes).map_err(io)?,
            Body::File(content) => copy_exactly(contents, content, &mut self.out).map_err(io)?,
        }
        self.written += u64::from(fields.size);
        self.pad(padding(fields.size.into())).map_err(io)
    }

    /// Ends the archive and gives `out` back.
    pub fn finish(mut self) -> Result<W, WriteError> {
        let mut split: Vec<Linked> = self
            .linked
            .drain()
            .map(|(_, linked)| linked)
            .filter(|linked| linked.written != linked.nlink)
            .collect();
        split.sort_by_key(|linked| linked.inode);
        if let Some(Linked {
            first: path,
            nlink,
            written,
            ..
        }) = split.into_iter().next()
        {
            return Err(WriteError::SplitHardLink {
                path,
                nlink,
                written,
            });
        }
        let end = self.header(
            &Fields {
                nlink: 1,
                ..Default::default()
            },
            TRAILER,
        );
        let rest = (self.written.wrapping_neg() % ARCHIVE_BLOCK) as usize;
        let end = end
            .and_then(|()| self.pad(rest))
            .and_then(|()| self.out.flush());
        end.map_err(|source| WriteError::Io {
            path: TreePath::root(),
            source,
        })?;
        Ok(self.out)
    }

    /// The inode number of a name, and whether it is the first name of its inode here.
    fn number(&mut self, visit: &Visit<'_>) -> (u32, bool) {
        let fresh = self.next_inode;
        if visit.inode.nlink < 2 {
            self.next_inode += 1;
            return (fresh, true);
        }
        let first = || Linked {
            inode: fresh,
            first: visit.path.clone(),
            nlink: visit.inode.nlink,
            written: 0,
        };
        let linked = self.linked.entry(visit.id).or_insert_with(first);
        linked.written += 1;
        self.next_inode += u32::from(linked.written == 1);
        (linked.inode, linked.written == 1)
    }

    fn header(&mut self, fields: &Fields, name: &[u8]) -> io::Result<()> {
        let Fields {
            inode,
            mode,
            uid,
            gid,
            nlink,
            mtime,
            size,
            rdev: (major, minor),
        } = *fields;
        let name_len = u32::try_from(name.len() + 1).expect("paths have less than 4096 bytes");
        let numbers = [
            inode, mode, uid, gid, nlink, mtime, size, 0, 0, major, minor, name_len, 0,
        ];
        let mut header = Vec::with_capacity(HEADER_LEN + name.len() + 4);
        header.extend_from_slice(b"070701");
        for number in numbers {
            write!(header, "{number:08x}")?;
        }
        header.extend_from_slice(name);
        header.push(0);
        header.resize(header.len() + padding(header.len() as u64), 0);
        self.written += header.len() as u64;
        self.out.write_all(&header)
    }

    fn pad(&mut self, count: usize) -> io::Result<()> {
        self.written += count as u64;
        self.out.write_all(&[0; ARCHIVE_BLOCK as usize][..count])
    }
}

/// The name as archives have it, the root being `.`. A file that is called like the end of an archive
/// must not be taken for it: nothing after it would be unpacked.
fn member_name(path: &TreePath) -> Cow<'_, [u8]> {
    match path.as_bytes() {
        b"" => Cow::Borrowed(b"."),
        TRAILER => Cow::Owned([b"./", TRAILER].concat()),
        name => Cow::Borrowed(name),
    }
}

/// What stands behind a header.
enum Body<'a> {
    None,
    Bytes(&'a [u8]),
    File(&'a Content),
}

impl Body<'_> {
    fn len(&self, path: &TreePath) -> Result<u32, WriteError> {
        let len = match self {
            Self::None => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(content) => content.len(),
        };
        u32::try_from(len).map_err(|_| WriteError::TooLarge {
            path: path.clone(),
            len,
        })
    }
}

/// Contents stand with the first name. Each name of a symlink has the target: the kernel makes
/// symlinks anew instead of linking them.
fn body<'a>(visit: &Visit<'a>, first: bool) -> Result<Body<'a>, WriteError> {
    match &visit.inode.kind {
        InodeKind::File(content) if first => Ok(Body::File(content)),
        InodeKind::Symlink(target) if (1..4096).contains(&target.len()) => Ok(Body::Bytes(target)),
        InodeKind::Symlink(_) => Err(WriteError::SymlinkTarget {
            path: visit.path.clone(),
        }),
        _ => Ok(Body::None),
    }
}

fn type_bits(inode: &InodeKind) -> u32 {
    match inode {
        InodeKind::Directory(_) => kind::DIRECTORY,
        InodeKind::File(_) => kind::FILE,
        InodeKind::Symlink(_) => kind::SYMLINK,
        InodeKind::CharDevice { .. } => kind::CHAR,
        InodeKind::BlockDevice { .. } => kind::BLOCK,
        InodeKind::Fifo => kind::FIFO,
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

/// Writes a whole tree as one archive and gives `out` back.
pub fn write<W: Write>(tree: &Tree, contents: &dyn ReadContent, out: W) -> Result<W, WriteError> {
    let mut writer = Writer::new(out);
    for visit in tree.walk() {
        writer.append(&visit, contents)?;
    }
    writer.finish()
}

/// Something that a tree has and a cpio archive cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loss {
    /// Extended attributes, file capabilities among them. [`Writer::append`] leaves them out.
    Xattrs,
    /// A file of so many bytes, 4 GiB or more. [`Writer::append`] refuses it.
    Size(u64),
    /// A time after the year 2106, in seconds since 1970. [`Writer::append`] refuses it.
    Time(u64),
}

/// All that writing `tree` as cpio would lose or refuse, by first name, in walking order.
pub fn unrepresentable(tree: &Tree) -> Vec<(TreePath, Loss)> {
    let mut losses = Vec::new();
    for visit in tree.walk().filter(|visit| visit.first) {
        let meta = &visit.inode.meta;
        if !meta.xattrs.is_empty() {
            losses.push((visit.path.clone(), Loss::Xattrs));
        }
        if let InodeKind::File(content) = &visit.inode.kind
            && content.len() > u32::MAX.into()
        {
            losses.push((visit.path.clone(), Loss::Size(content.len())));
        }
        if meta.mtime > u32::MAX.into() {
            losses.push((visit.path, Loss::Time(meta.mtime)));
        }
    }
    losses
}
