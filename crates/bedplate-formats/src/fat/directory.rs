//! Directory entries, and the times in them.

use bedplate_types::Epoch;

use super::ENTRY_LEN;
use super::error::FatError;
use super::name::Name;

const ATTR_VOLUME_ID: u8 = 0x08;
const ATTR_DIRECTORY: u8 = 0x10;
const ATTR_ARCHIVE: u8 = 0x20;

/// 1980-01-01 and 2108-01-01, in seconds since 1970: what times can be, the end exclusive.
const TIMES: std::ops::Range<u64> = 315_532_800..4_354_819_200;

/// A time as entries have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    date: u16,
    time: u16,
    /// What is lost of a time in steps of two seconds, in hundredths of a second.
    hundredths: u8,
}

impl Stamp {
    pub(super) fn of(epoch: Epoch) -> Result<Self, FatError> {
        let seconds = epoch.0.max(TIMES.start);
        if seconds >= TIMES.end {
            return Err(FatError::TooLate(epoch.0));
        }
        let of_day = seconds % 86_400;
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let (years, month, day) = date((seconds - TIMES.start) / 86_400);
        let number = |number: u64| u16::try_from(number).expect("the parts of a date are small");
        Ok(Self {
            date: number(years << 9 | month << 5 | day),
            time: number(hour << 11 | minute << 5 | (second / 2)),
            hundredths: if second % 2 == 0 { 0 } else { 100 },
        })
    }
}

/// Years since 1980, month and day, from days since 1980-01-01.
fn date(mut days: u64) -> (u64, u64, u64) {
    // Of the years that FAT knows, only 2100 is divisible by four and no leap year.
    let is_leap = |years: u64| years.is_multiple_of(4) && years != 120;
    let mut years = 0;
    while days >= 365 + u64::from(is_leap(years)) {
        days -= 365 + u64::from(is_leap(years));
        years += 1;
    }
    let february = 28 + u64::from(is_leap(years));
    let mut month = 1;
    for len in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < len {
            break;
        }
        days -= len;
        month += 1;
    }
    (years, month, days + 1)
}

/// What an entry leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A directory, by its first cluster; 0 is the root.
    Directory(u32),
    /// A file: its first cluster, 0 if it is empty, and its length.
    File(u32, u32),
}

/// A directory that is being written.
pub(super) struct Entries {
    bytes: Vec<u8>,
    stamp: Stamp,
}

impl Entries {
    pub(super) fn new(stamp: Stamp) -> Self {
        let bytes = Vec::new();
        Self { bytes, stamp }
    }

    pub(super) fn label(&mut self, label: &[u8; 11]) {
        self.short(label, ATTR_VOLUME_ID, 0, 0);
    }

    /// `.` and `..`, with which all directories begin but the root.
    pub(super) fn dots(&mut self, this: u32, parent: u32) {
        self.short(b".          ", ATTR_DIRECTORY, this, 0);
        self.short(b"..         ", ATTR_DIRECTORY, parent, 0);
    }

    pub(super) fn push(&mut self, name: &Name, target: Target) {
        self.bytes.extend(name.long_entries().flatten());
        match target {
            Target::Directory(cluster) => self.short(&name.short, ATTR_DIRECTORY, cluster, 0),
            Target::File(cluster, len) => self.short(&name.short, ATTR_ARCHIVE, cluster, len),
        }
    }

    /// The bytes, filled up with zeros to `len`. A zero ends a directory that is not full.
    pub(super) fn finish(mut self, len: usize) -> Vec<u8> {
        debug_assert!(self.bytes.len() <= len);
        self.bytes.resize(len, 0);
        self.bytes
    }

    fn short(&mut self, name: &[u8; 11], attributes: u8, cluster: u32, len: u32) {
        let Stamp {
            date,
            time,
            hundredths,
        } = self.stamp;
        let [low_0, low_1, high_0, high_1] = cluster.to_le_bytes();
        let start = self.bytes.len();
        self.bytes.extend(name);
        self.bytes.extend([attributes, 0, hundredths]);
        self.bytes.extend(time.to_le_bytes());
        self.bytes.extend(date.to_le_bytes());
        self.bytes.extend(date.to_le_bytes());
        self.bytes.extend([high_0, high_1]);
        self.bytes.extend(time.to_le_bytes());
        self.bytes.extend(date.to_le_bytes());
        self.bytes.extend([low_0, low_1]);
        self.bytes.extend(len.to_le_bytes());
        debug_assert_eq!(self.bytes.len(), start + ENTRY_LEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: u64) -> String {
        let Stamp {
            date,
            time,
            hundredths,
        } = Stamp::of(Epoch(seconds)).unwrap();
        let (year, month, day) = (1980 + (date >> 9), date >> 5 & 15, date & 31);
        let (hour, minute, second) = (time >> 11, time >> 5 & 63, (time & 31) * 2);
        format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}+{hundredths}")
    }

    #[test]
    fn times_are_those_of_date_u() {
        assert_eq!(text(0), "1980-01-01 00:00:00+0");
        assert_eq!(text(951_782_399), "2000-02-28 23:59:58+100");
        assert_eq!(text(951_868_799), "2000-02-29 23:59:58+100");
        assert_eq!(text(1_700_000_000), "2023-11-14 22:13:20+0");
        assert_eq!(text(4_107_542_399), "2100-02-28 23:59:58+100");
        assert_eq!(text(4_107_542_400), "2100-03-01 00:00:00+0");
        assert_eq!(text(4_354_819_199), "2107-12-31 23:59:58+100");
        assert!(Stamp::of(Epoch(4_354_819_200)).is_err());
    }
}
