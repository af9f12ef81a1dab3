//! Derived data: kept because making it takes time, never needed.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::path::PathBuf;

use bedplate_types::{Digest, Segment};

use crate::error::StoreError;
use crate::store::{Store, touch};

impl Store {
    /// The data that was made from these inputs, opened at its beginning.
    pub fn segment(&self, key: &Digest<Segment>) -> Result<Option<File>, StoreError> {
        let (directory, prefix) = self.segment_place(key);
        let Ok(entries) = fs::read_dir(&directory) else {
            return Ok(None);
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(len) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else {
                continue;
            };
            let Ok(file) = File::open(entry.path()) else {
                continue;
            };
            // Not synced when it was written: after a power cut, it may be shorter than its name says.
            if file
                .metadata()
                .is_ok_and(|meta| Ok(meta.len()) == len.parse())
            {
                touch(&file);
                return Ok(Some(file));
            }
            let _ = fs::remove_file(entry.path());
        }
        Ok(None)
    }

    /// Keeps what `make` writes, and gives it opened at its beginning.
    pub fn put_segment(
        &self,
        key: &Digest<Segment>,
        make: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> Result<File, StoreError> {
        let mut scratch = self.scratch_file()?;
        let written = make(scratch.file()).and_then(|()| scratch.file().stream_position());
        let len = written.map_err(|e| self.doing("write", scratch.path()).failed(e))?;
        let (directory, prefix) = self.segment_place(key);
        fs::create_dir_all(&directory).map_err(|e| self.doing("create", &directory).failed(e))?;
        let path = directory.join(format!("{prefix}{len}"));
        let mut file = scratch
            .rename_to(&path)
            .map_err(|e| self.doing("create", &path).failed(e))?;
        file.rewind()
            .map_err(|e| self.doing("read", &path).failed(e))?;
        Ok(file)
    }

    /// Directory, and the file's name up to its length.
    fn segment_place(&self, key: &Digest<Segment>) -> (PathBuf, String) {
        let hex = key.hex();
        (
            self.dir.join("segments").join(&hex[..2]),
            format!("{}.", &hex[2..]),
        )
    }
}
