//! What is in a store.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bedplate_types::{Digest, Object};
use serde::de::IgnoredAny;

use crate::error::StoreError;
use crate::refs::{Document, RefKind};
use crate::store::Store;

/// Something that the store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// A name for people: of an image what the spec says, else a digest or file name.
    pub name: String,
    /// Bytes on disk; for an image, of all objects that belong to it, shared ones counted in each.
    pub size: u64,
    /// When it was last used, to the hour.
    pub last_use: SystemTime,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A resolved image or set of packages.
    Image,
    /// An object that belongs to no image: a file of the build machine, or something derived.
    Object,
    /// A piece that can be made again.
    Segment,
    /// An interrupted download.
    Partial,
    /// A directory of another program, such as package lists.
    Work,
}

impl EntryKind {
    /// One word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Object => "object",
            Self::Segment => "segment",
            Self::Partial => "partial",
            Self::Work => "lists",
        }
    }
}

/// A file of the store.
pub(crate) struct Stored {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) last_use: SystemTime,
}

/// A ref with what it needs.
pub(crate) struct StoredRef {
    pub(crate) kind: RefKind,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) objects: Vec<Digest<Object>>,
    pub(crate) last_use: SystemTime,
}

impl Store {
    /// All that is here: images first, each kind by name.
    pub fn ls(&self) -> Result<Vec<Entry>, StoreError> {
        let refs = self.refs()?;
        let images: Vec<&StoredRef> = refs.iter().filter(|r| r.kind == RefKind::Image).collect();
        let in_images: BTreeSet<PathBuf> = images
            .iter()
            .flat_map(|image| &image.objects)
            .map(|o| self.object_path(o))
            .collect();
        let mut entries: Vec<Entry> = images
            .iter()
            .map(|image| Entry {
                kind: EntryKind::Image,
                name: image.name.clone(),
                size: image
                    .objects
                    .iter()
                    .filter_map(|o| fs::metadata(self.object_path(o)).ok())
                    .map(|m| m.len())
                    .sum(),
                last_use: image.last_use,
            })
            .collect();
        let loose = self
            .objects()?
            .into_iter()
            .filter(|object| !in_images.contains(&object.path));
        entries.extend(loose.map(|file| entry(EntryKind::Object, file)));
        entries.extend(
            self.segments()?
                .into_iter()
                .map(|file| entry(EntryKind::Segment, file)),
        );
        entries.extend(
            self.flat("partial")?
                .into_iter()
                .map(|file| entry(EntryKind::Partial, file)),
        );
        entries.extend(
            self.flat("work")?
                .into_iter()
                .map(|file| entry(EntryKind::Work, file)),
        );
        entries.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        Ok(entries)
    }

    pub(crate) fn objects(&self) -> Result<Vec<Stored>, StoreError> {
        self.two_levels("objects")
    }

    pub(crate) fn segments(&self) -> Result<Vec<Stored>, StoreError> {
        self.two_levels("segments")
    }

    /// All refs that can be read.
    pub(crate) fn refs(&self) -> Result<Vec<StoredRef>, StoreError> {
        let mut refs = Vec::new();
        for kind in RefKind::ALL {
            for file in self.files_in(&self.dir.join("refs").join(kind.directory()))? {
                let bytes = fs::read(&file.path).unwrap_or_default();
                let Ok(document) = serde_json::from_slice::<Document<IgnoredAny>>(&bytes) else {
                    continue;
                };
                let Document { name, objects, .. } = document;
                refs.push(StoredRef {
                    kind,
                    name,
                    path: file.path,
                    objects,
                    last_use: file.last_use,
                });
            }
        }
        Ok(refs)
    }

    /// Refs that were being written when their process was killed.
    pub(crate) fn unfinished_refs(&self) -> Result<Vec<Stored>, StoreError> {
        let mut unfinished = Vec::new();
        for kind in RefKind::ALL {
            unfinished.extend(self.files_in(&self.dir.join("refs").join(kind.directory()))?);
        }
        let is_hidden = |path: &Path| {
            path.file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
        };
        unfinished.retain(|file| is_hidden(&file.path));
        Ok(unfinished)
    }

    /// What lies in `partial`, `work` or `tmp`; directories with all that is in them.
    pub(crate) fn flat(&self, name: &str) -> Result<Vec<Stored>, StoreError> {
        let mut stored = self.files_in(&self.dir.join(name))?;
        for one in stored.iter_mut().filter(|one| one.path.is_dir()) {
            one.size = size_below(&one.path);
        }
        Ok(stored)
    }

    fn two_levels(&self, name: &str) -> Result<Vec<Stored>, StoreError> {
        let mut all = Vec::new();
        for directory in self.files_in(&self.dir.join(name))? {
            all.extend(self.files_in(&directory.path)?);
        }
        Ok(all)
    }

    fn files_in(&self, directory: &Path) -> Result<Vec<Stored>, StoreError> {
        let Ok(entries) = fs::read_dir(directory) else {
            return Ok(Vec::new());
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| self.doing("list", directory).failed(e))?;
            // It may have gone since.
            let Ok(meta) = entry.metadata() else { continue };
            files.push(stored(&entry, &meta));
        }
        Ok(files)
    }
}

fn stored(entry: &DirEntry, meta: &Metadata) -> Stored {
    let last_use = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Stored {
        path: entry.path(),
        size: meta.len(),
        last_use,
    }
}

fn entry(kind: EntryKind, file: Stored) -> Entry {
    let part = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let name = part(&file.path);
    let name = match (kind, file.path.parent()) {
        (EntryKind::Object, Some(parent)) => format!("sha256:{}{name}", part(parent)),
        (EntryKind::Segment, Some(parent)) => format!("{}{name}", part(parent)),
        _ => name,
    };
    Entry {
        kind,
        name,
        size: file.size,
        last_use: file.last_use,
    }
}

fn size_below(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    let size = |entry: DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_below(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
