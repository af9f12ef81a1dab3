//! dm-verity: the hashes that let the kernel check a read-only file system block by block.
//!
//! ```text
//! hash device                                 superblock, little-endian
//! block 0      superblock, zeros                0 "verity", 0, 0     64 data block size   4096
//!       1      hashes of the blocks below it    8 version    1       68 hash block size   4096
//!       2 …    and so on, level by level       12 hash type  1       72 data blocks
//!         … n  hashes of the data blocks       16 UUID               80 length of the salt
//!                                              32 "sha256", zeros    88 salt, zeros to 512
//! ```
//!
//! A hash is SHA-256 over the salt and one block of 4096 bytes; 128 of them make a hash block, and the
//! last block of a level is filled up with zeros. The root hash is that of block 1, or that of the data
//! if the data is a single block. Sources: the kernel's
//! `Documentation/admin-guide/device-mapper/verity.rst`; cryptsetup's wiki, "DMVerity". The bytes are
//! those of `veritysetup format` with its defaults.
//!
//! Data goes by once, and is not kept; the hashes are, which is 1/127 of it (8.1 MiB for each GiB).
//! Salt and UUID come from the caller. No error correction (FEC) is made, no superblock is read.

use std::fmt;
use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use crate::guid::Guid;

/// Bytes in a block of data, and in a block of hashes.
pub const BLOCK: u64 = 4096;
/// The longest salt, in bytes.
pub const SALT_MAX: usize = 256;

const BLOCK_LEN: usize = BLOCK as usize;
const HASH_LEN: usize = 32;
const HASHES_PER_BLOCK: u64 = BLOCK / HASH_LEN as u64;

/// What the hashes depend on besides the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Hashed before each block; at most 256 bytes.
    pub salt: Vec<u8>,
    /// Names the hash device. No hash depends on it.
    pub uuid: Guid,
}

/// Why there are no hashes.
#[derive(Debug, thiserror::Error)]
pub enum VerityError {
    /// Data of which the last block is not whole.
    #[error("{0} bytes cannot be put under dm-verity: it takes whole blocks of 4096 bytes")]
    PartialBlock(u64),
    /// No data.
    #[error("an empty file cannot be put under dm-verity")]
    Empty,
    /// A salt that the superblock has no place for.
    #[error("a salt of {0} bytes is longer than the 256 bytes that dm-verity has room for")]
    Salt(usize),
    /// The data could not be read.
    #[error("cannot read the data that is to be put under dm-verity")]
    Read(#[source] io::Error),
}

/// The hash from which all blocks of a device can be checked. It must be trusted: on the kernel command
/// line of a signed image, for instance. Its text is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootHash([u8; HASH_LEN]);

impl RootHash {
    /// A root hash that was kept.
    pub const fn from_bytes(bytes: [u8; HASH_LEN]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    /// The GUIDs by which a partition with this data and one with its hashes are found when nothing
    /// but the root hash is known: its two halves (Discoverable Partitions Specification, "Verity").
    pub fn partition_guids(&self) -> (Guid, Guid) {
        let half = |from: usize| {
            let bytes = self.0[from..from + 16].try_into();
            Guid::from_bytes(bytes.expect("a half has 16 bytes"))
        };
        (half(0), half(16))
    }
}

impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Length in bytes of the hash device for `data_len` bytes of data, superblock included.
pub fn hash_len(data_len: u64) -> u64 {
    let mut blocks = 1;
    let mut level = data_len.div_ceil(BLOCK);
    while level > 1 {
        level = level.div_ceil(HASHES_PER_BLOCK);
        blocks += level;
    }
    blocks * BLOCK
}

/// Hashes the data that is written to it: a second pass over what goes to a disk is not needed.
pub struct Hasher {
    params: Params,
    salted: Sha256,
    /// The beginning of a data block, less than 4096 bytes.
    partial: Vec<u8>,
    data_len: u64,
    /// The hashes of each level, from that of the data up. Whole blocks were hashed into the next.
    levels: Vec<Vec<u8>>,
}

impl Hasher {
    /// Begins with no data.
    pub fn new(params: Params) -> Result<Self, VerityError> {
        if params.salt.len() > SALT_MAX {
            return Err(VerityError::Salt(params.salt.len()));
        }
        Ok(Self {
            salted: Sha256::new_with_prefix(&params.salt),
            params,
            partial: Vec::with_capacity(BLOCK_LEN),
            data_len: 0,
            levels: Vec::new(),
        })
    }

