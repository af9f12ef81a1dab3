//! The bytes of files: cut into blocks, tails packed into fragments (section 4).
//!
//! ```text
//! file:      block  block  block  tail          shorter than a block: a tail alone
//! fragment:  tail of one file, tail of another, …          as many as fit into a block
//! ```
//!
//! The blocks of a file follow one another; a block of fragments is written when the next tail does not
//! fit, between the blocks of two files. A long tail behind full blocks is a short block of its own:
//! packed, it would mostly end a block of fragments early (measured: images get 0.1 % larger).

use std::io::{self, Seek, Write};
use std::{mem, thread};

use bedplate_tree::{Content, InodeKind, Tree};

use super::duplicates::{FileHash, Known};
use super::error::WriteError;
use super::options::Options;
use super::output::Output;
use super::pipeline::{Pipeline, Placed};
use crate::content::{ReadContent, copy_exactly};

/// Behind full blocks, a tail that is longer than this part of a block is not packed.
const LONG_TAIL: usize = 4;

/// Where the bytes of a file lie.
#[derive(Debug, Clone, Default)]
pub(super) struct FileData {
    pub(super) len: u64,
    /// Where its first block lies that is not sparse.
    pub(super) start: Option<u64>,
    /// The size of each block, as stored: 0 is a block of zeros.
    pub(super) blocks: Vec<u32>,
    /// In which fragment its tail lies, and how many bytes into it.
    pub(super) tail: Option<(u32, u32)>,
    /// Bytes that are not stored because they are zeros.
    pub(super) sparse: u64,
}

/// A block of fragments.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fragment {
    pub(super) start: u64,
    pub(super) size: u32,
}

/// All data of an image.
#[derive(Debug, Default)]
pub(super) struct Data {
    files: Vec<FileData>,
    pub(super) fragments: Vec<Fragment>,
    /// By inode, which of the files it has.
    of_inode: Vec<usize>,
}

impl Data {
    /// Where the bytes of a file lie, by the position of its inode in the tree.
    pub(super) fn of(&self, inode: usize) -> &FileData {
        &self.files[self.of_inode[inode]]
    }

    fn record(&mut self, placed: Option<Placed<Place>>) {
        let Some(Placed { place, start, size }) = placed else {
            return;
        };
        match place {
            Place::Block { file, index } => {
                let file = &mut self.files[file];
                file.start.get_or_insert(start);
                file.blocks[index] = size;
            }
            Place::Fragment(index) => self.fragments[index] = Fragment { start, size },
        }
    }
}

/// What a block is.
#[derive(Debug, Clone, Copy)]
enum Place {
    Block { file: usize, index: usize },
    Fragment(usize),
}

/// Writes the bytes of all files, in walking order.
pub(super) fn write<W: Write + Seek>(
    tree: &Tree,
    contents: &dyn ReadContent,
    options: &Options,
    out: &mut Output<W>,
) -> Result<Data, WriteError> {
    thread::scope(|scope| {
        let mut packer = Packer {
            contents,
            block_size: options.block_size as usize,
            known: Known::new(tree, contents),
            fragment: Vec::new(),
            sink: Sink {
                pipeline: Pipeline::new(scope, options, out).map_err(WriteError::Output)?,
                data: Data {
                    of_inode: vec![usize::MAX; tree.inodes().len()],
                    ..Data::default()
                },
            },
        };
        for visit in tree.walk().filter(|visit| visit.first) {
            if let InodeKind::File(content) = &visit.inode.kind {
                let file = packer.file(content).map_err(|source| WriteError::Io {
                    path: visit.path.clone(),
                    source,
                })?;
                packer.sink.data.of_inode[visit.id.index()] = file;
            }
        }
        packer.finish().map_err(WriteError::Output)
    })
}

struct Packer<'a, W> {
    contents: &'a dyn ReadContent,
    block_size: usize,
    known: Known<'a>,
    /// The tails that wait for their block to be full.
    fragment: Vec<u8>,
    sink: Sink<'a, W>,
}

