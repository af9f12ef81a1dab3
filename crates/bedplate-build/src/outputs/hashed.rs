//! Writing and hashing at once.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use bedplate_formats::content::ReadContent;
use bedplate_store::Store;
use bedplate_sys::replace::ReplacedFile;
use bedplate_tree::Content;
use sha2::{Digest as _, Sha256};

use crate::initrd::Written;

/// Copies a content into a new file.
pub(super) fn copy(
    store: &Store,
    content: &Content,
    file: &mut ReplacedFile,
) -> io::Result<Written> {
    let mut out = Hashed::new(file.file());
    store.copy(content, &mut out)?;
    out.finish()
}

/// Hashes a file from its beginning.
pub(super) fn hash(file: &mut File) -> io::Result<Written> {
    file.seek(SeekFrom::Start(0))?;
    let mut out = Hashed::new(io::sink());
    io::copy(file, &mut out)?;
    out.finish()
}

/// Hashes what goes through it.
pub(super) struct Hashed<W: Write> {
    inner: W,
    hash: Sha256,
    len: u64,
}

impl<W: Write> Hashed<BufWriter<W>> {
    pub(super) fn new(inner: W) -> Self {
        Self::over(BufWriter::with_capacity(1 << 18, inner))
    }
}

impl<W: Write> Hashed<W> {
    /// Without a buffer of its own.
    pub(super) fn over(inner: W) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            len: 0,
        }
    }

    pub(super) fn finish(self) -> io::Result<Written> {
        self.finish_with().map(|(written, _)| written)
    }

    /// What was written, and where it went.
    pub(super) fn finish_with(mut self) -> io::Result<(Written, W)> {
        self.inner.flush()?;
        let written = Written {
            len: self.len,
            sha256: self.hash.finalize().into(),
        };
        Ok((written, self.inner))
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hash.update(&buffer[..count]);
        self.len += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
