//! Placing partitions, and checking what came of it.

use std::collections::HashSet;

use super::error::GptError;
use super::partition::{Extent, Partition};
use super::{ALIGNMENT, BACKUP_SECTORS, ENTRIES, FIRST_USABLE, NAME_UNITS, SECTOR};
use crate::guid::Guid;

const ALIGNMENT_SECTORS: u64 = ALIGNMENT / SECTOR;

/// A partition that has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// What was asked for.
    pub partition: Partition,
    /// Its first sector.
    pub first_lba: u64,
    /// How many sectors it has, at least one.
    pub sectors: u64,
}

impl Placed {
    /// Where it begins, in bytes from the beginning of the disk.
    pub fn offset(&self) -> u64 {
        self.first_lba * SECTOR
    }

    /// Its length in bytes.
    pub fn byte_len(&self) -> u64 {
        self.sectors * SECTOR
    }

    pub(super) fn last_lba(&self) -> u64 {
        self.first_lba + self.sectors - 1
    }
}

/// A disk's partitions, each in its place: checked, so that the table can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub(super) disk: Guid,
    pub(super) sectors: u64,
    pub(super) placed: Vec<Placed>,
}

impl Layout {
    /// Places `partitions` on a disk of `len` bytes that is called `disk`. Partition numbers follow the
    /// list.
    pub fn new(len: u64, disk: Guid, partitions: &[Partition]) -> Result<Self, GptError> {
        if !len.is_multiple_of(SECTOR) {
            return Err(GptError::PartialSector(len));
        }
        check_fields(disk, partitions)?;
        let needed = needed_len(partitions)?;
        if len < needed {
            return Err(GptError::DiskTooSmall { len, needed });
        }
        let sectors = len / SECTOR;
        let placed = place(partitions, Some(sectors - BACKUP_SECTORS))?;
        check_overlaps(&placed)?;
        Ok(Self {
            disk,
            sectors,
            placed,
        })
    }

    /// As [`new`](Self::new), on the smallest disk that has room: a multiple of 1 MiB. A partition that
    /// takes the rest gets 1 MiB.
    pub fn fitting(disk: Guid, partitions: &[Partition]) -> Result<Self, GptError> {
        let needed = needed_len(partitions)?;
        let len = needed.checked_next_multiple_of(ALIGNMENT);
        let len = len.ok_or(GptError::Outside(partitions.len()))?;
        Self::new(len, disk, partitions)
    }

    /// Length of the disk in bytes.
    pub fn disk_len(&self) -> u64 {
        self.sectors * SECTOR
    }

    /// The partitions in the order of their numbers, which need not be that of their places.
    pub fn partitions(&self) -> &[Placed] {
        &self.placed
    }
}

/// The bytes that a disk must have for these partitions and both tables.
fn needed_len(partitions: &[Partition]) -> Result<u64, GptError> {
    let placed = place(partitions, None)?;
    let end = placed.iter().map(|p| p.first_lba + p.sectors).max();
    let end = end.unwrap_or(FIRST_USABLE).max(FIRST_USABLE);
    let len = end
        .checked_add(BACKUP_SECTORS)
        .and_then(|sectors| sectors.checked_mul(SECTOR));
    len.ok_or(GptError::Outside(partitions.len()))
}

/// Gives each partition its place. `usable_end` is the first sector that no partition can have; where
/// it is not known, the rest of the disk is 1 MiB.
fn place(partitions: &[Partition], usable_end: Option<u64>) -> Result<Vec<Placed>, GptError> {
    let mut placed = Vec::with_capacity(partitions.len());
    let mut free = FIRST_USABLE;
    for (index, partition) in partitions.iter().enumerate() {
        let number = index + 1;
        let aligned = free.checked_next_multiple_of(ALIGNMENT_SECTORS);
        let (first_lba, sectors) = match partition.extent {
            Extent::At { first_lba, sectors } => (Some(first_lba), Some(sectors)),
            Extent::Next { len } => (
                aligned,
                len.checked_next_multiple_of(ALIGNMENT)
                    .map(|len| len / SECTOR),
            ),
            Extent::Rest => (aligned, rest(aligned, usable_end)),
        };
        let (Some(first_lba), Some(sectors)) = (first_lba, sectors) else {
            return Err(GptError::Outside(number));
        };
        let end = first_lba.checked_add(sectors);
        let inside =
            |end: &u64| first_lba >= FIRST_USABLE && usable_end.is_none_or(|max| *end <= max);
        let end = end.filter(inside);
        let end = end.ok_or(GptError::Outside(number))?;
        if sectors == 0 {
            return Err(GptError::Empty(number));
        }
        free = free.max(end);
        placed.push(Placed {
            partition: partition.clone(),
            first_lba,
            sectors,
        });
    }
    Ok(placed)
}

fn rest(first: Option<u64>, usable_end: Option<u64>) -> Option<u64> {
    let Some(end) = usable_end else {
        return Some(ALIGNMENT_SECTORS);
    };
    let end = end / ALIGNMENT_SECTORS * ALIGNMENT_SECTORS;
    end.checked_sub(first?)
}

fn check_fields(disk: Guid, partitions: &[Partition]) -> Result<(), GptError> {
    if partitions.len() > ENTRIES {
        return Err(GptError::TooMany(partitions.len()));
    }
    let mut seen = HashSet::from([disk]);
    for (index, partition) in partitions.iter().enumerate() {
        let index = index + 1;
        let &Partition {
            kind,
            guid,
            ref name,
            ..
        } = partition;
        if kind == Guid::NIL || guid == Guid::NIL {
            return Err(GptError::Nil(index));
        }
        if !seen.insert(guid) {
            return Err(GptError::Duplicate { index, guid });
        }
        if name.encode_utf16().count() > NAME_UNITS || name.contains('\0') {
            let name = name.clone();
            return Err(GptError::Name { index, name });
        }
    }
    Ok(())
}

fn check_overlaps(placed: &[Placed]) -> Result<(), GptError> {
    let mut order: Vec<usize> = (0..placed.len()).collect();
    order.sort_by_key(|&index| placed[index].first_lba);
    for pair in order.windows(2) {
        let (before, after) = (&placed[pair[0]], &placed[pair[1]]);
        if after.first_lba <= before.last_lba() {
            let (low, high) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
            return Err(GptError::Overlap(low + 1, high + 1));
        }
    }
    Ok(())
}
