//! Media that hold a root.

use std::path::{Path, PathBuf};

use bedplate_formats::content::InlineOnly;
use bedplate_formats::fat;
use bedplate_formats::gpt::{Attributes, Extent, Layout, Partition, types};
use bedplate_formats::guid::Guid;
use bedplate_types::Epoch;

use super::{Root, file, kit, tree};
use crate::workshop::judge;

/// A disk whose two partitions are found by the root hash.
pub fn partitioned(name: &str, root: &Root) -> PathBuf {
    let (data, hashes) = root.image.split_at(root.description.data_len as usize);
    let root_hash = &root.description.root_hash;
    let half = |digits: &str| Guid::from_u128(u128::from_str_radix(digits, 16).unwrap());
    let partition = |kind, guid, name: &str, bytes: &[u8]| Partition {
        kind,
        guid,
        name: name.into(),
        attributes: Attributes::NONE,
        extent: Extent::Next {
            len: bytes.len() as u64,
        },
    };
    let partitions = [
        partition(types::ESP, Guid::derived(b"esp"), "esp", &[0; 512]),
        partition(types::ROOT_X86_64, half(&root_hash[..32]), "root", data),
        partition(
            types::ROOT_X86_64_VERITY,
            half(&root_hash[32..]),
            "verity",
            hashes,
        ),
    ];
    let layout = Layout::fitting(Guid::derived(b"disk"), &partitions).unwrap();
    let mut disk = vec![0; layout.disk_len() as usize];
    let mut put = |at: u64, bytes: &[u8]| {
        disk[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
    };
    put(0, &layout.primary());
    put(layout.backup_offset(), &layout.backup());
    for (placed, bytes) in layout.partitions()[1..].iter().zip([data, hashes]) {
        put(placed.offset(), bytes);
    }
    kit().file(name, &disk)
}

/// An ISO image with this label and these files.
pub fn iso(name: &str, label: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let directory = kit().home().join(format!("{name}.files"));
    for (path, bytes) in files {
        let file = directory.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    let image = kit().home().join(name);
    let script = r#"xorriso -as mkisofs -quiet -R -V "$1" -o "$2" "$3""#;
    judge(script, &[Path::new(label), &image, &directory]);
    image
}

/// A FAT volume with this label and these files.
pub fn vfat(name: &str, label: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let entries = files.iter().map(|(path, bytes)| file(path, 0o644, *bytes));
    let tree = tree(entries.collect());
    let volume = fat::Volume {
        size: fat::Size::Exactly(64 << 20),
        label: label.into(),
        serial: 1,
        epoch: Epoch(1_700_000_000),
    };
    let mut bytes = Vec::new();
    let image = fat::Image::new(&tree, &volume).unwrap();
    image.write(&InlineOnly, &mut bytes).unwrap();
    kit().file(name, &bytes)
}
