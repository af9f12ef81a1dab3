//! Contents of trees, read from objects in place.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bedplate_formats::content::ReadContent;
use bedplate_tree::Content;

use crate::error::StoreError;
use crate::store::Store;

const CHUNK: usize = 128 << 10;

thread_local! {
    /// One buffer for all the files that a thread copies: most are a few KiB.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK]);
}

impl ReadContent for Store {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        let (object, offset, len) = match content {
            Content::Inline(bytes) => return out.write_all(bytes),
            Content::Stored { len: 0, .. } => return Ok(()),
            Content::Stored {
                object,
                offset,
                len,
            } => (object, *offset, *len),
        };
        let file = self.opened(object).map_err(into_io)?;
        BUFFER.with_borrow_mut(|buffer| {
            let mut done = 0;
            while done < len {
                let count = usize::try_from(len - done).map_or(CHUNK, |rest| rest.min(CHUNK));
                file.read_exact_at(&mut buffer[..count], offset + done)
                    .map_err(|e| match e.kind() {
                        io::ErrorKind::UnexpectedEof => {
                            io::Error::new(e.kind(), StoreError::Damaged(*object))
                        }
                        kind => io::Error::new(
                            kind,
                            format!("object {object} in the cache cannot be read: {e}"),
                        ),
                    })?;
                out.write_all(&buffer[..count])?;
                done += count as u64;
            }
            Ok(())
        })
    }
}

/// The bytes of a [`Content`], as a reader.
#[derive(Debug)]
pub struct ContentReader {
    source: Source,
    position: u64,
    end: u64,
}

#[derive(Debug)]
enum Source {
    Inline(Arc<[u8]>),
    Stored(Arc<File>),
}

impl Read for ContentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let wanted = rest.min(buffer.len());
        let count = match &self.source {
            Source::Inline(bytes) => {
                let start = self.position as usize;
                buffer[..wanted].copy_from_slice(&bytes[start..start + wanted]);
                wanted
            }
            Source::Stored(file) => file.read_at(&mut buffer[..wanted], self.position)?,
        };
        if count == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += count as u64;
        Ok(count)
    }
}

impl Store {
    /// Opens `content` for reading.
    pub fn open_content(&self, content: &Content) -> io::Result<ContentReader> {
        Ok(match content {
            Content::Inline(bytes) => {
                let end = bytes.len() as u64;
                ContentReader {
                    source: Source::Inline(bytes.clone()),
                    position: 0,
                    end,
                }
            }
            Content::Stored {
                object,
                offset,
                len,
            } => {
                let file = self.opened(object).map_err(into_io)?;
                ContentReader {
                    source: Source::Stored(file),
                    position: *offset,
                    end: offset + len,
                }
            }
        })
    }

    /// At most the first `count` bytes of `content`.
    pub fn read_head(&self, content: &Content, count: usize) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.open_content(content)?
            .take(count as u64)
            .read_to_end(&mut head)?;
        Ok(head)
    }
}

fn into_io(error: StoreError) -> io::Error {
    let kind = match &error {
        StoreError::NotFound(_) => io::ErrorKind::NotFound,
        StoreError::Io { source, .. } => source.kind(),
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
