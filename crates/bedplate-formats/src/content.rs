//! How writers get at the bytes of files, which they never open themselves.

use std::io::{self, Write};

use bedplate_tree::Content;

/// Reads the contents that a tree names. The store implements it; writers take it.
pub trait ReadContent: Sync {
    /// Copies exactly [`content.len()`](Content::len) bytes into `out`.
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()>;
}

/// For trees whose contents are all inline; others are an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct InlineOnly;

impl ReadContent for InlineOnly {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        match content {
            Content::Inline(bytes) => out.write_all(bytes),
            Content::Stored { object, .. } => {
                let message = format!("object {object} is in a store, and there is none here");
                Err(io::Error::new(io::ErrorKind::NotFound, message))
            }
        }
    }
}

/// Copies `content` and holds the reader to its promise: a file that is shorter or longer than it
/// says would shift everything after it in an archive.
pub(crate) fn copy_exactly(
    contents: &dyn ReadContent,
    content: &Content,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut counted = Counted { out, written: 0 };
    contents.copy(content, &mut counted)?;
    if counted.written == content.len() {
        return Ok(());
    }
    let message = format!(
        "its content has {} bytes instead of {}",
        counted.written,
        content.len()
    );
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

struct Counted<'a> {
    out: &'a mut dyn Write,
    written: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
