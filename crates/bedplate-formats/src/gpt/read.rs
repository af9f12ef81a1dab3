//! Reading the table at the beginning of a disk.

use std::io;

use flate2::Crc;

use super::{ENTRY_LEN, SECTOR};
use crate::guid::Guid;
use crate::read_at::ReadAt;

/// More bytes than any table has that a disk of today is made with.
const MAX_ENTRIES_LEN: u64 = 1 << 20;

/// A partition that a disk has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is for: one of [`types`](super::types), or another.
    pub kind: Guid,
    /// Its own name.
    pub guid: Guid,
    /// Where it begins, in bytes from the beginning of the disk.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

/// Why no table was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed, or the disk ends before its table does.
    #[error("cannot read the partition table")]
    Io(#[source] io::Error),
    /// Something in the table has no meaning.
    #[error("the disk has no good partition table: {0}")]
    Malformed(&'static str),
}

/// The partitions of a disk with sectors of 512 bytes, in the order of the table, each within the disk. The
/// backup table at the end is not looked at.
pub fn read(disk: &impl ReadAt) -> Result<Vec<Found>, ReadError> {
    let mut header = [0; 92];
    disk.read_exact_at(&mut header, SECTOR)
        .map_err(ReadError::Io)?;
    if !header.starts_with(b"EFI PART") {
        return Err(ReadError::Malformed("it does not begin with `EFI PART`"));
    }
    let number = |at: usize| u32::from_le_bytes(array(&header, at));
    let (count, entry_len) = (number(80), number(84));
    let len = u64::from(count) * u64::from(entry_len);
    if !(ENTRY_LEN as u32..=4096).contains(&entry_len) || len > MAX_ENTRIES_LEN {
        return Err(ReadError::Malformed("its entries have a strange size"));
    }
    let at = u64::from_le_bytes(array(&header, 72)).checked_mul(SECTOR);
    let at = at.ok_or(ReadError::Malformed("its entries lie beyond the disk"))?;
    let mut entries = vec![0; len as usize];
    disk.read_exact_at(&mut entries, at)
        .map_err(ReadError::Io)?;
    let mut crc = Crc::new();
    crc.update(&entries);
    if crc.sum() != number(88) {
        return Err(ReadError::Malformed("the checksum of its entries is wrong"));
    }
    let entries = entries.chunks_exact(entry_len as usize);
    entries
        .filter(|entry| entry[..16] != [0; 16])
        .map(|entry| found(entry, disk.len()))
        .collect()
}

fn found(entry: &[u8], disk: u64) -> Result<Found, ReadError> {
    let lba = |at: usize| u64::from_le_bytes(array(entry, at));
    let outside = ReadError::Malformed("a partition lies outside of the disk");
    let end = lba(40)
        .checked_add(1)
        .and_then(|end| end.checked_mul(SECTOR));
    let offset = lba(32).checked_mul(SECTOR);
    let (Some(offset), Some(end)) = (offset, end) else {
        return Err(outside);
    };
    if offset >= end || end > disk {
        return Err(outside);
    }
    Ok(Found {
        kind: Guid::from_uefi_bytes(array(entry, 0)),
        guid: Guid::from_uefi_bytes(array(entry, 16)),
        offset,
        len: end - offset,
    })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let field = bytes.get(at..).and_then(<[u8]>::first_chunk);
    *field.expect("headers and entries are read whole")
}
