//! Files named by their content.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedplate_sys::scratch::Scratch;
use bedplate_types::{Digest, Object};

use crate::error::StoreError;
use crate::hashing::{CopyError, copy_hashing};
use crate::store::{Store, touch};

/// Objects that are kept open for reading.
const OPENED: usize = 256;

/// A file that is being written in the store and has no name yet. Dropped, it is gone.
#[derive(Debug)]
pub struct ScratchFile {
    file: File,
    scratch: Scratch,
}

impl ScratchFile {
    /// The file, open for reading and writing.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn rename_to(self, target: &Path) -> io::Result<File> {
        self.scratch.rename_to(target)?;
        Ok(self.file)
    }
}

impl Store {
    /// Where the object is, or would be.
    pub fn object_path(&self, digest: &Digest<Object>) -> PathBuf {
        let hex = digest.hex();
        self.dir.join("objects").join(&hex[..2]).join(&hex[2..])
    }

    /// Is the object here?
    pub fn contains(&self, digest: &Digest<Object>) -> bool {
        self.object_path(digest).is_file()
    }

    /// Opens an object for reading.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where it is not here.
    pub fn open_object(&self, digest: &Digest<Object>) -> Result<File, StoreError> {
        let path = self.object_path(digest);
        match File::open(&path) {
            Ok(file) => {
                touch(&file);
                Ok(file)
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(StoreError::NotFound(*digest)),
            Err(e) => Err(self.doing("open", &path).failed(e)),
        }
    }

    /// The object, opened once and kept open.
    pub(crate) fn opened(&self, digest: &Digest<Object>) -> Result<Arc<File>, StoreError> {
        let mut opened = self
            .opened
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(file) = opened.get(digest.as_bytes()) {
            return Ok(file.clone());
        }
        if opened.len() >= OPENED {
            opened.clear();
        }
        let file = Arc::new(self.open_object(digest)?);
        opened.insert(*digest.as_bytes(), file.clone());
        Ok(file)
    }

    pub(crate) fn forget_opened(&self) {
        self.opened
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
    }

    /// Keeps what `input` gives, to its end; returns its digest and length in bytes.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`] where it is not `expected`; [`StoreError::Input`] where reading fails.
    /// Nothing is left in either case.
    pub fn insert(
        &self,
        input: &mut dyn Read,
        expected: Option<Digest<Object>>,
    ) -> Result<(Digest<Object>, u64), StoreError> {
        let mut scratch = self.scratch_file()?;
        let (actual, len) =
            copy_hashing(input, &mut scratch.file).map_err(|error| match error {
                CopyError::Read(source) => StoreError::Input(source),
                CopyError::Write(source) => self.doing("write", scratch.path()).failed(source),
            })?;
        if let Some(expected) = expected.filter(|expected| *expected != actual) {
            return Err(StoreError::Mismatch { expected, actual });
        }
        self.keep(scratch, &actual)?;
        Ok((actual, len))
    }

    /// A file without a name, to be written and then given to [`insert_scratch`](Self::insert_scratch).
    pub fn scratch_file(&self) -> Result<ScratchFile, StoreError> {
        let scratch = Scratch::beside(&self.dir.join("tmp").join("new"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(scratch.path());
        let file = file.map_err(|e| self.doing("create", scratch.path()).failed(e))?;
        Ok(ScratchFile { file, scratch })
    }

    /// Keeps a file that was written here, without copying it.
    pub fn insert_scratch(&self, mut scratch: ScratchFile) -> Result<Digest<Object>, StoreError> {
        let digest = self
            .hash_file(&mut scratch.file)
            .map_err(|e| self.doing("read", scratch.path()).failed(e))?;
        self.keep(scratch, &digest)?;
        Ok(digest)
    }

    /// Keeps a file whose digest the caller has computed from the very bytes it wrote.
    pub fn insert_hashed(
        &self,
        scratch: ScratchFile,
        digest: &Digest<Object>,
    ) -> Result<(), StoreError> {
        self.keep(scratch, digest)
    }

    /// Reads an object whole and says whether it is what its name says.
    pub fn verify(&self, digest: &Digest<Object>) -> Result<(), StoreError> {
        let mut file = self.open_object(digest)?;
        let path = self.object_path(digest);
        let actual = self
            .hash_file(&mut file)
            .map_err(|e| self.doing("read", &path).failed(e))?;
        if actual == *digest {
            Ok(())
        } else {
            Err(StoreError::Mismatch {
                expected: *digest,
                actual,
            })
        }
    }

    fn hash_file(&self, file: &mut File) -> io::Result<Digest<Object>> {
        use sha2::Digest as _;
        file.rewind()?;
        let mut hash = sha2::Sha256::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok(Digest::from_bytes(hash.finalize().into()));
            }
            hash.update(&buffer[..count]);
        }
    }

    fn keep(&self, scratch: ScratchFile, digest: &Digest<Object>) -> Result<(), StoreError> {
        let path = self.object_path(digest);
        // One that has another length is damaged, and is replaced.
        let len = scratch.file.metadata().map(|meta| meta.len());
        if fs::metadata(&path).is_ok_and(|old| len.is_ok_and(|len| len == old.len())) {
            return Ok(());
        }
        // After a power cut, a name must not stand for a file whose content never reached the disk.
        scratch
            .file
            .sync_data()
            .map_err(|e| self.doing("write", &path).failed(e))?;
        let parent = path.parent().expect("an object has a directory");
        fs::create_dir_all(parent).map_err(|e| self.doing("create", parent).failed(e))?;
        scratch
            .rename_to(&path)
            .map(drop)
            .map_err(|e| self.doing("create", &path).failed(e))
    }
}
