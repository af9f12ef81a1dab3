//! Metadata blocks, and tables that are looked up by number (sections 2.2 and 2.3).
//!
//! ```text
//! metadata: one stream of records, cut every 8192 bytes; each piece:
//!   0 bytes that follow (u16), 0x8000 set if they are not compressed     2 the piece
//! table: its records as metadata, then where each piece lies in the image (u64 each)
//! ```

use std::io;

use super::compress::Compressor;
use super::options::Compression;

/// Bytes in a metadata block before compression.
pub(super) const METADATA_BLOCK: usize = 8192;
/// Set in the length of a block that is not compressed.
pub(super) const RAW: u16 = 0x8000;

/// Where a record of metadata begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference {
    /// Where its block begins, in bytes from the first block.
    pub(super) block: u64,
    /// Bytes into the block before compression.
    pub(super) offset: u16,
}

impl Reference {
    /// Both in one number, as inodes and tables have them.
    pub(super) fn packed(self) -> u64 {
        self.block << 16 | u64::from(self.offset)
    }
}

/// A stream of records that is cut into compressed blocks.
pub(super) struct Metadata {
    compressor: Compressor,
    /// Finished blocks.
    packed: Vec<u8>,
    /// Where each of them begins.
    starts: Vec<u64>,
    /// What is to become the next one; never full.
    open: Vec<u8>,
}

impl Metadata {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        Ok(Self {
            compressor: Compressor::new(compression)?,
            packed: Vec::new(),
            starts: Vec::new(),
            open: Vec::with_capacity(METADATA_BLOCK),
        })
    }

    /// Where the next record will begin.
    pub(super) fn position(&self) -> Reference {
        Reference {
            block: self.packed.len() as u64,
            offset: u16::try_from(self.open.len()).expect("an open block is not full"),
        }
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = METADATA_BLOCK - self.open.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.open.extend_from_slice(now);
            bytes = later;
            if self.open.len() == METADATA_BLOCK {
                self.close()?;
            }
        }
        Ok(())
    }

    /// The blocks.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        self.close()?;
        Ok(self.packed)
    }

    fn close(&mut self) -> io::Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let (piece, flag) = match self.compressor.compress(&self.open)? {
            Some(compressed) => (compressed, 0),
            None => (&self.open[..], RAW),
        };
        let size = u16::try_from(piece.len()).expect("a block has at most 8192 bytes");
        self.starts.push(self.packed.len() as u64);
        self.packed.extend_from_slice(&(size | flag).to_le_bytes());
        self.packed.extend_from_slice(piece);
        self.open.clear();
        Ok(())
    }
}

/// A table that is looked up by number: its bytes, of which the list of locations comes last.
pub(super) struct Table {
    /// Blocks of records.
    pub(super) blocks: Vec<u8>,
    /// Where each block lies in the image.
    pub(super) locations: Vec<u8>,
}

impl Table {
    /// Makes a table of `records` for the place `at` in the image.
    pub(super) fn new(records: &[u8], at: u64, compression: Compression) -> io::Result<Self> {
        let mut metadata = Metadata::new(compression)?;
        metadata.write(records)?;
        metadata.close()?;
        let location = |start: &u64| (at + start).to_le_bytes();
        Ok(Self {
            locations: metadata.starts.iter().flat_map(location).collect(),
            blocks: metadata.packed,
        })
    }
}
