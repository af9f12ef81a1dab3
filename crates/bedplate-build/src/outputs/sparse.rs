//! Files with holes.

use std::io::{self, Seek, SeekFrom, Write};

/// Leaves out long runs of zeros of a file that was made as long as it will be.
pub(super) struct Sparse<W: Write + Seek>(pub(super) W);

/// A run is left out if it is a whole buffer of this length at least.
const RUN: usize = 4096;

impl<W: Write + Seek> Write for Sparse<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() >= RUN && bytes.iter().all(|&byte| byte == 0) {
            self.0.seek_relative(bytes.len() as i64)?;
            return Ok(bytes.len());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write + Seek> Seek for Sparse<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}
