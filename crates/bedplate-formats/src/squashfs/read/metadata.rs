//! Metadata blocks (section 2.2): found by where they lie, each unpacked once.

use std::collections::HashMap;
use std::rc::Rc;

use super::Limits;
use super::error::ReadError;
use super::superblock::Superblock;
use crate::read_at::ReadAt;
use crate::squashfs::metadata::{METADATA_BLOCK, RAW};

/// A place in a stream of metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Where its block lies, in bytes from the beginning of the image.
    block: u64,
    /// Bytes into the block once it is unpacked.
    offset: usize,
}

impl Place {
    /// A reference as inodes and tables have it, in the table that begins at `table`.
    pub(super) fn unpacked(reference: u64, table: u64) -> Self {
        Self::at(table.saturating_add(reference >> 16), reference as u16)
    }

    pub(super) fn at(block: u64, offset: u16) -> Self {
        let offset = offset.into();
        Self { block, offset }
    }
}

struct Block {
    bytes: Vec<u8>,
    /// Where the next one lies.
    next: u64,
}

/// All metadata of an image, as far as it was asked for.
pub(super) struct Metadata<'a, S> {
    source: &'a S,
    superblock: &'a Superblock,
    blocks: HashMap<u64, Rc<Block>>,
    limit: u64,
    /// Bytes that may still be held.
    memory: u64,
}

impl<'a, S: ReadAt> Metadata<'a, S> {
    pub(super) fn new(source: &'a S, superblock: &'a Superblock, limits: &Limits) -> Self {
        Self {
            source,
            superblock,
            blocks: HashMap::new(),
            limit: limits.memory,
            memory: limits.memory,
        }
    }

    /// Counts what is going to be held in memory.
    pub(super) fn hold(&mut self, bytes: u64) -> Result<(), ReadError> {
        let exceeded = ReadError::Limit {
            what: "bytes of metadata in memory",
            limit: self.limit,
        };
        self.memory = self.memory.checked_sub(bytes).ok_or(exceeded)?;
        Ok(())
    }

    /// Bytes of the image that are no metadata, at a place in it.
    pub(super) fn plain(&mut self, at: u64, len: usize) -> Result<Vec<u8>, ReadError> {
        self.superblock.bytes(self.source, at, len)
    }

    /// Reads a record, and moves the place behind it.
    pub(super) fn read<const N: usize>(&mut self, place: &mut Place) -> Result<[u8; N], ReadError> {
        let mut record = [0; N];
        self.fill(place, &mut record)?;
        Ok(record)
    }

    /// Reads `len` bytes, which are counted as held, and moves the place behind them.
    pub(super) fn bytes(&mut self, place: &mut Place, len: usize) -> Result<Vec<u8>, ReadError> {
        self.hold(len as u64)?;
        let mut bytes = vec![0; len];
        self.fill(place, &mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, place: &mut Place, mut buffer: &mut [u8]) -> Result<(), ReadError> {
        while !buffer.is_empty() {
            let block = self.block(place.block)?;
            let rest = block.bytes.get(place.offset..).unwrap_or_default();
            if rest.is_empty() && (place.offset > block.bytes.len() || block.bytes.is_empty()) {
                return Err(ReadError::malformed(
                    "it refers to a place behind the end of a metadata block",
                ));
            }
            let count = rest.len().min(buffer.len());
            let (now, later) = buffer.split_at_mut(count);
            now.copy_from_slice(&rest[..count]);
            buffer = later;
            place.offset += count;
            if place.offset == block.bytes.len() {
                place.block = block.next;
                place.offset = 0;
            }
        }
        Ok(())
    }

    fn block(&mut self, at: u64) -> Result<Rc<Block>, ReadError> {
        if let Some(block) = self.blocks.get(&at) {
            return Ok(Rc::clone(block));
        }
        let head = self.superblock.bytes(self.source, at, 2)?;
        let head = u16::from_le_bytes([head[0], head[1]]);
        let (len, is_raw) = (usize::from(head & !RAW), head & RAW != 0);
        if len > METADATA_BLOCK {
            return Err(ReadError::malformed("a metadata block is too long"));
        }
        let packed = self.superblock.bytes(self.source, at + 2, len)?;
        let bytes = if is_raw {
            packed
        } else {
            let unpacked = self.superblock.unpack.unpack(&packed, METADATA_BLOCK);
            unpacked.map_err(|source| ReadError::Damaged { offset: at, source })?
        };
        self.hold(METADATA_BLOCK as u64)?;
        let next = at + 2 + len as u64;
        let block = Rc::new(Block { bytes, next });
        self.blocks.insert(at, Rc::clone(&block));
        Ok(block)
    }
}
