//! Downloads that may be interrupted, and go on where they ended.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::error::StoreError;
use crate::store::Store;

/// A download that is going on. Only one at a time has a given name, in all processes.
#[derive(Debug)]
pub struct Partial {
    /// What was received so far; written at its end.
    pub file: File,
    path: PathBuf,
}

impl Partial {
    /// Removes it: it is complete and kept elsewhere, or worthless.
    pub fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }
}

impl Store {
    /// Begins or continues the download `name` (a plain file name). Waits while another process has
    /// it: look afterwards whether the other one brought what you want.
    pub fn partial(&self, name: &str) -> Result<Partial, StoreError> {
        let path = self.dir.join("partial").join(name);
        loop {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .read(true)
                .open(&path);
            let file = file.map_err(|e| self.doing("open", &path).failed(e))?;
            file.lock()
                .map_err(|e| self.doing("lock", &path).failed(e))?;
            // The one that held it has removed it: what we opened has no name any more.
            let links = file
                .metadata()
                .map_err(|e| self.doing("look at", &path).failed(e))?
                .nlink();
            if links > 0 {
                return Ok(Partial { file, path });
            }
        }
    }
}
