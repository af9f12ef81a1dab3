//! Removing: what is old, what is too much, what somebody names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bedplate_types::{Digest, Object};

use crate::error::StoreError;
use crate::listing::{Stored, StoredRef};
use crate::store::Store;

/// What a collection removes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy {
    /// What was not used for so long goes.
    pub max_age: Option<Duration>,
    /// Then, what was used least recently goes until the store has at most so many bytes.
    pub max_size: Option<u64>,
    /// Say what would go, and remove nothing.
    pub dry_run: bool,
}

/// What a collection removed, or would remove.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Files and directories removed, refs included.
    pub removed: u64,
    /// Bytes freed.
    pub freed: u64,
    /// Bytes of objects, pieces and directories that stay.
    pub kept: u64,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Objects that were read.
    pub read: u64,
    /// Those that were not what their names say. They are gone.
    pub damaged: Vec<Digest<Object>>,
}

impl Store {
    /// Removes what `policy` says, left-over temporary files, and refs whose objects are gone.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where others have the store open.
    pub fn gc(&mut self, policy: &Policy) -> Result<Collected, StoreError> {
        self.exclusively(|store| {
            let doomed = store.doomed(policy, SystemTime::now())?;
            let removed = Collected {
                removed: doomed.paths.len() as u64,
                freed: doomed.freed,
                kept: doomed.kept,
            };
            if !policy.dry_run {
                doomed
                    .paths
                    .iter()
                    .try_for_each(|path| store.remove(path))?;
            }
            Ok(removed)
        })
    }

    /// Removes the image or the object called `name` (all that follows a space in a ref's name, such as a
    /// platform, may be left out), with the objects that nothing else needs.
    ///
    /// # Errors
    /// [`StoreError::UnknownName`]; [`StoreError::Busy`] where others have the store open.
    pub fn rm(&mut self, name: &str) -> Result<Collected, StoreError> {
        self.exclusively(|store| {
            let (named, others): (Vec<_>, Vec<_>) = store
                .refs()?
                .into_iter()
                .partition(|r| is_called(&r.name, name));
            let mut objects: BTreeSet<Digest<Object>> =
                named.iter().flat_map(|r| r.objects.clone()).collect();
            if named.is_empty() {
                let object = name.parse().ok().filter(|object| store.contains(object));
                objects.insert(object.ok_or_else(|| StoreError::UnknownName(name.to_owned()))?);
            } else {
                // A layer's own ref does not keep it: it says where an object came from, no more.
                let images = others.iter().filter(|r| r.kind == crate::RefKind::Image);
                images.for_each(|image| objects.retain(|object| !image.objects.contains(object)));
            }
            let dangling = others
                .iter()
                .filter(|r| r.objects.iter().any(|object| objects.contains(object)));
            let mut paths: Vec<PathBuf> = named
                .iter()
                .chain(dangling)
                .map(|r| r.path.clone())
                .collect();
            paths.extend(objects.iter().map(|object| store.object_path(object)));
            let freed = paths
                .iter()
                .filter_map(|path| fs::metadata(path).ok())
                .map(|meta| meta.len())
                .sum();
            paths.iter().try_for_each(|path| store.remove(path))?;
            let left = store.candidates(&store.refs()?)?;
            Ok(Collected {
                removed: paths.len() as u64,
                freed,
                kept: left.iter().map(|file| file.size).sum(),
            })
        })
    }

    /// Reads every object again and removes those that are not what their names say, with all that needs them.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where others have the store open; [`StoreError::Io`] where the disk cannot be read.
    pub fn check(&mut self) -> Result<Checked, StoreError> {
        self.exclusively(|store| {
            let mut checked = Checked::default();
            for object in store.objects()? {
                checked.read += 1;
                match digest_of(&object.path).map(|digest| (digest, store.verify(&digest))) {
                    Some((_, Ok(()))) => continue,
                    Some((digest, Err(StoreError::Mismatch { .. }))) => {
                        checked.damaged.push(digest);
                    }
                    Some((_, Err(error))) => return Err(error),
                    // No name that an object has: nothing knows of it.
                    None => {}
                }
                store.remove(&object.path)?;
            }
            let dangling = store.doomed(&Policy::default(), SystemTime::now())?;
            let mut paths = dangling.paths.iter();
            paths.try_for_each(|path| store.remove(path))?;
            Ok(checked)
        })
    }

    fn doomed(&self, policy: &Policy, now: SystemTime) -> Result<Doomed, StoreError> {
        let mut refs = self.refs()?;
        let too_old = |last_use: SystemTime| {
            policy
                .max_age
                .is_some_and(|max| now.duration_since(last_use).is_ok_and(|age| age > max))
        };
        let mut doomed = Doomed::default();
        for file in self.flat("tmp")?.into_iter().chain(self.unfinished_refs()?) {
            doomed.add(&file);
        }
        let mut candidates = self.candidates(&refs)?;
        candidates.sort_by_key(|file| file.last_use);
        doomed.kept = candidates.iter().map(|file| file.size).sum();
        for file in &candidates {
            let too_much = policy.max_size.is_some_and(|max| doomed.kept > max);
            if too_much || too_old(file.last_use) {
                doomed.kept -= file.size;
                doomed.add(file);
            }
        }
        let paths: BTreeSet<PathBuf> = doomed.paths.iter().cloned().collect();
        refs.retain(|r| {
            let gone = |object| {
                let path = self.object_path(object);
                paths.contains(&path) || !path.exists()
            };
            too_old(r.last_use) || r.objects.iter().any(gone)
        });
        doomed.paths.extend(refs.into_iter().map(|r| r.path));
        Ok(doomed)
    }

    /// Everything of size that may go. An object is as young as the youngest ref that needs it.
    fn candidates(&self, refs: &[StoredRef]) -> Result<Vec<Stored>, StoreError> {
        let mut youngest: BTreeMap<PathBuf, SystemTime> = BTreeMap::new();
        for r in refs {
            for object in &r.objects {
                let last_use = youngest
                    .entry(self.object_path(object))
                    .or_insert(r.last_use);
                *last_use = r.last_use.max(*last_use);
            }
        }
        let mut candidates = self.objects()?;
        for object in &mut candidates {
            if let Some(&last_use) = youngest.get(&object.path) {
                object.last_use = object.last_use.max(last_use);
            }
        }
        candidates.extend(self.segments()?);
        candidates.extend(self.flat("partial")?);
        candidates.extend(self.flat("work")?);
        Ok(candidates)
    }

    fn remove(&self, path: &Path) -> Result<(), StoreError> {
        let result = if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
        match result {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(self.doing("remove", path).failed(e))
            }
            _ => Ok(()),
        }
    }
}

/// The digest that names the object at `path`: `…/ab/cdef…`.
fn digest_of(path: &Path) -> Option<Digest<Object>> {
    let (first, rest) = (path.parent()?.file_name()?, path.file_name()?);
    let name = format!("sha256:{}{}", first.to_str()?, rest.to_str()?);
    name.parse().ok()
}

fn is_called(whole: &str, name: &str) -> bool {
    whole
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[derive(Default)]
struct Doomed {
    paths: Vec<PathBuf>,
    freed: u64,
    kept: u64,
}

impl Doomed {
    fn add(&mut self, file: &Stored) {
        self.paths.push(file.path.clone());
        self.freed += file.size;
    }
}
