//! How an image is to be made.

use std::num::NonZeroUsize;

use bedplate_types::Epoch;

use super::error::WriteError;

/// How blocks are compressed. Blocks that would not shrink are stored as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all. The superblock names gzip, since it must name something and all kernels have that.
    None,
    /// Zstandard.
    Zstd {
        /// 1 (fast) to 22 (small).
        level: i32,
    },
}

/// How an image is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How blocks are compressed.
    pub compression: Compression,
    /// Bytes of a file that are compressed together: a power of two from 4096 to 1 MiB. Larger blocks
    /// make smaller images and dearer random reads.
    pub block_size: u32,
    /// When the image claims to have been made, and the latest time that a file in it may have.
    pub epoch: Epoch,
    /// How many threads compress. More need more memory: about 8 MiB each with blocks of 1 MiB and
    /// zstd at level 3.
    pub threads: NonZeroUsize,
}

impl Options {
    /// zstd at level 3, blocks of 1 MiB, one thread.
    pub fn new(epoch: Epoch) -> Self {
        Self {
            compression: Compression::Zstd { level: 3 },
            block_size: 1 << 20,
            epoch,
            threads: NonZeroUsize::MIN,
        }
    }

    pub(super) fn check(&self) -> Result<(), WriteError> {
        let size = self.block_size;
        if !size.is_power_of_two() || !(4096..=1 << 20).contains(&size) {
            return Err(WriteError::BlockSize { size });
        }
        match self.compression {
            Compression::Zstd { level } if !(1..=22).contains(&level) => {
                Err(WriteError::Level { level })
            }
            _ => Ok(()),
        }
    }
}
