//! What goes on a volume: the directories and files of a tree, checked and named.

use bedplate_tree::{Content, InodeId, InodeKind, Tree};
use bedplate_types::TreePath;

use super::error::IsoError;
use super::name::{Of, written};
use super::record::{directory_len, record_len};

/// Levels of directories, the root's among them (ECMA-119, 6.8.2.1).
const LEVELS: usize = 8;
/// `.` and `..`, as they stand in a directory.
pub(super) const DOTS: [&[u8]; 2] = [&[0], &[1]];

/// All directories in the order of path tables, the root first, and all files.
pub(super) struct Contents<'a> {
    pub(super) directories: Vec<Directory>,
    pub(super) files: Vec<File<'a>>,
}

pub(super) struct File<'a> {
    pub(super) path: TreePath,
    pub(super) content: &'a Content,
    pub(super) len: u32,
}

pub(super) struct Directory {
    /// Its name on the volume; the root's is one zero.
    pub(super) name: Vec<u8>,
    /// Index of the directory that it lies in; the root lies in itself.
    pub(super) parent: usize,
    /// In the order of their names on the volume.
    pub(super) children: Vec<(Vec<u8>, Child)>,
}

impl Directory {
    /// Its length in bytes, in whole blocks.
    pub(super) fn byte_len(&self) -> u64 {
        let dots = DOTS.iter().map(|name| record_len(name));
        directory_len(dots.chain(self.children.iter().map(|(name, _)| record_len(name))))
    }
}

/// By index.
#[derive(Debug, Clone, Copy)]
pub(super) enum Child {
    Directory(usize),
    File(usize),
}

/// Reads a tree, level by level: directories of one level in the order of their parents, then names.
pub(super) fn read_tree(tree: &Tree) -> Result<Contents<'_>, IsoError> {
    let mut found = vec![(TreePath::root(), InodeId::ROOT, vec![0], 0)];
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    while let Some((path, id, name, parent)) = found.get(directories.len()).cloned() {
        let this = directories.len();
        let InodeKind::Directory(inodes) = &tree.inode(id).kind else {
            unreachable!("only directories are found");
        };
        let mut children = Vec::with_capacity(inodes.len());
        for (name, &id) in inodes {
            let path = path.child(name);
            let named = |of| written(name, of).ok_or_else(|| IsoError::Name(path.clone()));
            match &tree.inode(id).kind {
                InodeKind::Directory(_) => children.push((named(Of::Directory)?, path, id, None)),
                InodeKind::File(content) => {
                    children.push((named(Of::File)?, path, id, Some(content)));
                }
                other => {
                    let noun = other.noun();
                    return Err(IsoError::Unrepresentable { path, noun });
                }
            }
        }
        children.sort_by(|a, b| a.0.cmp(&b.0));
        let mut named = Vec::with_capacity(children.len());
        for (name, path, id, content) in children {
            let child = match content {
                None if path.components().count() >= LEVELS => return Err(IsoError::TooDeep(path)),
                None => {
                    found.push((path, id, name.clone(), this));
                    Child::Directory(found.len() - 1)
                }
                Some(content) => {
                    files.push(file(path, content)?);
                    Child::File(files.len() - 1)
                }
            };
            named.push((name, child));
        }
        directories.push(Directory {
            name,
            parent,
            children: named,
        });
    }
    match directories.len() {
        count if count > usize::from(u16::MAX) => Err(IsoError::Directories(count)),
        _ => Ok(Contents { directories, files }),
    }
}

fn file(path: TreePath, content: &Content) -> Result<File<'_>, IsoError> {
    match u32::try_from(content.len()) {
        Ok(len) => Ok(File { path, content, len }),
        Err(_) => {
            let len = content.len();
            Err(IsoError::FileTooLarge { path, len })
        }
    }
}
