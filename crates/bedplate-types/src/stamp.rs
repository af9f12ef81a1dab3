//! The name of a build in time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Epoch;

const DAY: u64 = 24 * 60 * 60;

/// When a platform was made, as people and paths write it: `20261120T101500Z`, in UTC.
///
/// It comes from the [`Epoch`] of the build, never from a clock. Stamps sort by time, as text too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

/// A text that is no stamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a stamp such as `20261120T101500Z`")]
pub struct StampError(String);

/// The last second that has a four-digit year.
const LATEST: u64 = 253_402_300_799;

impl From<Epoch> for Stamp {
    /// Of an epoch after the year 9999, the last second of that year.
    fn from(epoch: Epoch) -> Self {
        Self(epoch.0.min(LATEST))
    }
}

impl From<Stamp> for Epoch {
    fn from(stamp: Stamp) -> Self {
        Self(stamp.0)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0 / DAY);
        let seconds = self.0 % DAY;
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"
        )
    }
}

impl FromStr for Stamp {
    type Err = StampError;

    fn from_str(text: &str) -> Result<Self, StampError> {
        read(text).ok_or_else(|| StampError(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Stamp> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| plain)
    };
    let days = days(number(0..4)?, number(4..6)?, number(6..8)?)?;
    let seconds = number(9..11)? * 3600 + number(11..13)? * 60 + number(13..15)?;
    let stamp = Stamp(days * DAY + seconds);
    // Whatever is not the text of its own value has a 61st minute, a 30th of February or other letters.
    (stamp.to_string() == text).then_some(stamp)
}

/// Days since 1970-01-01 to a date of the Gregorian calendar, by years that begin in March and eras of 400 years.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day)
}

/// The other way; nothing for a date before 1970 or a month that does not exist.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, year) = (year / 400, year % 400);
    let days = era * 146_097 + year * 365 + year / 4 - year / 100 + (153 * month + 2) / 5 + day - 1;
    days.checked_sub(719_468)
}

impl Serialize for Stamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_epochs_as_text() {
        for (epoch, text) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_795_169_700, "20261120T101500Z"),
            (LATEST, "99991231T235959Z"),
        ] {
            let stamp = Stamp::from(Epoch(epoch));
            assert_eq!(
                (stamp.to_string().as_str(), text.parse()),
                (text, Ok(stamp))
            );
        }
        assert_eq!(Stamp::from(Epoch(u64::MAX)), Stamp(LATEST));
    }

    #[test]
    fn what_is_no_date_is_no_stamp() {
        for text in [
            "",
            "20261120T101500",
            "20260230T000000Z",
            "20261320T000000Z",
            "20261120T106000Z",
            "20261120t101500Z",
            "+0261120T101500Z",
            "19691231T235959Z",
            "20261120T101500Zé",
        ] {
            assert_eq!(text.parse::<Stamp>(), Err(StampError(text.to_owned())));
        }
    }
}
