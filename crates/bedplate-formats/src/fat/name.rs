//! Names: which can be written, their short forms, and the entries that spell the long ones.

use std::collections::{HashMap, HashSet};

use super::ENTRY_LEN;

/// UTF-16 units in one entry of a long name.
const UNITS: usize = 13;
const LAST: u8 = 0x40;
const ATTR_LONG_NAME: u8 = 0x0f;
/// What short names and labels may hold besides letters and digits ("FAT Directory Structure").
const SIGNS: &[u8] = b"$%'-_@~`!(){}^#&";

/// A name as a directory has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// Eight bytes and three, filled up with spaces.
    pub(super) short: [u8; 11],
    /// UTF-16 units; empty if the short name says it all.
    pub(super) long: Vec<u16>,
}

impl Name {
    /// How many directory entries it takes.
    pub(super) fn entries(&self) -> usize {
        self.long.len().div_ceil(UNITS) + 1
    }

    /// The entries that spell the long name: its last part first.
    pub(super) fn long_entries(&self) -> impl Iterator<Item = [u8; ENTRY_LEN]> {
        let sum = checksum(&self.short);
        let parts = self.long.chunks(UNITS).enumerate().rev();
        parts.enumerate().map(move |(position, (index, part))| {
            let number = u8::try_from(index + 1).expect("255 units make 20 parts");
            let last = if position == 0 { LAST } else { 0 };
            long_entry(number | last, part, sum)
        })
    }
}

fn long_entry(number: u8, part: &[u16], sum: u8) -> [u8; ENTRY_LEN] {
    // A NUL ends a name that does not fill the entry; what is after it is all ones.
    let units = part.iter().copied().chain([0]);
    let mut units = units.chain(std::iter::repeat(0xffff)).take(UNITS);
    let mut entry = [0; ENTRY_LEN];
    entry[0] = number;
    entry[11] = ATTR_LONG_NAME;
    entry[13] = sum;
    for place in [1..11, 14..26, 28..32] {
        for (pair, unit) in entry[place].chunks_exact_mut(2).zip(&mut units) {
            pair.copy_from_slice(&unit.to_le_bytes());
        }
    }
    entry
}

/// Ties the entries of a long name to their short name.
fn checksum(short: &[u8; 11]) -> u8 {
    let add = |sum: u8, &byte: &u8| sum.rotate_right(1).wrapping_add(byte);
    short.iter().fold(0, add)
}

/// What is wrong with a name, to be said after "its name".
pub(super) fn check(name: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(name).map_err(|_| "is not UTF-8")?;
    let bad = |c: char| c.is_ascii_control() || "\"*/:<>?\\|".contains(c);
    if text.contains(bad) {
        return Err("holds a control character or one of `\"*:<>?\\|`");
    }
    // Firmware has UCS-2, where other readers have UTF-16.
    if text.chars().any(|c| c > '\u{ffff}') {
        return Err("holds a character that UCS-2 does not have");
    }
    if text.ends_with(['.', ' ']) || text.starts_with(' ') {
        return Err("begins with a space, or ends in a space or a dot");
    }
    if text.encode_utf16().count() > 255 {
        return Err("has more than 255 characters");
    }
    Ok(text)
}

/// The name as it is compared: each character in upper case, where that is one character too.
pub(super) fn folded(name: &str) -> String {
    let upper = |c: char| {
        let mut upper = c.to_uppercase();
        upper.next().filter(|_| upper.len() == 0).unwrap_or(c)
    };
    name.chars().map(upper).collect()
}

/// The label as eleven bytes, if it can be one.
pub(super) fn label(text: &str) -> Option<[u8; 11]> {
    let good = |b: u8| b == b' ' || is_short(b) && b != b'`';
    let fits = text.len() <= 11 && text.bytes().all(good) && !text.starts_with(' ');
    fits.then(|| padded(text.as_bytes(), b""))
}

/// Gives all names of one directory their short forms. The names differ when [`folded`].
pub(super) fn in_directory(names: &[&str]) -> Vec<Name> {
    let bases: Vec<Basis> = names.iter().map(|name| Basis::of(name)).collect();
    let whole = bases.iter().filter(|basis| !basis.lossy);
    let mut taken: HashSet<[u8; 11]> = whole.map(Basis::padded).collect();
    let mut next: HashMap<[u8; 11], u32> = HashMap::new();
    let name = |(name, basis): (&&str, &Basis)| {
        let short = if basis.lossy {
            basis.with_tail(&mut taken, &mut next)
        } else {
            basis.padded()
        };
        let long = match basis.is_all_of(name) {
            true => Vec::new(),
            false => name.encode_utf16().collect(),
        };
        Name { short, long }
    };
    names.iter().zip(&bases).map(name).collect()
}

/// What a short name is made of ("Generating Basis-Name").
struct Basis {
    /// At most eight bytes, never none.
    base: Vec<u8>,
    /// At most three.
    extension: Vec<u8>,
    /// Says less than the name, its case apart.
    lossy: bool,
}

impl Basis {
    fn of(name: &str) -> Self {
        let trimmed = name.trim_start_matches('.');
        let (base, extension) = trimmed.rsplit_once('.').unwrap_or((trimmed, ""));
        let (mut base, lossy_base) = short_bytes(base);
        let (mut extension, lossy_extension) = short_bytes(extension);
        let long = base.len() > 8 || extension.len() > 3;
        base.truncate(8);
        extension.truncate(3);
        Self {
            lossy: lossy_base || lossy_extension || long || trimmed != name,
            base,
            extension,
        }
    }

    fn padded(&self) -> [u8; 11] {
        padded(&self.base, &self.extension)
    }

    /// The name is upper case, and short as it is.
    fn is_all_of(&self, name: &str) -> bool {
        !self.lossy && !name.bytes().any(|b| b.is_ascii_lowercase())
    }

    /// The base with the first free `~N`.
    fn with_tail(
        &self,
        taken: &mut HashSet<[u8; 11]>,
        next: &mut HashMap<[u8; 11], u32>,
    ) -> [u8; 11] {
        let number = next.entry(self.padded()).or_insert(1);
        loop {
            let tail = format!("~{number}");
            let keep = self.base.len().min(8 - tail.len());
            let short = padded(
                &[&self.base[..keep], tail.as_bytes()].concat(),
                &self.extension,
            );
            *number += 1;
            if taken.insert(short) {
                return short;
            }
        }
    }
}

/// In upper case; spaces and dots go, what else a short name cannot hold becomes `_`. And: is that less?
fn short_bytes(text: &str) -> (Vec<u8>, bool) {
    let mut lossy = false;
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        let upper = u8::try_from(c.to_ascii_uppercase()).unwrap_or(0);
        if is_short(upper) {
            bytes.push(upper);
        } else {
            lossy = true;
            if c != ' ' && c != '.' {
                bytes.push(b'_');
            }
        }
    }
    (bytes, lossy)
}

fn is_short(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit() || SIGNS.contains(&b)
}

/// `base` is at most eight bytes and `extension` three, or the latter is empty and the former eleven.
fn padded(base: &[u8], extension: &[u8]) -> [u8; 11] {
    let mut short = [b' '; 11];
    short[..base.len()].copy_from_slice(base);
    short[8..8 + extension.len()].copy_from_slice(extension);
    short
}
