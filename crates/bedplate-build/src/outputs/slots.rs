//! Partitions for root images: one that is filled, and one for the next.
//!
//! ```text
//! root_STAMP | verity_STAMP | _empty | _empty         (Discoverable Partitions Specification, UAPI.2)
//! ```
//!
//! A root and its hashes have the GUIDs that their root hash gives them: so whoever knows the hash finds them.
//! What comes behind them on a disk is for what the host keeps.

use std::fs::File;
use std::io::{Seek, SeekFrom};

use bedplate_formats::content::ReadContent;
use bedplate_formats::gpt::{Attributes, Extent, Layout, Partition, types};
use bedplate_formats::verity;
use bedplate_types::{Arch, Stamp};

use super::Fault;
use super::parts::{Names, Parts};

/// Label of a partition that waits for a root (sysupdate.d(5)).
const EMPTY: &str = "_empty";
/// Roots have room for a multiple of this length, in bytes.
const STEP: u64 = 64 << 20;

/// The partitions, if the host has a root image.
pub(super) fn partitions(parts: &Parts<'_>, names: &Names) -> Vec<Partition> {
    let Some(apart) = parts.apart else {
        return Vec::new();
    };
    let (data_kind, hash_kind) = match parts.arch {
        Arch::Amd64 => (types::ROOT_X86_64, types::ROOT_X86_64_VERITY),
        Arch::Arm64 => (types::ROOT_ARM64, types::ROOT_ARM64_VERITY),
        Arch::Riscv64 => (types::ROOT_RISCV64, types::ROOT_RISCV64_VERITY),
    };
    let root = &apart.image;
    let (data, hashes) = root.partition_guids();
    // The next root may be larger.
    let data_len = (root.data_len + root.data_len / 2).next_multiple_of(STEP);
    let hash_len = verity::hash_len(data_len).next_multiple_of(1 << 20);
    let partition = |kind, guid, name: String, len| Partition {
        kind,
        guid,
        name,
        attributes: Attributes::READ_ONLY | Attributes::NO_AUTO,
        extent: Extent::Next { len },
    };
    let stamp = Stamp::from(parts.epoch);
    let empty = |kind, role: &str, len| partition(kind, names.guid(role), EMPTY.to_owned(), len);
    vec![
        partition(data_kind, data, format!("root_{stamp}"), data_len),
        partition(hash_kind, hashes, format!("verity_{stamp}"), hash_len),
        empty(data_kind, "empty root", data_len),
        empty(hash_kind, "empty verity", hash_len),
    ]
}

/// Fills the first pair.
pub(super) fn write(parts: &Parts<'_>, layout: &Layout, out: &mut File) -> Result<(), Fault> {
    let Some(apart) = parts.apart else {
        return Ok(());
    };
    let (data, hashes) = apart.image.partition_guids();
    for (guid, content) in [(data, apart.image.data()), (hashes, apart.image.hashes())] {
        let mut all = layout.partitions().iter();
        let partition = all.find(|partition| partition.partition.guid == guid);
        let partition = partition.expect("the layout has what was asked for");
        out.seek(SeekFrom::Start(partition.offset()))?;
        parts.contents.copy(&content, out)?;
    }
    Ok(())
}