    /// Ends the data.
    pub fn finish(mut self) -> Result<HashDevice, VerityError> {
        if !self.partial.is_empty() {
            return Err(VerityError::PartialBlock(self.data_len));
        }
        let mut level = 0;
        while self.levels.get(level).is_some_and(|l| l.len() > HASH_LEN) {
            let hashes = &mut self.levels[level];
            let rest = hashes.len() % BLOCK_LEN;
            if rest > 0 {
                hashes.resize(hashes.len() - rest + BLOCK_LEN, 0);
                let start = hashes.len() - BLOCK_LEN;
                let hash = hash(&self.salted, &hashes[start..]);
                self.push(level + 1, hash);
            }
            level += 1;
        }
        let root = self.levels.pop().ok_or(VerityError::Empty)?;
        let root = root.try_into().expect("the last level has one hash");
        Ok(HashDevice {
            params: self.params,
            root_hash: RootHash(root),
            data_blocks: self.data_len / BLOCK,
            levels: self.levels,
        })
    }

    fn block(&mut self, block: &[u8]) {
        let hash = hash(&self.salted, block);
        self.push(0, hash);
    }

    /// Adds a hash to a level, and a hash to the next if that made a block whole.
    fn push(&mut self, level: usize, mut hash_below: [u8; HASH_LEN]) {
        for level in level.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.extend(hash_below);
            if !hashes.len().is_multiple_of(BLOCK_LEN) {
                return;
            }
            hash_below = hash(&self.salted, &hashes[hashes.len() - BLOCK_LEN..]);
        }
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        if !self.partial.is_empty() {
            let take = rest.len().min(BLOCK_LEN - self.partial.len());
            self.partial.extend(&rest[..take]);
            rest = &rest[take..];
            if self.partial.len() == BLOCK_LEN {
                let block = std::mem::take(&mut self.partial);
                self.block(&block);
            }
        }
        let mut blocks = rest.chunks_exact(BLOCK_LEN);
        blocks.by_ref().for_each(|block| self.block(block));
        self.partial.extend(blocks.remainder());
        self.data_len += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hash(salted: &Sha256, block: &[u8]) -> [u8; HASH_LEN] {
    salted.clone().chain_update(block).finalize().into()
}

/// Hashes all of `data`.
pub fn format(mut data: impl Read, params: Params) -> Result<HashDevice, VerityError> {
    let mut hasher = Hasher::new(params)?;
    let mut buffer = vec![0; 64 * BLOCK_LEN];
    loop {
        match data.read(&mut buffer) {
            Ok(0) => return hasher.finish(),
            Ok(count) => hasher
                .write_all(&buffer[..count])
                .map_err(VerityError::Read)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(VerityError::Read(error)),
        }
    }
}

/// What stands on the hash device, and the hash that its user must know.
pub struct HashDevice {
    params: Params,
    root_hash: RootHash,
    data_blocks: u64,
    levels: Vec<Vec<u8>>,
}

impl HashDevice {
    /// The root hash.
    pub fn root_hash(&self) -> RootHash {
        self.root_hash
    }

    /// Length of the hash device in bytes: that of [`hash_len`].
    pub fn byte_len(&self) -> u64 {
        BLOCK
            + self
                .levels
                .iter()
                .map(|level| level.len() as u64)
                .sum::<u64>()
    }

    /// Writes the bytes of the hash device.
    pub fn write<W: Write>(&self, out: &mut W) -> io::Result<()> {
        out.write_all(&self.superblock())?;
        self.levels
            .iter()
            .rev()
            .try_for_each(|level| out.write_all(level))
    }

    fn superblock(&self) -> Vec<u8> {
        let mut block = Vec::with_capacity(BLOCK_LEN);
        block.extend(b"verity\0\0");
        block.extend(1_u32.to_le_bytes());
        block.extend(1_u32.to_le_bytes());
        block.extend(self.params.uuid.as_bytes());
        block.extend(b"sha256");
        block.resize(64, 0);
        block.extend((BLOCK as u32).to_le_bytes());
        block.extend((BLOCK as u32).to_le_bytes());
        block.extend(self.data_blocks.to_le_bytes());
        let salt_len = u16::try_from(self.params.salt.len()).expect("at most 256 bytes");
        block.extend(salt_len.to_le_bytes());
        block.resize(88, 0);
        block.extend(&self.params.salt);
        block.resize(BLOCK_LEN, 0);
        block
    }
}
