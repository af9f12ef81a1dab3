//! Temporary files and directories that go away, also when the program is interrupted.
//!
//! Each is registered while it lives. [`clean`] removes all that are registered: the program calls it
//! from its signal thread before it exits with 130.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

static LIVING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A path that is removed, recursively, when this is dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new name beside `path`, on the same file system: `.NAME.PID-N.tmp`. Nothing is made there.
    pub fn beside(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let scratch = path.with_file_name(format!(".{name}.{}-{number}.tmp", std::process::id()));
        living().insert(scratch.clone());
        Self(scratch)
    }

    /// A new empty directory in `parent`.
    pub fn directory_in(parent: &Path) -> io::Result<Self> {
        let scratch = Self::beside(&parent.join("scratch"));
        fs::create_dir(scratch.path())?;
        Ok(scratch)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Moves it to `target`, over what is there, and forgets it.
    pub fn rename_to(self, target: &Path) -> io::Result<()> {
        fs::rename(&self.0, target)?;
        living().remove(&self.0);
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.0);
        living().remove(&self.0);
    }
}

/// Moves each to its target. [`clean`] comes before all of them or after, never between.
pub(crate) fn rename_all(renamed: &[(Scratch, PathBuf)]) -> io::Result<()> {
    let mut living = living();
    // The one failure that can be told beforehand.
    if let Some((_, target)) = renamed.iter().find(|(_, target)| target.is_dir()) {
        let message = format!("{} is a directory", target.display());
        return Err(io::Error::new(io::ErrorKind::IsADirectory, message));
    }
    renamed.iter().try_for_each(|(scratch, target)| {
        fs::rename(&scratch.0, target)?;
        living.remove(&scratch.0);
        Ok(())
    })
}

/// Removes everything that is registered. For the signal thread: the program must exit afterwards, and
/// whoever would register something new until then waits in vain.
pub fn clean() {
    let living = living();
    for path in living.iter() {
        remove(path);
    }
    std::mem::forget(living);
}

fn living() -> std::sync::MutexGuard<'static, BTreeSet<PathBuf>> {
    LIVING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn remove(path: &Path) {
    // What is already gone is what we want; what cannot be removed has no one left to tell.
    if path.is_dir() && !path.is_symlink() {
        let _ = fs::remove_dir_all(path);
    } else {
        let _ = fs::remove_file(path);
    }
}
