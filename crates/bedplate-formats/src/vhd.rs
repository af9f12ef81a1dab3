//! Fixed virtual hard disks (VHD): a disk as it is, and a footer behind it.
//!
//! ```text
//!  0 "conectix"        24 seconds since 2000    48 length now        68 unique id
//!  8 2                 28 who made it           56 cylinders (u16)   84 zeros
//! 12 0x10000           32 its version              heads, sectors (u8)
//! 16 -1: nothing else  36 its system            60 2: fixed
//!                      40 length at first       64 checksum
//! ```
//!
//! All numbers big-endian. Source: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0.

use bedplate_types::Epoch;

use crate::guid::Guid;

/// Bytes in a footer.
pub const FOOTER_LEN: usize = 512;
const SECTOR: u64 = 512;
/// 2000-01-01T00:00:00Z, where the time of footers begins.
const YEAR_2000: u64 = 946_684_800;

/// The footer of a disk of `len` bytes, a multiple of 512, that is called `id`. A time before 2000 becomes the
/// first second of that year, one that has no room the last that has.
pub fn footer(len: u64, id: Guid, epoch: Epoch) -> [u8; FOOTER_LEN] {
    let seconds = u32::try_from(epoch.0.saturating_sub(YEAR_2000)).unwrap_or(u32::MAX);
    let (cylinders, heads, sectors) = geometry(len / SECTOR);
    let mut footer = [0; FOOTER_LEN];
    let mut put = |at: usize, bytes: &[u8]| footer[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"conectix");
    put(8, &2_u32.to_be_bytes());
    put(12, &0x0001_0000_u32.to_be_bytes());
    put(16, &u64::MAX.to_be_bytes());
    put(24, &seconds.to_be_bytes());
    // As Hyper-V writes it: readers then take the length, and do not work it out from the geometry.
    put(28, b"win ");
    put(32, &0x000a_0000_u32.to_be_bytes());
    put(36, b"Wi2k");
    put(40, &len.to_be_bytes());
    put(48, &len.to_be_bytes());
    put(56, &cylinders.to_be_bytes());
    put(58, &[heads, sectors]);
    put(60, &2_u32.to_be_bytes());
    put(68, id.as_bytes());
    let sum = footer.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    footer[64..68].copy_from_slice(&(!sum).to_be_bytes());
    footer
}

/// Cylinders, heads and sectors of a track ("CHS Calculation").
fn geometry(sectors: u64) -> (u16, u8, u8) {
    let sectors = sectors.min(65_535 * 16 * 255);
    let (heads, track) = if sectors >= 65_535 * 16 * 63 {
        (16, 255)
    } else {
        let heads = (sectors / 17).div_ceil(1024).max(4);
        if heads <= 16 && sectors / 17 < heads * 1024 {
            (heads, 17)
        } else if sectors / 31 < 16 * 1024 {
            (16, 31)
        } else {
            (16, 63)
        }
    };
    let cylinders = sectors / track / heads;
    let small = |number: u64| u8::try_from(number).expect("255 at most");
    let cylinders = u16::try_from(cylinders).expect("65535 at most");
    (cylinders, small(heads), small(track))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_geometry_is_that_of_the_specification() {
        const MIB: u64 = 2048;
        assert_eq!(geometry(64 * MIB), (963, 8, 17));
        assert_eq!(geometry(200 * MIB), (825, 16, 31));
        assert_eq!(geometry(504 * MIB), (1024, 16, 63));
        assert_eq!(geometry(1024 * MIB), (2080, 16, 63));
        assert_eq!(geometry(127 << 21), (65_278, 16, 255));
        assert_eq!(geometry(u64::MAX), (65_535, 16, 255));
    }

    #[test]
    fn the_checksum_is_that_of_all_other_bytes() {
        let mut footer = footer(64 << 20, Guid::derived(b"disk"), Epoch(YEAR_2000 + 5));
        assert_eq!(footer[24..28], [0, 0, 0, 5]);
        let sum = u32::from_be_bytes(footer[64..68].try_into().unwrap());
        footer[64..68].fill(0);
        assert_eq!(
            !sum,
            footer.iter().map(|&byte| u32::from(byte)).sum::<u32>()
        );
    }
}
