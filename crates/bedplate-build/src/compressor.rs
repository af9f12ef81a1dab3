//! What is written, compressed as [`InitrdOptions`](crate::InitrdOptions) say.

use std::io::{self, Write};

use bedplate_formats::compression::Compression;
use flate2::write::GzEncoder;

/// Compresses what goes through it: zstd, gzip or not at all.
pub(crate) enum Compressor<W: Write> {
    None(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Compressor<W> {
    /// Of a compression that is none of the three, zstd is taken. Each has its own scale of levels.
    pub(crate) fn new(out: W, compression: Compression, level: i32) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::None(out),
            Compression::Gzip => {
                let level = u32::try_from(level).unwrap_or(6).min(9);
                Self::Gzip(GzEncoder::new(out, flate2::Compression::new(level)))
            }
            _ => Self::Zstd(zstd::Encoder::new(out, level)?),
        })
    }

    /// Writes what is left, and gives back where it went.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::None(out) => Ok(out),
            Self::Gzip(out) => out.finish(),
            Self::Zstd(out) => out.finish(),
        }
    }

    fn inner(&mut self) -> &mut dyn Write {
        match self {
            Self::None(out) => out,
            Self::Gzip(out) => out,
            Self::Zstd(out) => out,
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner().flush()
    }
}
