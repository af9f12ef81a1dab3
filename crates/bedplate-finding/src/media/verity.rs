//! dm-verity's superblock, and the table that the kernel wants (`Documentation/admin-guide/device-mapper/verity.rst`).
//!
//! ```text
//!  0 "verity", 0, 0     32 algorithm [32]           72 data blocks u64
//!  8 version u32 1      64 data block size u32      80 length of the salt u16
//! 12 hash type u32 1    68 hash block size u32      88 salt [256]
//! ```
//!
//! Nobody vouches for the superblock: the root hash covers the salt in its effect only. So all of it but the
//! salt must be what we write, and the table is made of what the description says.

use std::path::Path;

/// Bytes of a block, of data as of hashes.
const BLOCK: u64 = 4096;

/// What the description does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    salt: Vec<u8>,
}

/// A superblock that is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SuperblockError {
    /// Something else lies there.
    #[error("there is no superblock of dm-verity")]
    Missing,
    /// A parameter that we do not write.
    #[error("the superblock of dm-verity has another {0} than ours")]
    Other(&'static str),
    /// The hashes are of more or less data.
    #[error(
        "the superblock of dm-verity is of {found} bytes of data, and the description of {expected}"
    )]
    Length {
        /// What the superblock says.
        found: u64,
        /// What the description says.
        expected: u64,
    },
}

impl Superblock {
    /// Bytes that [`parse`](Self::parse) takes.
    pub const LEN: usize = 512;

    /// Reads the superblock of the hashes of `data_len` bytes.
    pub fn parse(bytes: &[u8; Self::LEN], data_len: u64) -> Result<Self, SuperblockError> {
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        if &bytes[..8] != b"verity\0\0" {
            return Err(SuperblockError::Missing);
        }
        let mut algorithm = [0; 32];
        algorithm[..6].copy_from_slice(b"sha256");
        let salt_len = usize::from(u16::from_le_bytes([bytes[80], bytes[81]]));
        for (same, what) in [
            (number(8) == 1, "version"),
            (number(12) == 1, "hash type"),
            (bytes[32..64] == algorithm, "algorithm"),
            (u64::from(number(64)) == BLOCK, "block size"),
            (u64::from(number(68)) == BLOCK, "block size"),
            (salt_len <= 256, "longest salt"),
        ] {
            if !same {
                return Err(SuperblockError::Other(what));
            }
        }
        let blocks = u64::from_le_bytes(bytes[72..80].try_into().expect("8 bytes"));
        let found = blocks.saturating_mul(BLOCK);
        if found != data_len {
            return Err(SuperblockError::Length {
                found,
                expected: data_len,
            });
        }
        Ok(Self {
            salt: bytes[88..88 + salt_len].to_vec(),
        })
    }
}

/// What the kernel does about a block that does not fit its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corruption {
    /// Reading it fails, and the state of the device says so.
    Fails,
    /// The machine panics, and with `panic=N` starts again: where the loader counts tries, with another root.
    Panics,
}

/// A device of verified data.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// The device with the data.
    pub data: &'a Path,
    /// The device with the hashes.
    pub hashes: &'a Path,
    /// Where the superblock lies on that, in bytes.
    pub superblock_at: u64,
    /// Length of the data in bytes.
    pub data_len: u64,
    /// 64 hexadecimal digits.
    pub root_hash: &'a str,
}

impl Table<'_> {
    /// Length of the device in sectors.
    pub fn sectors(&self) -> u64 {
        self.data_len / 512
    }

    /// The parameters of the target `verity`.
    pub fn parameters(&self, superblock: &Superblock, corruption: Corruption) -> String {
        let salt: String = match superblock.salt.is_empty() {
            true => "-".to_owned(),
            false => superblock
                .salt
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        };
        let options = match corruption {
            Corruption::Fails => "",
            Corruption::Panics => " 1 panic_on_corruption",
        };
        format!(
            "1 {} {} {BLOCK} {BLOCK} {} {} sha256 {} {salt}{options}",
            self.data.display(),
            self.hashes.display(),
            self.data_len / BLOCK,
            self.superblock_at / BLOCK + 1,
            self.root_hash,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> [u8; 512] {
        let mut bytes = [0; 512];
        bytes[..8].copy_from_slice(b"verity\0\0");
        (
            bytes[8], bytes[12], bytes[65], bytes[69], bytes[72], bytes[80],
        ) = (1, 1, 16, 16, 2, 2);
        bytes[32..38].copy_from_slice(b"sha256");
        (bytes[88], bytes[89]) = (0xab, 0x01);
        bytes
    }

    #[test]
    fn the_table_has_the_descriptions_hash_and_the_superblocks_salt() {
        let superblock = Superblock::parse(&ours(), 8192).unwrap();
        let device = Path::new("/dev/loop0");
        let table = Table {
            data: device,
            hashes: device,
            superblock_at: 8192,
            data_len: 8192,
            root_hash: "00ff",
        };
        assert_eq!(table.sectors(), 16);
        assert_eq!(
            table.parameters(&superblock, Corruption::Panics),
            "1 /dev/loop0 /dev/loop0 4096 4096 2 3 sha256 00ff ab01 1 panic_on_corruption"
        );
        let apart = Table {
            superblock_at: 0,
            hashes: Path::new("/dev/vda2"),
            ..table
        };
        let mut unsalted = ours();
        unsalted[80] = 0;
        let superblock = Superblock::parse(&unsalted, 8192).unwrap();
        assert_eq!(
            apart.parameters(&superblock, Corruption::Fails),
            "1 /dev/loop0 /dev/vda2 4096 4096 2 1 sha256 00ff -"
        );
    }

    #[test]
    fn a_superblock_of_another_kind_is_refused() {
        let changed = |at: usize, byte: u8| {
            let mut bytes = ours();
            bytes[at] = byte;
            Superblock::parse(&bytes, 8192).unwrap_err()
        };
        assert_eq!(changed(0, 0), SuperblockError::Missing);
        assert_eq!(changed(8, 2), SuperblockError::Other("version"));
        assert_eq!(changed(12, 0), SuperblockError::Other("hash type"));
        assert_eq!(changed(35, b'5'), SuperblockError::Other("algorithm"));
        assert_eq!(changed(69, 2), SuperblockError::Other("block size"));
        assert_eq!(changed(81, 2), SuperblockError::Other("longest salt"));
        let other = SuperblockError::Length {
            found: 12_288,
            expected: 8192,
        };
        assert_eq!(changed(72, 3), other);
    }
}
