//! Tables that are looked up by number (section 2.3), loaded whole.

use super::error::ReadError;
use super::fields::Fields;
use super::metadata::{Metadata, Place};
use super::superblock::Superblock;
use crate::read_at::ReadAt;
use crate::squashfs::metadata::METADATA_BLOCK;

/// A block of fragments: where it lies, and its size as stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment {
    pub(super) start: u64,
    pub(super) size: u32,
}

/// User and group ids, by number.
pub(super) fn owners<S: ReadAt>(
    metadata: &mut Metadata<'_, S>,
    superblock: &Superblock,
) -> Result<Vec<u32>, ReadError> {
    let count = superblock.owners.into();
    let records = table::<4, S>(metadata, superblock.owner_table, count)?;
    Ok(records.into_iter().map(u32::from_le_bytes).collect())
}

/// Blocks of fragments, by number.
pub(super) fn fragments<S: ReadAt>(
    metadata: &mut Metadata<'_, S>,
    superblock: &Superblock,
) -> Result<Vec<Fragment>, ReadError> {
    let Some(at) = superblock
        .fragment_table
        .filter(|_| superblock.fragments > 0)
    else {
        return Ok(Vec::new());
    };
    let records = table::<16, S>(metadata, at, superblock.fragments)?;
    let fragment = |record: [u8; 16]| {
        let mut fields = Fields(&record);
        Fragment {
            start: fields.u64(),
            size: fields.u32(),
        }
    };
    Ok(records.into_iter().map(fragment).collect())
}

/// The records of a table whose list of locations is at `at`.
pub(super) fn table<const N: usize, S: ReadAt>(
    metadata: &mut Metadata<'_, S>,
    at: u64,
    count: u32,
) -> Result<Vec<[u8; N]>, ReadError> {
    let in_block = METADATA_BLOCK / N;
    let mut left = count as usize;
    metadata.hold(left as u64 * N as u64)?;
    let locations = metadata.plain(at, left.div_ceil(in_block) * 8)?;
    let mut locations = Fields(&locations);
    let mut records = Vec::with_capacity(left);
    while left > 0 {
        let mut place = Place::at(locations.u64(), 0);
        for _ in 0..left.min(in_block) {
            records.push(metadata.read(&mut place)?);
        }
        left -= left.min(in_block);
    }
    Ok(records)
}
