//! What lies on a medium, as far as it takes to find an image there.

mod label;
mod partition;
mod verity;

pub use label::{FileSystem, HEAD_LEN, identify};
pub use partition::{partition_guid, root_hash_guids};
pub use verity::{Corruption, Superblock, SuperblockError, Table};