impl<'a, W: Write + Seek> Packer<'a, W> {
    /// The number of the file that has the bytes of `content`: an earlier one, or a new one.
    fn file(&mut self, content: &'a Content) -> io::Result<usize> {
        if let Some(file) = self.known.at_same_place(content) {
            return Ok(file);
        }
        let small = content.len() < self.block_size as u64;
        let bytes = small.then(|| self.bytes(content)).transpose()?;
        let mut hash = None;
        if self.known.may_have_twin(content) {
            let value = self.hash(content, bytes.as_deref())?;
            if let Some(file) = self.known.twin(content, value, bytes.as_deref())? {
                self.known.remember_twin(content, file);
                return Ok(file);
            }
            hash = Some(value);
        }
        let file = self.sink.data.files.len();
        self.sink.data.files.push(FileData {
            len: content.len(),
            ..FileData::default()
        });
        let tail = match bytes {
            Some(bytes) => bytes,
            None => cut(self.contents, content, self.block_size, |block| {
                self.sink.block(file, block)
            })?,
        };
        self.tail(file, tail)?;
        self.known.remember(content, hash, file);
        Ok(file)
    }

    fn bytes(&self, content: &Content) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.block_size.min(content.len() as usize));
        copy_exactly(self.contents, content, &mut bytes)?;
        Ok(bytes)
    }

    fn hash(&self, content: &Content, bytes: Option<&[u8]>) -> io::Result<u64> {
        let mut hash = FileHash::default();
        match bytes {
            Some(bytes) => hash.add(bytes),
            None => {
                let tail = cut(self.contents, content, self.block_size, |block| {
                    hash.add(&block);
                    Ok(())
                })?;
                hash.add(&tail);
            }
        }
        Ok(hash.value())
    }

    fn tail(&mut self, file: usize, tail: Vec<u8>) -> io::Result<()> {
        if tail.is_empty() {
            return Ok(());
        }
        let long = tail.len() > self.block_size / LONG_TAIL;
        if long && !self.sink.data.files[file].blocks.is_empty() {
            return self.sink.block(file, tail);
        }
        if self.fragment.len() + tail.len() > self.block_size {
            self.sink.fragment(mem::take(&mut self.fragment))?;
        }
        let number = |count: usize| u32::try_from(count).map_err(io::Error::other);
        let place = (
            number(self.sink.data.fragments.len())?,
            number(self.fragment.len())?,
        );
        self.sink.data.files[file].tail = Some(place);
        self.fragment.extend_from_slice(&tail);
        Ok(())
    }

    fn finish(mut self) -> io::Result<Data> {
        if !self.fragment.is_empty() {
            self.sink.fragment(self.fragment)?;
        }
        while let Some(placed) = self.sink.pipeline.next()? {
            self.sink.data.record(Some(placed));
        }
        Ok(self.sink.data)
    }
}

/// Where blocks go.
struct Sink<'a, W> {
    pipeline: Pipeline<'a, W, Place>,
    data: Data,
}

impl<W: Write + Seek> Sink<'_, W> {
    /// The next block of a file.
    fn block(&mut self, file: usize, raw: Vec<u8>) -> io::Result<()> {
        let data = &mut self.data.files[file];
        let index = data.blocks.len();
        data.blocks.push(0);
        if raw.iter().all(|&byte| byte == 0) {
            data.sparse += raw.len() as u64;
            return Ok(());
        }
        let placed = self.pipeline.submit(Place::Block { file, index }, raw)?;
        self.data.record(placed);
        Ok(())
    }

    /// The next block of fragments.
    fn fragment(&mut self, raw: Vec<u8>) -> io::Result<()> {
        let place = Place::Fragment(self.data.fragments.len());
        self.data.fragments.push(Fragment::default());
        let placed = self.pipeline.submit(place, raw)?;
        self.data.record(placed);
        Ok(())
    }
}

/// Gives the full blocks of a file to `emit`, and returns what is left.
fn cut(
    contents: &dyn ReadContent,
    content: &Content,
    block_size: usize,
    emit: impl FnMut(Vec<u8>) -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    let mut blocks = Blocks {
        open: Vec::with_capacity(block_size),
        block_size,
        emit,
    };
    copy_exactly(contents, content, &mut blocks)?;
    Ok(blocks.open)
}

struct Blocks<F> {
    /// Never full.
    open: Vec<u8>,
    block_size: usize,
    emit: F,
}

impl<F: FnMut(Vec<u8>) -> io::Result<()>> Write for Blocks<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.block_size - self.open.len());
        self.open.extend_from_slice(&bytes[..count]);
        if self.open.len() == self.block_size {
            let next = Vec::with_capacity(self.block_size);
            (self.emit)(mem::replace(&mut self.open, next))?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
