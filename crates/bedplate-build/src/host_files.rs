//! Files and directories of the build machine, taken into a host.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bedplate_spec::planning::{Owner, Step};
use bedplate_tree::{Content, EntryKind, OriginId};
use bedplate_types::TreePath;

use crate::BuildError;
use crate::assembly::{Assembly, entry};

/// Files up to this length in bytes are kept in memory, longer ones in the store.
const INLINE_LIMIT: u64 = 4096;

impl Assembly<'_> {
    pub(crate) fn host_file(
        &mut self,
        step: &Step,
        path: &Path,
        optional: bool,
        owner: Owner,
        origin: OriginId,
    ) -> Result<(), BuildError> {
        let doing = || format!("read {} for {}", path.display(), step.origin);
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return if optional {
                    Ok(())
                } else {
                    Err(missing(path, &step.origin))
                };
            }
            result => result.map_err(BuildError::io(doing()))?,
        };
        if metadata.is_dir() {
            return self.host_directory(step, path, owner, origin);
        }
        let content = self.keep(path)?;
        self.insert(
            entry(&step.at, EntryKind::File(content), owner),
            origin,
            step,
        )
    }

    /// A directory with all that is in it: permissions as they are, owner as the step says. The step's mode
    /// is the directory's own; who may read may enter, as with the `X` of chmod(1).
    fn host_directory(
        &mut self,
        step: &Step,
        root: &Path,
        owner: Owner,
        origin: OriginId,
    ) -> Result<(), BuildError> {
        let own = Owner {
            mode: owner.mode | ((owner.mode & 0o444) >> 2),
            ..owner
        };
        self.insert(entry(&step.at, EntryKind::Directory, own), origin, step)?;
        let mut pending: Vec<(PathBuf, TreePath)> = vec![(root.to_owned(), step.at.clone())];
        while let Some((directory, at)) = pending.pop() {
            let doing =
                || BuildError::io(format!("read {} for {}", directory.display(), step.origin));
            let mut children: Vec<fs::DirEntry> = fs::read_dir(&directory)
                .map_err(doing())?
                .collect::<Result<_, _>>()
                .map_err(doing())?;
            children.sort_by_key(fs::DirEntry::file_name);
            for child in children {
                let path = child.path();
                let at = at.child(child.file_name().as_bytes());
                let metadata = fs::symlink_metadata(&path).map_err(doing())?;
                let owner = Owner {
                    mode: metadata.permissions().mode() & 0o7777,
                    ..owner
                };
                let kind = if metadata.is_dir() {
                    pending.push((path, at.clone()));
                    EntryKind::Directory
                } else if metadata.is_symlink() {
                    let target = fs::read_link(&path).map_err(doing())?;
                    EntryKind::Symlink(target.as_os_str().as_bytes().into())
                } else if metadata.is_file() {
                    EntryKind::File(self.keep(&path)?)
                } else {
                    return Err(BuildError::Input {
                        what: format!(
                            "{} is neither a file, a directory nor a symlink (mode {:o})",
                            path.display(),
                            metadata.mode()
                        ),
                        hint: None,
                    });
                };
                self.insert(entry(&at, kind, owner), origin, step)?;
            }
        }
        Ok(())
    }

    /// A file of the build machine as content: small ones in memory, others in the store.
    fn keep(&self, path: &Path) -> Result<Content, BuildError> {
        let io = || BuildError::io(format!("read {}", path.display()));
        let mut file = fs::File::open(path).map_err(io())?;
        if file.metadata().map_err(io())?.len() <= INLINE_LIMIT {
            return Ok(Content::inline(fs::read(path).map_err(io())?));
        }
        let (object, len) = self
            .workshop
            .store
            .insert(&mut file, None)
            .map_err(BuildError::store(format!("keep {}", path.display())))?;
        Ok(Content::Stored {
            object,
            offset: 0,
            len,
        })
    }
}

fn missing(path: &Path, origin: &str) -> BuildError {
    BuildError::Input {
        what: format!("{origin}: the source {} does not exist", path.display()),
        hint: Some("correct `source:`, or add `optional: true` to do without it".to_owned()),
    }
}
