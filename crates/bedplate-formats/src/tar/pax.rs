//! Extension headers: pax records (`LENGTH KEY=VALUE\n`) and GNU long names.
//!
//! Records with these keys count, others say nothing about a tree: `path`, `linkpath`, `size`, `uid`,
//! `gid`, `mtime`, `SCHILY.xattr.NAME` (raw value) and `LIBARCHIVE.xattr.NAME` (name in URL encoding,
//! value in base64).

use bedplate_tree::Xattrs;

const SCHILY: &[u8] = b"SCHILY.xattr.";
const LIBARCHIVE: &[u8] = b"LIBARCHIVE.xattr.";

/// What extension headers say about the entry that follows, or (global ones) about all that follow.
#[derive(Debug, Clone, Default)]
pub(super) struct Extensions {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<u64>,
    pub(super) xattrs: Xattrs,
    pub(super) sparse: bool,
}

/// Name of a record that makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadRecord(pub(super) String);

impl Extensions {
    /// Applies the records of one `x` or `g` header. An empty value takes an earlier one back.
    pub(super) fn apply(&mut self, mut records: &[u8]) -> Result<(), BadRecord> {
        while !records.is_empty() {
            let (key, value, rest) =
                split_record(records).ok_or_else(|| BadRecord("pax record".into()))?;
            self.apply_record(key, value).ok_or_else(|| {
                BadRecord(format!("pax record `{}`", String::from_utf8_lossy(key)))
            })?;
            records = rest;
        }
        Ok(())
    }

    fn apply_record(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let text = || (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.path = text(),
            b"linkpath" => self.link = text(),
            b"size" => self.size = optional(value, decimal)?,
            b"uid" => self.uid = optional(value, decimal)?,
            b"gid" => self.gid = optional(value, decimal)?,
            b"mtime" => self.mtime = optional(value, seconds)?,
            _ if key.starts_with(b"GNU.sparse.") => self.sparse = true,
            _ => {
                if let Some(name) = key.strip_prefix(SCHILY) {
                    self.set_xattr(name, value)?;
                } else if let Some(name) = key.strip_prefix(LIBARCHIVE) {
                    let name = url_decoded(name)?;
                    let value = base64_decoded(value)?;
                    if !self.xattrs.contains_key(&*name) {
                        self.set_xattr(&name, &value)?;
                    }
                }
            }
        }
        Some(())
    }

    fn set_xattr(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        // Linux: names of 1 to 255 bytes, values of 64 KiB at most (xattr(7)).
        let fits = (1..=255).contains(&name.len()) && !name.contains(&0) && value.len() <= 65_536;
        self.xattrs.insert(name.into(), value.into());
        fits.then_some(())
    }
}

/// The first record: its key, its value and what comes after it.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = records.iter().take(20).position(|&byte| byte == b' ')?;
    let len = usize::try_from(decimal(&records[..blank])?).ok()?;
    let record = records.get(blank + 1..len)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    (equals > 0).then(|| (&record[..equals], &record[equals + 1..], &records[len..]))
}

fn optional(value: &[u8], parse: fn(&[u8]) -> Option<u64>) -> Option<Option<u64>> {
    if value.is_empty() {
        Some(None)
    } else {
        parse(value).map(Some)
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

/// A time with an optional sign and fraction, rounded down; what lies before 1970 counts as 0.
fn seconds(value: &[u8]) -> Option<u64> {
    let (negative, value) = value
        .strip_prefix(b"-")
        .map_or((false, value), |rest| (true, rest));
    let mut parts = value.splitn(2, |&byte| byte == b'.');
    let whole = decimal(parts.next()?)?;
    let fraction = parts.next().unwrap_or_default();
    fraction
        .iter()
        .all(u8::is_ascii_digit)
        .then_some(if negative { 0 } else { whole })
}

fn url_decoded(name: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

/// Base64 (RFC 4648), padding optional.
fn base64_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text
        .iter()
        .position(|&byte| byte == b'=')
        .map_or(text, |end| &text[..end]);
    let mut decoded = Vec::with_capacity(digits.len() * 3 / 4);
    for chunk in digits.chunks(4) {
        let mut bits = 0_u32;
        for &digit in chunk {
            bits = bits << 6 | base64_digit(digit)?;
        }
        bits <<= 6 * (4 - chunk.len());
        if chunk.len() == 1 {
            return None;
        }
        decoded.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    Some(decoded)
}

fn base64_digit(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Appends one record to `records`.
pub(super) fn push_record(records: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    // The length counts its own digits: " ", "=" and "\n" are the other three bytes.
    let rest = key.len() + value.len() + 3;
    let mut len = rest + 1;
    while len != rest + len.to_string().len() {
        len = rest + len.to_string().len();
    }
    records.extend_from_slice(len.to_string().as_bytes());
    for part in [b" ", key, b"=", value, b"\n"] {
        records.extend_from_slice(part);
    }
}

/// Appends an extended attribute; `false` if its name cannot be a key.
pub(super) fn push_xattr(records: &mut Vec<u8>, name: &[u8], value: &[u8]) -> bool {
    push_record(records, &[SCHILY, name].concat(), value);
    !name.contains(&b'=') && !name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_record_counts_itself() {
        for len in [
            0, 1, 88, 89, 90, 91, 92, 985, 986, 987, 988, 9_979, 9_980, 9_981,
        ] {
            let value = vec![b'x'; len];
            let mut records = Vec::new();
            push_record(&mut records, b"path", &value);
            assert_eq!(
                split_record(&records),
                Some((&b"path"[..], &value[..], &b""[..])),
                "{len}"
            );
        }
    }

    #[test]
    fn malformed_records_are_refused() {
        for bad in [
            &b"11 path=a\n"[..],
            b"10 path=ab\n",
            b"9 pathabc\n",
            b"x",
            b" path=a\n",
            b"5 =a\n",
            b"12 size=abc\n",
            b"99999999999999999999 a=b\n",
        ] {
            assert!(
                Extensions::default().apply(bad).is_err(),
                "{}",
                bad.escape_ascii()
            );
        }
    }

    #[test]
    fn times_round_down_and_never_lie_before_1970() {
        for (text, expected) in [
            ("1", Some(1)),
            ("1.999", Some(1)),
            ("-5.5", Some(0)),
            ("1.", Some(1)),
            ("1e3", None),
            ("", None),
        ] {
            assert_eq!(seconds(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn libarchive_attributes_are_decoded() {
        let mut records = Vec::new();
        push_record(&mut records, b"LIBARCHIVE.xattr.user.a%3db", b"AQID/w");
        let mut extensions = Extensions::default();
        extensions.apply(&records).unwrap();
        assert_eq!(extensions.xattrs[&b"user.a=b"[..]][..], [1, 2, 3, 255]);
    }
}
