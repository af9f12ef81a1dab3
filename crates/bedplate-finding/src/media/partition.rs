//! The GUID of a partition, from the disk's GUID partition table (UEFI specification 2.10, 5.3).
//!
//! ```text
//! header, block 1      0 "EFI PART"    72 first block of entries u64    80 number of entries u32   84 length of one u32
//! entry               16 unique partition GUID, its first three fields little-endian
//! ```
//!
//! The kernel has judged the table before it made partitions of it, and dm-verity judges what lies in them: so
//! no checksum is looked at here.

use std::io::{self, Read, Seek, SeekFrom};

/// More than the 128 entries that everybody makes.
const MOST_ENTRIES: u32 = 1024;
const ENTRY_LENS: std::ops::RangeInclusive<u32> = 128..=4096;

/// The GUID of a disk's partition `number` (from 1), as its text has the bytes; `None` if the disk has no GUID
/// partition table or no such partition. `block_len` is the disk's logical block size in bytes.
pub fn partition_guid(
    disk: &mut (impl Read + Seek),
    block_len: u64,
    number: u32,
) -> io::Result<Option<[u8; 16]>> {
    let mut header = [0; 92];
    disk.seek(SeekFrom::Start(block_len))?;
    disk.read_exact(&mut header)?;
    let number_at = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("4 bytes"));
    let first = u64::from_le_bytes(header[72..80].try_into().expect("8 bytes"));
    let (entries, entry_len) = (number_at(80), number_at(84));
    let place = first
        .checked_mul(block_len)
        .and_then(|at| at.checked_add(u64::from(number.checked_sub(1)?) * u64::from(entry_len)));
    let (Some(place), b"EFI PART", true, true) = (
        place,
        &header[..8],
        number <= entries.min(MOST_ENTRIES),
        ENTRY_LENS.contains(&entry_len),
    ) else {
        return Ok(None);
    };
    let mut entry = [0; 32];
    disk.seek(SeekFrom::Start(place))?;
    disk.read_exact(&mut entry)?;
    let mut guid: [u8; 16] = entry[16..].try_into().expect("16 bytes");
    for field in [0..4, 4..6, 6..8] {
        guid[field].reverse();
    }
    Ok((guid != [0; 16]).then_some(guid))
}

/// The GUIDs of the partitions that hold the data and the hashes for a root hash of 64 hexadecimal digits: its
/// first and its last 128 bits (Discoverable Partitions Specification, UAPI.2, "Verity").
pub fn root_hash_guids(root_hash: &str) -> Option<[[u8; 16]; 2]> {
    let half = |text: &str| Some(u128::from_str_radix(text, 16).ok()?.to_be_bytes());
    let digits = root_hash.len() == 64 && root_hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits
        .then(|| Some([half(&root_hash[..32])?, half(&root_hash[32..])?]))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn disk(entry_len: u32) -> Vec<u8> {
        let mut disk = vec![0; 64 * 512];
        disk[512..520].copy_from_slice(b"EFI PART");
        disk[512 + 72] = 2;
        disk[512 + 80] = 128;
        disk[512 + 84..512 + 88].copy_from_slice(&entry_len.to_le_bytes());
        let second = 1024 + entry_len as usize;
        if let Some(guid) = disk.get_mut(second + 16..second + 32) {
            guid.copy_from_slice(&[3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15]);
        }
        disk
    }

    fn guid(disk: Vec<u8>, number: u32) -> Option<[u8; 16]> {
        partition_guid(&mut Cursor::new(disk), 512, number).unwrap_or_default()
    }

    #[test]
    fn the_guid_is_that_of_the_entry() {
        let expected = std::array::from_fn(|at| at as u8);
        assert_eq!(guid(disk(128), 2), Some(expected));
        assert_eq!(guid(disk(256), 2), Some(expected));
    }

    #[test]
    fn what_is_no_table_has_none() {
        assert_eq!(guid(disk(128), 1), None, "an unused entry");
        assert_eq!(guid(disk(128), 0), None);
        assert_eq!(guid(disk(128), 129), None);
        assert_eq!(guid(disk(16), 2), None);
        assert_eq!(guid(vec![0; 4096], 1), None);
        assert_eq!(guid(Vec::new(), 1), None);
    }

    #[test]
    fn the_root_hash_names_two_partitions() {
        let hash = format!("{:032x}{:032x}", 1, 2);
        let [data, hashes] = root_hash_guids(&hash).unwrap();
        assert_eq!((data[15], hashes[15]), (1, 2));
        for bad in ["", &hash[1..], &format!("+{}", &hash[1..])] {
            assert_eq!(root_hash_guids(bad), None);
        }
    }
}
