//! Files that appear whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::scratch::{self, Scratch};

/// A file that is written beside its target and takes its place on [`commit`](Self::commit). Dropped
/// before that, or interrupted, it leaves the target as it was.
#[derive(Debug)]
pub struct ReplacedFile {
    file: File,
    scratch: Scratch,
    target: PathBuf,
}

impl ReplacedFile {
    /// Begins to replace `target`, whose directory must exist.
    pub fn create(target: &Path) -> io::Result<Self> {
        let scratch = Scratch::beside(target);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(scratch.path())?;
        Ok(Self {
            file,
            scratch,
            target: target.to_owned(),
        })
    }

    /// Where it is being written.
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }

    /// The file that is being written.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Puts what was written in the target's place.
    pub fn commit(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.scratch.rename_to(&self.target)
    }

    /// Commits several: an interruption finds all the old files, or all the new ones.
    pub fn commit_all(files: Vec<Self>) -> io::Result<()> {
        let mut renamed = Vec::new();
        for mut file in files {
            file.file.flush()?;
            renamed.push((file.scratch, file.target));
        }
        scratch::rename_all(&renamed)
    }
}

impl Write for ReplacedFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_stays_until_the_new_one_is_whole() {
        let directory = Scratch::directory_in(&std::env::temp_dir()).unwrap();
        let target = directory.path().join("kernel");
        std::fs::write(&target, "old").unwrap();
        let mut abandoned = ReplacedFile::create(&target).unwrap();
        abandoned.write_all(b"half").unwrap();
        drop(abandoned);
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "old");
        let mut replaced = ReplacedFile::create(&target).unwrap();
        replaced.write_all(b"new").unwrap();
        replaced.commit().unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
