//! Writing and hashing at once.

use std::io::{self, BufWriter, Write};

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

/// Hashes what goes through it.
pub(super) struct Hashed<W: Write> {
    inner: W,
    hash: Sha256,
    len: u64,
}

impl<W: Write> Hashed<BufWriter<W>> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner: BufWriter::with_capacity(1 << 18, inner),
            hash: Sha256::new(),
            len: 0,
        }
    }
}

impl<W: Write> Hashed<W> {
    pub(super) fn finish(mut self) -> io::Result<Written> {
        self.inner.flush()?;
        Ok(Written {
            len: self.len,
            sha256: self.hash.finalize().into(),
        })
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
