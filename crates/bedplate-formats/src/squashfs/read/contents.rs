//! The bytes of files: blocks and tails, unpacked when they are asked for (section 4).

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bedplate_tree::Content;

use super::error::ReadError;
use super::inodes::FileData;
use super::superblock::Superblock;
use super::tables::Fragment;
use crate::content::ReadContent;
use crate::read_at::ReadAt;
use crate::squashfs::RAW_BLOCK;

/// Unpacked blocks of fragments that are kept, together in bytes: small files that follow one another
/// mostly share theirs.
const KEPT: u32 = 16 << 20;

/// A file, and where in the row of all contents it lies.
pub(super) struct File {
    pub(super) place: u64,
    pub(super) data: FileData,
}

type Block = Arc<Vec<u8>>;

/// An image that was opened: it reads the contents of its files, for several threads at once.
///
/// Memory: the lists of blocks of all files, and 16 MiB.
pub struct Image<S> {
    source: S,
    superblock: Superblock,
    files: Vec<File>,
    fragments: Vec<Fragment>,
    /// By number, the latest last.
    recent: Mutex<VecDeque<(u32, Block)>>,
}

impl<S: ReadAt> Image<S> {
    pub(super) fn new(
        source: S,
        superblock: &Superblock,
        files: Vec<File>,
        fragments: Vec<Fragment>,
    ) -> Self {
        Self {
            source,
            superblock: *superblock,
            files,
            fragments,
            recent: Mutex::default(),
        }
    }

    /// Length of the image in bytes, without what follows it.
    pub fn used(&self) -> u64 {
        self.superblock.used
    }

    fn file(&self, data: &FileData, out: &mut dyn Write) -> io::Result<()> {
        let block_size = self.superblock.block_size as usize;
        let (mut left, mut at) = (data.len, data.start);
        for &size in &data.blocks {
            let len = left.min(block_size as u64);
            if size == 0 {
                io::copy(&mut io::Read::take(io::repeat(0), len), out)?;
            } else {
                out.write_all(&self.block(at, size, len as usize)?)?;
                at += u64::from(size & !RAW_BLOCK);
            }
            left -= len;
        }
        let Some((fragment, offset)) = data.tail else {
            return Ok(());
        };
        let block = self.fragment(fragment)?;
        let offset = offset as usize;
        match block
            .get(offset..)
            .and_then(|rest| rest.get(..left as usize))
        {
            Some(tail) => out.write_all(tail),
            None => Err(invalid(ReadError::malformed(
                "a fragment is shorter than a file needs it",
            ))),
        }
    }

    /// A block that has exactly `len` bytes.
    fn block(&self, at: u64, size: u32, len: usize) -> io::Result<Vec<u8>> {
        let block = self.unpacked(at, size).map_err(invalid)?;
        match block.len() == len {
            true => Ok(block),
            false => Err(invalid(ReadError::malformed(
                "a block has another length than its file needs",
            ))),
        }
    }

    fn fragment(&self, number: u32) -> io::Result<Block> {
        let recent = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let known = recent().iter().find(|(known, _)| *known == number).cloned();
        if let Some((_, block)) = known {
            return Ok(block);
        }
        let Some(fragment) = self.fragments.get(number as usize) else {
            return Err(invalid(ReadError::malformed("a fragment is not there")));
        };
        let block = self.unpacked(fragment.start, fragment.size);
        let block = Arc::new(block.map_err(invalid)?);
        let mut recent = recent();
        if recent.len() >= (KEPT / self.superblock.block_size) as usize {
            recent.pop_front();
        }
        recent.push_back((number, Arc::clone(&block)));
        Ok(block)
    }

    fn unpacked(&self, at: u64, size: u32) -> Result<Vec<u8>, ReadError> {
        let (limit, len) = (self.superblock.block_size, size & !RAW_BLOCK);
        if len == 0 || len > limit {
            return Err(ReadError::malformed("a block of data is empty or too long"));
        }
        let stored = self.superblock.bytes(&self.source, at, len as usize)?;
        if size & RAW_BLOCK != 0 {
            return Ok(stored);
        }
        let unpacked = self.superblock.unpack.unpack(&stored, limit as usize);
        unpacked.map_err(|source| ReadError::Damaged { offset: at, source })
    }
}

impl<S: ReadAt> ReadContent for Image<S> {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        let (offset, len) = match content {
            Content::Inline(bytes) => return out.write_all(bytes),
            Content::Stored { len: 0, .. } => return Ok(()),
            Content::Stored { offset, len, .. } => (*offset, *len),
        };
        let found = self.files.binary_search_by_key(&offset, |file| file.place);
        match found.map(|index| &self.files[index].data) {
            Ok(data) if data.len == len => self.file(data, out),
            _ => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the content is of no file in this image",
            )),
        }
    }
}

fn invalid(error: ReadError) -> io::Error {
    let kind = match &error {
        ReadError::Io { source, .. } => source.kind(),
        _ => io::ErrorKind::InvalidData,
    };
    io::Error::new(kind, error)
}
