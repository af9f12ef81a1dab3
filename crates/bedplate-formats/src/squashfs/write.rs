//! Writing an image: data, tables, and the superblock at last.

use std::io::{self, Seek, Write};

use bedplate_tree::Tree;

use super::NO_TABLE;
use super::check::check;
use super::data::{self, Data};
use super::error::WriteError;
use super::metadata::Table;
use super::options::{Compression, Options};
use super::output::Output;
use super::record::Record;
use super::tables::{Tables, tables};
use crate::content::ReadContent;

const SUPERBLOCK: usize = 96;
const MAGIC: u32 = 0x7371_7368;
/// Images end at a multiple of this, so that any block device can hold them.
const PADDING: u64 = 4096;

/// Flags of the superblock. Only the one for options means something to readers.
mod flag {
    /// Inodes, data, fragments, attributes and owners are not compressed.
    pub(super) const ALL_RAW: u16 = 0x0001 | 0x0002 | 0x0008 | 0x0100 | 0x0800;
    pub(super) const DUPLICATES: u16 = 0x0040;
    pub(super) const NO_XATTRS: u16 = 0x0200;
    pub(super) const OPTIONS: u16 = 0x0400;
}

/// Writes a tree as an image and gives `out` back, which then stands behind it.
///
/// The image begins where `out` stands and has a length that is a multiple of 4096. The same tree,
/// contents and options give the same bytes, except that the number of threads does not show. What the
/// format has no place for is left out (attributes) or an error before the first byte (all else):
/// [`unrepresentable`](super::unrepresentable) names it.
pub fn write<W: Write + Seek>(
    tree: &Tree,
    contents: &dyn ReadContent,
    options: &Options,
    out: W,
) -> Result<W, WriteError> {
    options.check()?;
    let epoch = options.epoch.0;
    let time = u32::try_from(epoch).map_err(|_| WriteError::TooLate { epoch })?;
    check(tree)?;
    let mut out = Output::new(out).map_err(WriteError::Output)?;
    let beginning = [0; SUPERBLOCK];
    out.write(&beginning)
        .and_then(|()| out.write(&compressor_options(options.compression)))
        .map_err(WriteError::Output)?;
    let data = data::write(tree, contents, options, &mut out)?;
    let tables = tables(tree, &data, time, options.compression)?;
    let superblock = Superblock {
        time,
        inodes: u32::try_from(tree.inodes().len()).expect("ids of inodes have 32 bits"),
        ..Superblock::default()
    };
    let superblock = superblock
        .write_tables(tables, &data, options.compression, &mut out)
        .map_err(WriteError::Output)?;
    out.pad(PADDING)
        .and_then(|()| out.finish(superblock.record(options).as_bytes()))
        .map_err(WriteError::Output)
}

/// A metadata block, never compressed, with the level (sections 3.1 and 3.1.4).
fn compressor_options(compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => Vec::new(),
        Compression::Zstd { level } => {
            [&0x8004_u16.to_le_bytes()[..], &level.to_le_bytes()].concat()
        }
    }
}

/// What the superblock says (section 3); tables by their place in the image.
#[derive(Default)]
struct Superblock {
    time: u32,
    inodes: u32,
    fragments: u32,
    owners: u16,
    root: u64,
    used: u64,
    owner_table: u64,
    xattr_table: Option<u64>,
    inode_table: u64,
    directory_table: u64,
    fragment_table: Option<u64>,
}

impl Superblock {
    /// Writes the tables in the order that the kernel insists on.
    fn write_tables<W: Write + Seek>(
        mut self,
        tables: Tables,
        data: &Data,
        compression: Compression,
        out: &mut Output<W>,
    ) -> io::Result<Self> {
        self.root = tables.root.packed();
        self.inode_table = out.position();
        out.write(&tables.inodes.finish()?)?;
        self.directory_table = out.position();
        out.write(&tables.directories.finish()?)?;
        if !data.fragments.is_empty() {
            self.fragments = u32::try_from(data.fragments.len()).map_err(io::Error::other)?;
            self.fragment_table = Some(lookup(&fragments(data), compression, out)?);
        }
        self.owners = tables.owners.count();
        self.owner_table = lookup(&tables.owners.records(), compression, out)?;
        if let Some((bytes, table)) = tables.xattrs.finish(out.position(), compression)? {
            self.xattr_table = Some(table);
            out.write(&bytes)?;
        }
        self.used = out.position();
        Ok(self)
    }

    fn record(&self, options: &Options) -> Record {
        let (compressor, mut flags) = match options.compression {
            Compression::None => (1, flag::ALL_RAW),
            Compression::Zstd { .. } => (6, flag::OPTIONS),
        };
        flags |= flag::DUPLICATES;
        if self.xattr_table.is_none() {
            flags |= flag::NO_XATTRS;
        }
        let block_log = u16::try_from(options.block_size.ilog2()).expect("it is at most 20");
        Record::default()
            .u32(MAGIC)
            .u32(self.inodes)
            .u32(self.time)
            .u32(options.block_size)
            .u32(self.fragments)
            .u16(compressor)
            .u16(block_log)
            .u16(flags)
            .u16(self.owners)
            .u16(4)
            .u16(0)
            .u64(self.root)
            .u64(self.used)
            .u64(self.owner_table)
            .u64(self.xattr_table.unwrap_or(NO_TABLE))
            .u64(self.inode_table)
            .u64(self.directory_table)
            .u64(self.fragment_table.unwrap_or(NO_TABLE))
            .u64(NO_TABLE)
    }
}

/// Writes a table that is looked up by number, and tells where its locations are.
fn lookup<W: Write + Seek>(
    records: &[u8],
    compression: Compression,
    out: &mut Output<W>,
) -> io::Result<u64> {
    let table = Table::new(records, out.position(), compression)?;
    out.write(&table.blocks)?;
    let at = out.position();
    out.write(&table.locations)?;
    Ok(at)
}

/// The table of blocks of fragments (section 7): `start (u64), size (u32), 0 (u32)` each.
fn fragments(data: &Data) -> Vec<u8> {
    let records = data
        .fragments
        .iter()
        .fold(Record::default(), |record, fragment| {
            record.u64(fragment.start).u32(fragment.size).u32(0)
        });
    records.as_bytes().to_vec()
}
