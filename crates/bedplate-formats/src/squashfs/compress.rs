//! Compression of one block.

use std::io;

use zstd::bulk;
use zstd::zstd_safe::compress_bound;

use super::options::Compression;

/// Compresses blocks, one by one, each for itself.
pub(super) struct Compressor {
    zstd: Option<bulk::Compressor<'static>>,
    buffer: Vec<u8>,
}

impl Compressor {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        let zstd = match compression {
            Compression::None => None,
            Compression::Zstd { level } => Some(bulk::Compressor::new(level)?),
        };
        Ok(Self {
            zstd,
            buffer: Vec::new(),
        })
    }

    /// The compressed form of `raw`, if it is smaller.
    pub(super) fn compress(&mut self, raw: &[u8]) -> io::Result<Option<&[u8]>> {
        let Some(zstd) = &mut self.zstd else {
            return Ok(None);
        };
        self.buffer.clear();
        self.buffer.reserve(compress_bound(raw.len()));
        zstd.compress_to_buffer(raw, &mut self.buffer)?;
        Ok((self.buffer.len() < raw.len()).then_some(&self.buffer))
    }
}
