//! What goes on a volume: the directories and files of a tree, checked and named.

use std::collections::HashMap;

use bedplate_tree::{Content, InodeId, InodeKind, Tree};
use bedplate_types::TreePath;

use super::error::FatError;
use super::geometry::Geometry;
use super::name::{self, Name};
use super::{ENTRY_LEN, Kind};

/// "FAT Directory Structure": a directory has at most 2 MiB.
const DIRECTORY_MAX: usize = 65_536;

/// All directories, the root first, and all files in the order of the directories.
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
    pub(super) parent: usize,
    pub(super) children: Vec<(Name, Child)>,
    /// How many entries it has, those of long names counted too.
    pub(super) entries: usize,
}

/// By index.
pub(super) enum Child {
    Directory(usize),
    File(usize),
}

impl Contents<'_> {
    /// Bytes of all files.
    pub(super) fn byte_len(&self) -> u64 {
        self.files.iter().map(|file| u64::from(file.len)).sum()
    }

    /// Bytes of the clusters in use.
    pub(super) fn used(&self, geometry: &Geometry) -> u64 {
        self.cluster_counts(geometry)
            .map(|count| u64::from(count) * geometry.cluster_len())
            .sum()
    }

    /// How many clusters each directory has, and then each file. The root of FAT16 has none.
    pub(super) fn cluster_counts(&self, geometry: &Geometry) -> impl Iterator<Item = u32> {
        let cluster = geometry.cluster_len();
        let is_fat16 = geometry.kind == Kind::Fat16;
        let directories = self.directories.iter().enumerate();
        let directories = directories.map(move |(index, directory)| match index {
            0 if is_fat16 => 0,
            // A directory without entries has a cluster all the same.
            _ => (directory.entries.max(1) * ENTRY_LEN) as u64,
        });
        let files = self.files.iter().map(|file| u64::from(file.len));
        let count = move |len: u64| u32::try_from(len.div_ceil(cluster)).expect("less than 4 GiB");
        directories.chain(files).map(count)
    }
}

/// Reads a tree. `own` is how many entries the root has besides its files: one for a label.
pub(super) fn read_tree(tree: &Tree, own: usize) -> Result<Contents<'_>, FatError> {
    let mut found = vec![(TreePath::root(), InodeId::ROOT, 0)];
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    while let Some((path, id, parent)) = found.get(directories.len()).cloned() {
        let this = directories.len();
        let InodeKind::Directory(inodes) = &tree.inode(id).kind else {
            unreachable!("only directories are found");
        };
        let names = checked_names(&path, inodes.keys().map(AsRef::as_ref))?;
        let mut children = Vec::with_capacity(names.len());
        for (short, (name, &id)) in names.into_iter().zip(inodes) {
            let path = path.child(name);
            let child = match &tree.inode(id).kind {
                InodeKind::Directory(_) => {
                    found.push((path, id, this));
                    Child::Directory(found.len() - 1)
                }
                InodeKind::File(content) => {
                    files.push(file(path, content)?);
                    Child::File(files.len() - 1)
                }
                other => {
                    let noun = other.noun();
                    return Err(FatError::Unrepresentable { path, noun });
                }
            };
            children.push((short, child));
        }
        let own = if this == 0 { own } else { 2 };
        let entries = own
            + children
                .iter()
                .map(|(name, _)| name.entries())
                .sum::<usize>();
        // The root of FAT16 counts its entries in 16 bits, in whole sectors.
        if entries > DIRECTORY_MAX - usize::from(this == 0) * 16 {
            return Err(FatError::DirectoryTooLarge(path));
        }
        directories.push(Directory {
            parent,
            children,
            entries,
        });
    }
    Ok(Contents { directories, files })
}

fn file(path: TreePath, content: &Content) -> Result<File<'_>, FatError> {
    match u32::try_from(content.len()) {
        Ok(len) => Ok(File { path, content, len }),
        Err(_) => {
            let len = content.len();
            Err(FatError::FileTooLarge { path, len })
        }
    }
}

fn checked_names<'n>(
    directory: &TreePath,
    names: impl Iterator<Item = &'n [u8]>,
) -> Result<Vec<Name>, FatError> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut texts = Vec::new();
    for bytes in names {
        let path = || directory.child(bytes);
        let text = name::check(bytes).map_err(|what| FatError::Name { path: path(), what })?;
        if let Some(first) = seen.insert(name::folded(text), text) {
            let first = directory.child(first.as_bytes());
            let second = path();
            return Err(FatError::Clash { first, second });
        }
        texts.push(text);
    }
    Ok(name::in_directory(&texts))
}
