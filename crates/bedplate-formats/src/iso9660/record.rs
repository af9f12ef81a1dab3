//! Numbers, dates and directory records.

use std::ops::Range;

use bedplate_types::{Epoch, Stamp};

use super::error::IsoError;
use super::{BLOCK, name::is_label};

/// Set in the records of directories.
const DIRECTORY: u8 = 2;
/// A record without its name.
const RECORD_LEN: usize = 33;

/// Both byte orders (ECMA-119, 7.2.3).
pub(super) fn both16(number: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d]
}

/// Both byte orders (ECMA-119, 7.3.3).
pub(super) fn both32(number: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// The one time of a volume, in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Time {
    /// 14 digits: year, month, day, hour, minute, second.
    digits: String,
    /// Years since 1900, and the others of these numbers, as records have them.
    pub(super) short: [u8; 7],
}

impl Time {
    pub(super) fn of(epoch: Epoch) -> Result<Self, IsoError> {
        let text = Stamp::from(epoch).to_string();
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let number =
            |range: Range<usize>| digits[range].parse::<u16>().expect("a stamp has 14 digits");
        let year = u8::try_from(number(0..4) - 1900).map_err(|_| IsoError::TooLate(epoch.0))?;
        let part = |at| number(at..at + 2) as u8;
        let short = [year, part(4), part(6), part(8), part(10), part(12), 0];
        Ok(Self { digits, short })
    }

    /// As descriptors have it: digits down to hundredths, and the zone (ECMA-119, 8.4.26.1).
    pub(super) fn long(&self) -> [u8; 17] {
        let mut bytes = [b'0'; 17];
        bytes[..14].copy_from_slice(self.digits.as_bytes());
        bytes[16] = 0;
        bytes
    }
}

/// Where something lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Its first block.
    pub(super) block: u32,
    /// Its length in bytes.
    pub(super) len: u32,
}

/// What a record leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    File(Extent),
    Directory(Extent),
}

/// One record, of an even length.
pub(super) fn record(name: &[u8], target: Target, time: &Time) -> Vec<u8> {
    let (extent, flags) = match target {
        Target::File(extent) => (extent, 0),
        Target::Directory(extent) => (extent, DIRECTORY),
    };
    let len = record_len(name);
    let mut bytes = vec![u8::try_from(len).expect("names have 33 bytes at most"), 0];
    bytes.extend(both32(extent.block));
    bytes.extend(both32(extent.len));
    bytes.extend(time.short);
    bytes.extend([flags, 0, 0]);
    bytes.extend(both16(1));
    bytes.push(name.len() as u8);
    bytes.extend(name);
    bytes.resize(len, 0);
    bytes
}

pub(super) fn record_len(name: &[u8]) -> usize {
    (RECORD_LEN + name.len()).next_multiple_of(2)
}

/// Length of a directory whose records have these lengths: none crosses the end of a block.
pub(super) fn directory_len(records: impl Iterator<Item = usize>) -> u64 {
    records
        .fold(0, |end, len| place(end, len) + len as u64)
        .next_multiple_of(BLOCK)
}

/// Where the next record of `len` bytes goes.
pub(super) fn place(end: u64, len: usize) -> u64 {
    if end % BLOCK + len as u64 > BLOCK {
        end.next_multiple_of(BLOCK)
    } else {
        end
    }
}

/// The label, filled up with spaces.
pub(super) fn label(text: &str) -> Result<[u8; 32], IsoError> {
    if !is_label(text) {
        return Err(IsoError::Label(text.to_owned()));
    }
    let mut bytes = [b' '; 32];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_date_u() {
        let time = Time::of(Epoch(951_868_799)).unwrap();
        assert_eq!(&time.long(), b"2000022923595900\0");
        assert_eq!(time.short, [100, 2, 29, 23, 59, 59, 0]);
        assert!(Time::of(Epoch(5_869_583_999)).is_ok());
        assert!(matches!(
            Time::of(Epoch(5_869_584_000)),
            Err(IsoError::TooLate(_))
        ));
    }

    #[test]
    fn no_record_crosses_a_block() {
        assert_eq!(directory_len([34, 34].into_iter()), 2048);
        assert_eq!(directory_len([1000, 1000, 100].into_iter()), 4096);
        assert_eq!(place(2000, 48), 2000);
        assert_eq!(place(2000, 50), 2048);
    }
}
