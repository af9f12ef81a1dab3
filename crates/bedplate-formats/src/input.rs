//! A seekable input that knows where it is and where it ends, so that skipping past the end shows.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

pub(crate) struct Input<R> {
    inner: BufReader<R>,
    position: u64,
    len: u64,
}

impl<R: Read + Seek> Input<R> {
    /// Reads from the beginning of `source`, wherever it stands.
    pub(crate) fn new(mut source: R) -> io::Result<Self> {
        let len = source.seek(SeekFrom::End(0))?;
        source.seek(SeekFrom::Start(0))?;
        Ok(Self {
            inner: BufReader::new(source),
            position: 0,
            len,
        })
    }

    /// Bytes from the beginning.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Length of the whole input, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes that are left.
    pub(crate) fn remaining(&self) -> u64 {
        self.len.saturating_sub(self.position)
    }

    pub(crate) fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(buffer)?;
        self.position += buffer.len() as u64;
        Ok(())
    }

    /// Skips `count` bytes. What is in the buffer stays there: small files cost no system call.
    pub(crate) fn skip(&mut self, count: u64) -> io::Result<()> {
        if count > self.remaining() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let step = i64::try_from(count).map_err(io::Error::other)?;
        self.inner.seek_relative(step)?;
        self.position += count;
        Ok(())
    }

    /// Goes to a place, in bytes from the beginning.
    pub(crate) fn seek(&mut self, position: u64) -> io::Result<()> {
        self.inner.seek(SeekFrom::Start(position))?;
        self.position = position;
        Ok(())
    }

    /// Copies the next `count` bytes.
    pub(crate) fn copy(&mut self, count: u64, out: &mut impl Write) -> io::Result<()> {
        let copied = io::copy(&mut (&mut self.inner).take(count), out)?;
        self.position += copied;
        match copied == count {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
