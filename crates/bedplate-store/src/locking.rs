//! The lock that lets builds share a store, and keeps what they use from being collected.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::error::{Doing, StoreError};
use crate::store::Store;

/// Takes the shared lock; waits for a collection to end.
pub(crate) fn open_shared(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let doing = |action| Doing {
        store: dir,
        action,
        path: &path,
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|e| doing("open").failed(e))?;
    file.lock_shared().map_err(|e| doing("lock").failed(e))?;
    Ok(file)
}

impl Store {
    /// Runs `work` while nobody else has the store open; fails at once if somebody has.
    pub(crate) fn exclusively<T>(
        &mut self,
        work: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let path = self.dir.join("lock");
        // A conversion that fails has given the shared lock up (flock(2)), so it is taken again.
        let taken = self.lock.try_lock();
        let result = match taken {
            Ok(()) => {
                self.forget_opened();
                work(self)
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy {
                dir: self.dir.clone(),
                processes: holders(&self.lock),
            }),
            Err(TryLockError::Error(e)) => Err(self.doing("lock", &path).failed(e)),
        };
        self.lock
            .lock_shared()
            .map_err(|e| self.doing("lock", &path).failed(e))?;
        result
    }
}

/// The processes that hold a lock on `file`, from `/proc/locks` (proc(5)); empty where that cannot be read.
fn holders(file: &File) -> Vec<u32> {
    let Ok(inode) = file.metadata().map(|meta| meta.ino().to_string()) else {
        return Vec::new();
    };
    let table = fs::read_to_string("/proc/locks").unwrap_or_default();
    let holder = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, process, place, ..] = fields[..] else {
            return None;
        };
        (place.rsplit(':').next() == Some(&inode))
            .then(|| process.parse().ok())
            .flatten()
    };
    let mut processes: Vec<u32> = table.lines().filter_map(holder).collect();
    processes.sort_unstable();
    processes.dedup();
    processes
}
