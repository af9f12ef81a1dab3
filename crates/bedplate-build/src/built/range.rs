//! A part of a file, for readers of all kinds.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bedplate_formats::read_at::ReadAt;

/// `len` bytes of an open file, and a position in them for those who read one after another.
#[derive(Debug, Clone)]
pub(super) struct FileRange {
    file: Arc<File>,
    offset: u64,
    len: u64,
    position: u64,
}

impl FileRange {
    /// The whole file.
    pub(super) fn whole(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self {
            file: Arc::new(file),
            offset: 0,
            len,
            position: 0,
        })
    }

    /// At most `len` bytes from `offset`, with the position at their beginning.
    pub(super) fn part(&self, offset: u64, len: u64) -> Self {
        let offset = offset.min(self.len);
        Self {
            file: Arc::clone(&self.file),
            offset: self.offset + offset,
            len: len.min(self.len - offset),
            position: 0,
        }
    }

    /// At most the first `count` bytes.
    pub(super) fn head(&self, count: u64) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.part(0, count).read_to_end(&mut head)?;
        Ok(head)
    }
}

impl ReadAt for FileRange {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(buffer, self.offset + offset)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

impl Read for FileRange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.len.saturating_sub(self.position);
        let wanted = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let at = self.offset + self.position.min(self.len);
        let count = self.file.read_at(&mut buffer[..wanted], at)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for FileRange {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(step) => self.len.checked_add_signed(step),
            SeekFrom::Current(step) => self.position.checked_add_signed(step),
        };
        self.position = position.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
