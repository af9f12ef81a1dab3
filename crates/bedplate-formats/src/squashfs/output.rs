//! The image as it grows.

use std::io::{self, Seek, SeekFrom, Write};

/// An output, and how far into the image it is. The image begins where the output stood.
pub(super) struct Output<W> {
    out: W,
    base: u64,
    position: u64,
}

impl<W: Write + Seek> Output<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        let base = out.stream_position()?;
        Ok(Self {
            out,
            base,
            position: 0,
        })
    }

    /// Bytes from the beginning of the image.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    /// Zeros up to a multiple of `block`, a power of two.
    pub(super) fn pad(&mut self, block: u64) -> io::Result<()> {
        let count = self.position.wrapping_neg() & (block - 1);
        self.write(&vec![0; count as usize])
    }

    /// Writes the beginning once more and gives the output back, standing behind the image.
    pub(super) fn finish(mut self, beginning: &[u8]) -> io::Result<W> {
        self.out.seek(SeekFrom::Start(self.base))?;
        self.out.write_all(beginning)?;
        self.out.seek(SeekFrom::Start(self.base + self.position))?;
        self.out.flush()?;
        Ok(self.out)
    }
}
