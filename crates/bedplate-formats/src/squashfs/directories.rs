//! Listings of directories (section 6), and the index that large ones have in their inode.
//!
//! ```text
//! run:    0 entries - 1 (u32)   4 block of their inodes (u32)   8 a number of an inode (u32)   entries
//! entry:  0 offset of inode in its block (u16)   2 its number, from that of the run (i16)   4 kind (u16)
//!         6 length of name - 1 (u16)   8 name
//! index:  0 bytes from the listing's beginning to a run (u32)   4 block of the run (u32)
//!         8 length of name - 1 (u32)   12 name of the run's first entry
//! ```
//!
//! A run ends after 256 entries, where the inodes are in another block or their numbers too far away,
//! and where a metadata block ends, so that the index can lead to each block.

use super::error::WriteError;
use super::metadata::{METADATA_BLOCK, Metadata, Reference};
use super::record::Record;

const RUN_HEADER: usize = 12;
const ENTRY_HEADER: usize = 8;
const MAX_RUN: usize = 256;
/// What the size in an inode is larger than the listing, for `.` and `..`.
const DOTS: u32 = 3;

/// One name in a directory.
pub(super) struct Name<'a> {
    pub(super) name: &'a [u8],
    /// Kind of the basic inode.
    pub(super) kind: u16,
    /// Number of the inode.
    pub(super) number: u32,
    pub(super) inode: Reference,
}

/// A listing that was written.
#[derive(Debug)]
pub(super) struct Listing {
    /// The metadata block that it begins in.
    pub(super) block: u32,
    /// Where in that block.
    pub(super) offset: u16,
    /// Its bytes and 3.
    pub(super) size: u32,
    /// Empty if the directory is small.
    pub(super) index: Vec<Record>,
}

/// Writes the names of one directory, which are in bytewise order.
pub(super) fn write(table: &mut Metadata, names: &[Name<'_>]) -> Result<Listing, WriteError> {
    let start = table.position();
    let mut written = Listing {
        block: fitting(start.block, "directories")?,
        offset: start.offset,
        size: DOTS,
        index: Vec::new(),
    };
    let mut indexed = start.block;
    let mut rest = names;
    while let Some(first) = rest.first() {
        let at = table.position();
        let (run, later) = rest.split_at(run_len(rest, at.offset.into()));
        rest = later;
        if at.block != indexed {
            indexed = at.block;
            written.index.push(
                Record::default()
                    .u32(written.size - DOTS)
                    .u32(fitting(at.block, "directories")?)
                    .u32(u32::from(name_len(first)))
                    .bytes(first.name),
            );
        }
        let record = run_record(run)?;
        let size = u64::from(written.size) + record.len() as u64;
        written.size = fitting(size, "directories")?;
        let wrote = table.write(record.as_bytes());
        wrote.map_err(WriteError::Output)?;
    }
    if written.size as usize <= METADATA_BLOCK {
        written.index.clear();
    }
    Ok(written)
}

/// How many of the names go into a run that begins at `offset` of a metadata block.
fn run_len(names: &[Name<'_>], offset: usize) -> usize {
    let first = &names[0];
    let mut end = offset + RUN_HEADER;
    let fits = |(index, name): &(usize, &Name<'_>)| {
        let begins = end;
        end += ENTRY_HEADER + name.name.len();
        let near = i16::try_from(i64::from(name.number) - i64::from(first.number)).is_ok();
        let same_block = name.inode.block == first.inode.block;
        *index == 0 || (near && same_block && begins < METADATA_BLOCK)
    };
    names
        .iter()
        .enumerate()
        .take(MAX_RUN)
        .take_while(fits)
        .count()
}

fn run_record(run: &[Name<'_>]) -> Result<Record, WriteError> {
    let first = &run[0];
    let head = Record::default()
        .u32(u32::try_from(run.len() - 1).expect("a run has at most 256 entries"))
        .u32(fitting(first.inode.block, "inodes")?)
        .u32(first.number);
    Ok(run.iter().fold(head, |record, name| {
        let distance = name.number.wrapping_sub(first.number) as u16;
        record
            .u16(name.inode.offset)
            .u16(distance)
            .u16(name.kind)
            .u16(name_len(name))
            .bytes(name.name)
    }))
}

/// As the format has it: one less.
fn name_len(name: &Name<'_>) -> u16 {
    u16::try_from(name.name.len() - 1).expect("names have 1 to 255 bytes")
}

fn fitting(number: u64, what: &'static str) -> Result<u32, WriteError> {
    u32::try_from(number).map_err(|_| WriteError::TableTooLarge { what })
}

#[cfg(test)]
mod tests {
    use super::super::options::Compression;
    use super::*;

    fn u32_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..][..4].try_into().unwrap())
    }

    /// The metadata of `count` names of some length, behind `before` other bytes.
    fn listing(count: u32, before: usize) -> (Listing, Vec<u8>) {
        let names: Vec<String> = (0..count)
            .map(|number| format!("name-{number:08}"))
            .collect();
        let name = |(number, name)| Name {
            name: String::as_bytes(name),
            kind: 2,
            number,
            inode: Reference {
                block: 0,
                offset: 0,
            },
        };
        let names: Vec<Name<'_>> = (1..).zip(&names).map(name).collect();
        let mut table = Metadata::new(Compression::None).unwrap();
        table.write(&vec![0xff; before]).unwrap();
        let listing = write(&mut table, &names).unwrap();
        (listing, table.finish().unwrap())
    }

    #[test]
    fn the_index_leads_to_the_first_run_in_each_block() {
        for before in [0, 1, 8180, 8190, 20_000] {
            let (listing, table) = listing(2000, before);
            // Nothing is compressed, so that a block of the table is its 8192 bytes and two more.
            let blocks = (listing.size as usize + before % METADATA_BLOCK) / METADATA_BLOCK;
            assert_eq!(listing.index.len(), blocks);
            let mut last = listing.block;
            for entry in &listing.index {
                let entry = entry.as_bytes();
                let (from, block) = (u32_at(entry, 0) as usize, u32_at(entry, 4));
                assert_eq!(block, last + METADATA_BLOCK as u32 + 2);
                last = block;
                let offset = (from + usize::from(listing.offset)) % METADATA_BLOCK;
                assert!(offset < RUN_HEADER + ENTRY_HEADER + 13, "{offset}");
                // A record may go on behind the header of the next block, so cut the headers out.
                let mut rest = table[block as usize..].chunks(METADATA_BLOCK + 2);
                let raw: Vec<u8> = rest
                    .by_ref()
                    .flat_map(|piece| &piece[2..])
                    .copied()
                    .collect();
                let name = &raw[offset + RUN_HEADER + ENTRY_HEADER..][..13];
                assert_eq!(name, &entry[12..]);
                assert_eq!(u32_at(entry, 8), 12);
            }
        }
    }

    #[test]
    fn small_directories_have_no_index() {
        assert!(listing(100, 8000).0.index.is_empty());
        assert!(listing(0, 0).0.index.is_empty());
        assert_eq!(listing(0, 0).0.size, DOTS);
    }
}
