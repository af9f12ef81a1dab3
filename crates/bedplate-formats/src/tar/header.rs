//! One header block (POSIX.1-2024, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format").
//!
//! ```text
//!   0 name      100    124 size      12    257 magic   6 \ "ustar\0" "00" POSIX    329 devmajor   8
//! 100 mode        8    136 mtime     12    263 version 2 / "ustar " " \0" GNU      337 devminor   8
//! 108 uid         8    148 checksum   8    265 uname  32                           345 prefix   155
//! 116 gid         8    156 type       1    297 gname  32                           500 (zeros)   12
//!                      157 linkname 100
//! ```
//!
//! Numbers are octal digits, ended by a blank or NUL; or, if the first byte has its top bit set,
//! the rest of the field is a big-endian number in two's complement (GNU).

use std::ops::Range;

const NAME: Range<usize> = 0..100;
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const TYPE: usize = 156;
const LINK: Range<usize> = 157..257;
const MAGIC: Range<usize> = 257..265;
const MAJOR: Range<usize> = 329..337;
const MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;
const POSIX: &[u8; 8] = b"ustar\x0000";

/// A header block.
pub(super) struct Header(pub(super) [u8; 512]);

impl Header {
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|&byte| byte == 0)
    }

    /// Does the checksum match? Old writers summed signed bytes, so both sums are good.
    pub(super) fn checksum_matches(&self) -> bool {
        let blanked = |(at, &byte): (usize, &u8)| if CHECKSUM.contains(&at) { b' ' } else { byte };
        let bytes = || self.0.iter().enumerate().map(blanked);
        let unsigned: i64 = bytes().map(i64::from).sum();
        let signed: i64 = bytes().map(|byte| i64::from(byte as i8)).sum();
        number(&self.0[CHECKSUM]).is_some_and(|sum| sum == unsigned || sum == signed)
    }

    /// The name, with the prefix of POSIX headers before it.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(&self.0[NAME]);
        let prefix = if self.0[MAGIC].starts_with(b"ustar\0") {
            text(&self.0[PREFIX])
        } else {
            b""
        };
        if prefix.is_empty() {
            name.to_vec()
        } else {
            [prefix, b"/", name].concat()
        }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        text(&self.0[LINK]).to_vec()
    }

    pub(super) fn kind(&self) -> u8 {
        self.0[TYPE]
    }

    pub(super) fn mode(&self) -> Option<u32> {
        Some((number(&self.0[MODE])? & 0o7777) as u32)
    }

    pub(super) fn uid(&self) -> Option<u64> {
        unsigned(&self.0[UID])
    }

    pub(super) fn gid(&self) -> Option<u64> {
        unsigned(&self.0[GID])
    }

    pub(super) fn size(&self) -> Option<u64> {
        unsigned(&self.0[SIZE])
    }

    /// Seconds since 1970; what lies before counts as 0.
    pub(super) fn mtime(&self) -> Option<u64> {
        Some(u64::try_from(number(&self.0[MTIME])?).unwrap_or(0))
    }

    pub(super) fn device(&self) -> Option<(u32, u32)> {
        let part = |range: Range<usize>| u32::try_from(number(&self.0[range])?).ok();
        Some((part(MAJOR)?, part(MINOR)?))
    }

    /// An empty POSIX header of type `kind`.
    pub(super) fn new(kind: u8) -> Self {
        let mut header = Self([0; 512]);
        header.0[MAGIC].copy_from_slice(POSIX);
        header.0[TYPE] = kind;
        header
    }

    /// Sets the name if it fits.
    pub(super) fn set_name(&mut self, name: &[u8]) -> bool {
        put_text(&mut self.0[NAME], name)
    }

    /// Sets the link target if it fits.
    pub(super) fn set_link(&mut self, target: &[u8]) -> bool {
        put_text(&mut self.0[LINK], target)
    }

    pub(super) fn set_mode(&mut self, mode: u32) {
        put_number(&mut self.0[MODE], u64::from(mode & 0o7777));
    }

    /// Sets the owner if it fits.
    pub(super) fn set_uid(&mut self, uid: u32) -> bool {
        put_number(&mut self.0[UID], uid.into())
    }

    /// Sets the group if it fits.
    pub(super) fn set_gid(&mut self, gid: u32) -> bool {
        put_number(&mut self.0[GID], gid.into())
    }

    /// Sets the size if it fits.
    pub(super) fn set_size(&mut self, size: u64) -> bool {
        put_number(&mut self.0[SIZE], size)
    }

    /// Sets the time if it fits.
    pub(super) fn set_mtime(&mut self, mtime: u64) -> bool {
        put_number(&mut self.0[MTIME], mtime)
    }

    /// Sets the device numbers if they fit.
    pub(super) fn set_device(&mut self, major: u32, minor: u32) -> bool {
        put_number(&mut self.0[MAJOR], major.into()) && put_number(&mut self.0[MINOR], minor.into())
    }

    /// The finished block, with its checksum.
    pub(super) fn sealed(mut self) -> [u8; 512] {
        self.0[CHECKSUM].fill(b' ');
        let sum: u64 = self.0.iter().map(|&byte| u64::from(byte)).sum();
        let digits = format!("{sum:06o}\0 ");
        self.0[CHECKSUM].copy_from_slice(digits.as_bytes());
        self.0
    }
}

