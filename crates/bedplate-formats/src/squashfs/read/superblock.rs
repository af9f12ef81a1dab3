//! The superblock, and which of its promises the file keeps.

use super::error::ReadError;
use super::fields::Fields;
use super::unpack::Unpack;
use crate::read_at::ReadAt;
use crate::squashfs::NO_TABLE;

const LEN: usize = 96;
const VERSION: (u16, u16) = (4, 0);

/// What the superblock says; places are in bytes from its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Superblock {
    pub(super) block_size: u32,
    pub(super) unpack: Unpack,
    pub(super) fragments: u32,
    pub(super) owners: u16,
    /// Packed reference to the root's inode.
    pub(super) root: u64,
    /// All that belongs to the image lies before this.
    pub(super) used: u64,
    pub(super) owner_table: u64,
    pub(super) xattr_table: Option<u64>,
    pub(super) inode_table: u64,
    pub(super) directory_table: u64,
    pub(super) fragment_table: Option<u64>,
}

impl Superblock {
    pub(super) fn read(source: &impl ReadAt) -> Result<Self, ReadError> {
        let mut bytes = [0; LEN];
        let len = source.len();
        if len < 4 {
            return Err(ReadError::NotImage);
        }
        let head = LEN.min(usize::try_from(len).unwrap_or(LEN));
        source
            .read_exact_at(&mut bytes[..head], 0)
            .map_err(|source| ReadError::Io { offset: 0, source })?;
        if !super::is_image(&bytes) {
            return Err(ReadError::NotImage);
        }
        let expected = |expected| ReadError::Truncated { expected, len };
        if head < LEN {
            return Err(expected(LEN as u64));
        }
        let superblock = Self::parse(&bytes[4..])?;
        match superblock.used {
            used if used > len => Err(expected(used)),
            _ => Ok(superblock),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut fields = Fields(bytes);
        let (_inodes, _time) = (fields.u32(), fields.u32());
        let block_size = fields.u32();
        let fragments = fields.u32();
        let (compressor, block_log) = (fields.u16(), fields.u16());
        let (_flags, owners) = (fields.u16(), fields.u16());
        let (major, minor) = (fields.u16(), fields.u16());
        if (major, minor) != VERSION {
            return Err(ReadError::Version { major, minor });
        }
        if !(12..=20).contains(&block_log) || block_size != 1 << block_log {
            return Err(ReadError::malformed(
                "its blocks have a size that the format does not have",
            ));
        }
        let (root, used) = (fields.u64(), fields.u64());
        let mut table = || Some(fields.u64()).filter(|&at| at != NO_TABLE);
        let needed = ReadError::malformed("a table that each image has is missing");
        let (owner_table, xattr_table) = (table(), table());
        let (inode_table, directory_table) = (table(), table());
        let (Some(owner_table), Some(inode_table), Some(directory_table)) =
            (owner_table, inode_table, directory_table)
        else {
            return Err(needed);
        };
        Ok(Self {
            block_size,
            unpack: Unpack::of(compressor)?,
            fragments,
            owners,
            root,
            used,
            owner_table,
            xattr_table,
            inode_table,
            directory_table,
            fragment_table: table(),
        })
    }

    /// The `len` bytes at `at`, if they belong to the image.
    pub(super) fn bytes(
        &self,
        source: &impl ReadAt,
        at: u64,
        len: usize,
    ) -> Result<Vec<u8>, ReadError> {
        let end = at.checked_add(len as u64);
        if end.is_none_or(|end| end > self.used) {
            return Err(ReadError::malformed(
                "it refers to a place behind its own end",
            ));
        }
        let mut bytes = vec![0; len];
        match source.read_exact_at(&mut bytes, at) {
            Ok(()) => Ok(bytes),
            Err(source) => Err(ReadError::Io { offset: at, source }),
        }
    }
}
