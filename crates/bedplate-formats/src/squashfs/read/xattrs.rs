//! Extended attributes (section 10), by the number of their set. A value may lie elsewhere: another set's
//! attribute then holds a reference to it.

use std::collections::HashMap;

use bedplate_tree::Xattrs;

use super::error::ReadError;
use super::fields::Fields;
use super::metadata::{Metadata, Place};
use super::superblock::Superblock;
use super::tables::table;
use crate::read_at::ReadAt;
use crate::squashfs::NO_INDEX;

/// Set in the number of a prefix when the value is a reference.
const OUT_OF_LINE: u16 = 0x0100;
const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
/// As many bytes as Linux allows the value of an attribute to have.
const MAX_VALUE: u32 = 65_536;
/// As many bytes as Linux allows the name of an attribute to have.
const MAX_NAME: usize = 255;

/// The sets of attributes of an image.
pub(super) struct Sets {
    /// Where attributes begin.
    base: u64,
    sets: Vec<[u8; 16]>,
    known: HashMap<u32, Xattrs>,
}

impl Sets {
    pub(super) fn read<S: ReadAt>(
        metadata: &mut Metadata<'_, S>,
        superblock: &Superblock,
    ) -> Result<Self, ReadError> {
        let (base, sets) = match superblock.xattr_table {
            None => (0, Vec::new()),
            Some(at) => {
                let head = metadata.plain(at, 16)?;
                let mut fields = Fields(&head);
                let (base, count) = (fields.u64(), fields.u32());
                (base, table(metadata, at + 16, count)?)
            }
        };
        Ok(Self {
            base,
            sets,
            known: HashMap::new(),
        })
    }

    /// The attributes of a set.
    pub(super) fn get<S: ReadAt>(
        &mut self,
        number: u32,
        metadata: &mut Metadata<'_, S>,
    ) -> Result<Xattrs, ReadError> {
        if number == NO_INDEX {
            return Ok(Xattrs::new());
        }
        if !self.known.contains_key(&number) {
            let set = self.set(number, metadata)?;
            self.known.insert(number, set);
        }
        let set = &self.known[&number];
        let bytes = set.iter().map(|(name, value)| name.len() + value.len());
        metadata.hold(bytes.sum::<usize>() as u64)?;
        Ok(set.clone())
    }

    fn set<S: ReadAt>(
        &self,
        number: u32,
        metadata: &mut Metadata<'_, S>,
    ) -> Result<Xattrs, ReadError> {
        let Some(record) = self.sets.get(number as usize) else {
            return Err(ReadError::malformed(
                "an inode has a set of attributes that is not there",
            ));
        };
        let mut fields = Fields(record);
        let mut place = Place::unpacked(fields.u64(), self.base);
        let count = fields.u32();
        let mut set = Xattrs::new();
        for _ in 0..count {
            let (name, value) = self.attribute(&mut place, metadata)?;
            if set.insert(name.into(), value.into()).is_some() {
                return Err(ReadError::malformed("an inode has an attribute twice"));
            }
        }
        Ok(set)
    }

    fn attribute<S: ReadAt>(
        &self,
        place: &mut Place,
        metadata: &mut Metadata<'_, S>,
    ) -> Result<(Vec<u8>, Vec<u8>), ReadError> {
        let head: [u8; 4] = metadata.read(place)?;
        let mut fields = Fields(&head);
        let (kind, len) = (fields.u16(), fields.u16());
        let Some(prefix) = PREFIXES.get(usize::from(kind & !OUT_OF_LINE)) else {
            return Err(ReadError::malformed(
                "the prefix of an attribute is not known",
            ));
        };
        let rest = metadata.bytes(place, len.into())?;
        let name = [prefix, &rest[..]].concat();
        if rest.is_empty() || name.len() > MAX_NAME || name.contains(&0) {
            return Err(ReadError::malformed(
                "the name of an attribute is none that Linux can hold",
            ));
        }
        let value = value(place, metadata)?;
        if kind & OUT_OF_LINE == 0 {
            return Ok((name, value));
        }
        let reference = <[u8; 8]>::try_from(&value[..]).map_err(|_| {
            ReadError::malformed("a reference to the value of an attribute is none")
        })?;
        let mut elsewhere = Place::unpacked(u64::from_le_bytes(reference), self.base);
        Ok((name, self::value(&mut elsewhere, metadata)?))
    }
}

fn value<S: ReadAt>(
    place: &mut Place,
    metadata: &mut Metadata<'_, S>,
) -> Result<Vec<u8>, ReadError> {
    let len = u32::from_le_bytes(metadata.read(place)?);
    if len > MAX_VALUE {
        return Err(ReadError::malformed(
            "the value of an attribute is longer than Linux has them",
        ));
    }
    metadata.bytes(place, len as usize)
}
