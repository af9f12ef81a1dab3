//! Planning: what goes where, before the first byte is written.

use bedplate_tree::Tree;
use bedplate_types::TreePath;

use super::contents::{Child, Contents, read_tree};
use super::directory::{Entries, Stamp, Target};
use super::error::FatError;
use super::geometry::{Geometry, ROOT_ENTRIES};
use super::{ENTRY_LEN, FIRST_CLUSTER, Kind, SECTOR, Size, Volume, name};

const MIB: u64 = 1 << 20;
/// The least that a volume can have in whole mebibytes, if its root directory is no longer than most.
const LEAST: u64 = 3 * MIB;

/// A volume that can be written.
pub struct Image<'a> {
    pub(super) geometry: Geometry,
    pub(super) label: Option<[u8; 11]>,
    pub(super) serial: u32,
    pub(super) contents: Contents<'a>,
    stamp: Stamp,
}

/// A run of clusters: none if `count` is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    first: u32,
    pub(super) count: u32,
}

impl Run {
    /// As directory entries have it.
    pub(super) fn first(self) -> u32 {
        if self.count == 0 { 0 } else { self.first }
    }
}

impl<'a> Image<'a> {
    /// Plans a volume with the files of `tree`.
    pub fn new(tree: &'a Tree, volume: &Volume) -> Result<Self, FatError> {
        let label = match volume.label.as_str() {
            "" => None,
            text => Some(name::label(text).ok_or_else(|| FatError::Label(text.to_owned()))?),
        };
        let stamp = Stamp::of(volume.epoch)?;
        let contents = read_tree(tree, usize::from(label.is_some()))?;
        let geometry = match volume.size {
            Size::Exactly(len) => divided(&contents, len, 0)?,
            Size::WithRoom(room) => grown(&contents, room)?,
        };
        Ok(Self {
            geometry,
            label,
            serial: volume.serial,
            contents,
            stamp,
        })
    }

    /// Length of the volume in bytes.
    pub fn byte_len(&self) -> u64 {
        u64::from(self.geometry.sectors) * SECTOR
    }

    /// Which FAT it is.
    pub fn kind(&self) -> Kind {
        self.geometry.kind
    }

    /// Bytes that more files can have, in whole clusters.
    pub fn free(&self) -> u64 {
        self.geometry.room() - self.contents.used(&self.geometry)
    }

    /// Where a file begins, in bytes from the beginning of the volume: it lies in one piece. None for an
    /// empty file, which is nowhere.
    pub fn file_offset(&self, path: &TreePath) -> Option<u64> {
        let (_, files) = self.runs();
        let index = self
            .contents
            .files
            .iter()
            .position(|file| file.path == *path)?;
        let run = files[index];
        let before = u64::from(run.first.checked_sub(FIRST_CLUSTER)?) * self.geometry.cluster_len();
        (run.count > 0).then(|| u64::from(self.geometry.data()) * SECTOR + before)
    }

    /// Where the directories are, and the files: one after another, without gaps.
    pub(super) fn runs(&self) -> (Vec<Run>, Vec<Run>) {
        let mut next = FIRST_CLUSTER;
        let run = |count| {
            let first = next;
            next += count;
            Run { first, count }
        };
        let counts = self.contents.cluster_counts(&self.geometry);
        let mut directories: Vec<Run> = counts.map(run).collect();
        let files = directories.split_off(self.contents.directories.len());
        (directories, files)
    }

    /// The bytes of each directory in turn, the root first.
    pub(super) fn directory_bytes(
        &self,
        directories: &[Run],
        files: &[Run],
    ) -> impl Iterator<Item = Vec<u8>> {
        let each = 0..self.contents.directories.len();
        each.map(move |index| self.one_directory(index, directories, files))
    }

    fn one_directory(&self, index: usize, directories: &[Run], files: &[Run]) -> Vec<u8> {
        let directory = &self.contents.directories[index];
        // The root is 0 for what is in it, also where it has a cluster.
        let cluster = |index: usize| match index {
            0 => 0,
            _ => directories[index].first(),
        };
        let mut entries = Entries::new(self.stamp);
        match index {
            0 => self.label.iter().for_each(|label| entries.label(label)),
            _ => entries.dots(cluster(index), cluster(directory.parent)),
        }
        for (name, child) in &directory.children {
            let target = match *child {
                Child::Directory(child) => Target::Directory(cluster(child)),
                Child::File(file) => {
                    Target::File(files[file].first(), self.contents.files[file].len)
                }
            };
            entries.push(name, target);
        }
        let len = match (index, self.geometry.kind) {
            (0, Kind::Fat16) => u64::from(self.geometry.root) * SECTOR,
            _ => u64::from(directories[index].count) * self.geometry.cluster_len(),
        };
        entries.finish(usize::try_from(len).expect("directories are limited"))
    }
}

/// A volume of whole mebibytes with `free` bytes free.
fn grown(contents: &Contents<'_>, free: u64) -> Result<Geometry, FatError> {
    let more_root = contents.directories[0]
        .entries
        .saturating_sub(ROOT_ENTRIES as usize);
    let least = LEAST + (more_root * ENTRY_LEN) as u64;
    let mut len = contents.byte_len().saturating_add(free).max(least);
    loop {
        let whole = len.checked_next_multiple_of(MIB);
        let whole = whole.ok_or(FatError::Length(len))?;
        match divided(contents, whole, free) {
            Err(FatError::Full { room, needed, .. }) => {
                len = whole.saturating_add(needed - room);
            }
            done => return done,
        }
    }
}

/// A volume of `len` bytes, if at least `free` of them are free.
fn divided(contents: &Contents<'_>, len: u64, free: u64) -> Result<Geometry, FatError> {
    let root = contents.directories[0].entries;
    let root = u32::try_from(root).expect("directories are limited");
    let geometry = Geometry::of(len, root)?;
    let needed = contents.used(&geometry).saturating_add(free);
    let room = geometry.room();
    if needed > room {
        return Err(FatError::Full { len, room, needed });
    }
    Ok(geometry)
}
