//! The table of owners and groups (section 9): inodes have 16-bit numbers of its entries.

use std::collections::HashMap;

use super::error::WriteError;

/// User and group ids in the order in which inodes named them first.
#[derive(Default)]
pub(super) struct Owners {
    ids: Vec<u32>,
    numbers: HashMap<u32, u16>,
}

impl Owners {
    /// The number of `id` in the table, which it enters if it is new.
    pub(super) fn number(&mut self, id: u32) -> Result<u16, WriteError> {
        if let Some(&number) = self.numbers.get(&id) {
            return Ok(number);
        }
        // The superblock counts them in 16 bits, so 65535 is the last count, not the last number.
        let number = u16::try_from(self.ids.len())
            .ok()
            .filter(|&number| number < u16::MAX)
            .ok_or(WriteError::TooManyOwners)?;
        self.ids.push(id);
        self.numbers.insert(id, number);
        Ok(number)
    }

    /// How many there are.
    pub(super) fn count(&self) -> u16 {
        u16::try_from(self.ids.len()).expect("numbers were given out in 16 bits")
    }

    /// The records of the table.
    pub(super) fn records(&self) -> Vec<u8> {
        self.ids.iter().flat_map(|id| id.to_le_bytes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_that_the_superblock_cannot_count_are_refused() {
        let mut owners = Owners::default();
        for id in 0..65_535 {
            assert_eq!(u32::from(owners.number(id).unwrap()), id);
        }
        assert_eq!(owners.count(), u16::MAX);
        assert_eq!(owners.number(7).unwrap(), 7);
        assert!(matches!(
            owners.number(65_535),
            Err(WriteError::TooManyOwners)
        ));
    }
}