/// The bytes before the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn unsigned(field: &[u8]) -> Option<u64> {
    u64::try_from(number(field)?).ok()
}

/// A numeric field. An empty one is 0, as all readers have it.
fn number(field: &[u8]) -> Option<i64> {
    if field[0] & 0x80 != 0 {
        return binary(field);
    }
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let begin = field
        .iter()
        .position(|byte| !blank(byte))
        .unwrap_or(field.len());
    let digits = field[begin..].split(blank).next().unwrap_or_default();
    let rest = &field[begin + digits.len()..];
    if !rest.iter().all(blank) {
        return None;
    }
    digits.iter().try_fold(0_i64, |value, &digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// A base-256 field: two's complement with the top bit of the first byte as marker, the next as sign.
fn binary(field: &[u8]) -> Option<i64> {
    let negative = field[0] & 0x40 != 0;
    let first = if negative { field[0] } else { field[0] & 0x7f };
    let (high, low) = field.split_at(field.len().saturating_sub(8));
    let filler = if negative { 0xff } else { 0 };
    let mut value = [filler; 8];
    value[8 - low.len()..].copy_from_slice(low);
    if high.is_empty() {
        value[0] = first;
    } else if high.iter().skip(1).any(|&byte| byte != filler) || first != filler {
        return None;
    }
    let value = i64::from_be_bytes(value);
    ((value < 0) == negative).then_some(value)
}

/// Fills a text field; `false`, with the beginning put in, if the text is too long for it.
fn put_text(field: &mut [u8], value: &[u8]) -> bool {
    let len = value.len().min(field.len());
    field[..len].copy_from_slice(&value[..len]);
    len == value.len()
}

/// Fills a numeric field with octal digits and a NUL; `false`, with 0 put in, if they do not fit.
fn put_number(field: &mut [u8], value: u64) -> bool {
    let width = field.len() - 1;
    let fits = value < 1 << (3 * width);
    let digits = format!("{:0width$o}", if fits { value } else { 0 });
    field[..width].copy_from_slice(digits.as_bytes());
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary_and_nothing_else() {
        let cases: [(&[u8], Option<i64>); 12] = [
            (b"0000644\0", Some(0o644)),
            (b"  644 \0\0", Some(0o644)),
            (b"00000644", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"0000648\0", None),
            (b"-000001\0", None),
            (b"12 34\0\0\0", None),
            (b"\x80\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", Some(-1)),
            (b"\x80\0\0\0\0\0\0\x02\0\0\0\0", Some(2 << 32)),
            (
                b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe",
                Some(-2),
            ),
            (b"\x81\0\0\0\0\0\0\x02\0\0\0\0", None),
        ];
        for (field, value) in cases {
            assert_eq!(number(field), value, "{field:?}");
        }
    }

    #[test]
    fn a_sealed_header_has_a_good_checksum() {
        let mut header = Header::new(b'0');
        assert!(header.set_name(b"etc/hosts") && header.set_size(7) && !header.set_uid(u32::MAX));
        let mut sealed = Header(header.sealed());
        assert!(sealed.checksum_matches());
        sealed.0[0] ^= 1;
        assert!(!sealed.checksum_matches());
    }
}
