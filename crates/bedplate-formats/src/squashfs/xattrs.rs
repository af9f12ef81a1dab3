//! Extended attributes (section 10): sets of them, each stored once, which inodes have by number.
//!
//! ```text
//! attribute:  0 prefix (u16)   2 length of the rest of the name (u16)   4 the rest   then length of the value (u32)   value
//! set:        0 reference to its first attribute (u64)   8 attributes   12 their bytes, 16 of them
//! table:      0 where the attributes begin (u64)   8 sets   12 0   16 where each block of sets lies (u64 each)
//! ```

use std::collections::HashMap;
use std::io;

use bedplate_tree::Xattrs;

use super::metadata::{Metadata, Table};
use super::options::Compression;
use super::record::Record;
use super::{NO_INDEX, error::WriteError};

/// Splits a name into the number that stands for its prefix, and the rest. There are no others.
pub(super) fn split(name: &[u8]) -> Option<(u16, &[u8])> {
    let prefixes: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
    let numbered = (0..).zip(prefixes);
    numbered
        .filter_map(|(number, prefix)| Some((number, name.strip_prefix(prefix)?)))
        .find(|(_, rest)| !rest.is_empty())
}

/// The sets of attributes of an image.
pub(super) struct Sets {
    attributes: Metadata,
    records: Vec<u8>,
    /// By the bytes of the attributes.
    numbers: HashMap<Vec<u8>, u32>,
}

impl Sets {
    pub(super) fn new(compression: Compression) -> io::Result<Self> {
        Ok(Self {
            attributes: Metadata::new(compression)?,
            records: Vec::new(),
            numbers: HashMap::new(),
        })
    }

    /// The number of a set, which is stored if it is new. Attributes without a place are left out; the
    /// lengths of the others must have been checked.
    pub(super) fn number(&mut self, set: &Xattrs) -> Result<u32, WriteError> {
        let mut record = Record::default();
        let mut count = 0;
        for (name, value) in set {
            let Some((prefix, rest)) = split(name) else {
                continue;
            };
            count += 1;
            record = record
                .u16(prefix)
                .u16(u16::try_from(rest.len()).expect("lengths of names were checked"))
                .bytes(rest)
                .u32(u32::try_from(value.len()).expect("lengths of values were checked"))
                .bytes(value);
        }
        if count == 0 {
            return Ok(NO_INDEX);
        }
        if let Some(&number) = self.numbers.get(record.as_bytes()) {
            return Ok(number);
        }
        let too_large = |_| WriteError::TableTooLarge {
            what: "extended attributes",
        };
        let number = u32::try_from(self.numbers.len()).map_err(too_large)?;
        let entry = Record::default()
            .u64(self.attributes.position().packed())
            .u32(count)
            .u32(u32::try_from(record.len()).map_err(too_large)?);
        self.attributes
            .write(record.as_bytes())
            .map_err(WriteError::Output)?;
        self.records.extend_from_slice(entry.as_bytes());
        self.numbers.insert(record.as_bytes().to_vec(), number);
        Ok(number)
    }

    /// All bytes for the place `at` in the image, and where in it the table stands; `None` without
    /// attributes.
    pub(super) fn finish(
        self,
        at: u64,
        compression: Compression,
    ) -> io::Result<Option<(Vec<u8>, u64)>> {
        let Ok(count @ 1..) = u32::try_from(self.numbers.len()) else {
            return Ok(None);
        };
        let mut bytes = self.attributes.finish()?;
        let sets = Table::new(&self.records, at + bytes.len() as u64, compression)?;
        bytes.extend_from_slice(&sets.blocks);
        let table = at + bytes.len() as u64;
        let head = Record::default().u64(at).u32(count).u32(0);
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(&sets.locations);
        Ok(Some((bytes, table)))
    }
}
