//! File systems by their superblocks: type, label, UUID and length.
//!
//! ```text
//! ext4     at   1024   blocks u32 at +4, high half at +336 | shift of block size u32 at +24 | magic 0xEF53 at +56
//!                      UUID at +104 | label [16] at +120                                  (also ext2 and ext3)
//! xfs      at      0   "XFSB" | block size u32 | blocks u64 | UUID at +32 | label [12] at +108      (big-endian)
//! btrfs    at  65536   UUID at +32 | "_BHRfS_M" at +64 | bytes u64 at +112 | label [256] at +299
//! vfat     at      0   0x29 at 66 | label [11] at 71 | "FAT32" at 82;  0x29 at 38 | label [11] at 43 | "FAT" at 54
//! iso9660  at  32768   1 | "CD001" | label [32] at +40
//! swap     at      0   UUID at 1036 | label [16] at 1052 | "SWAPSPACE2" at 4086
//! ```

/// As much of a device as is looked at.
pub const HEAD: u64 = 65_536 + 4096;

/// A file system that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// Its type, as mount(2) calls it; `swap` for what is none.
    pub kind: &'static str,
    /// Its label; empty if it has none.
    pub label: String,
    /// Its UUID in lower case; empty if it has none.
    pub uuid: String,
    /// Its length in bytes, where the type says it.
    pub len: Option<u64>,
}

/// Which file system does `head`, the beginning of a device, belong to?
pub fn identify(head: &[u8]) -> Option<FileSystem> {
    [ext4, xfs, btrfs, iso9660, swap, vfat]
        .into_iter()
        .find_map(|read| read(head))
}

fn ext4(head: &[u8]) -> Option<FileSystem> {
    has(head, 1080, &[0x53, 0xef])?;
    let low = u64::from(le32(head, 1028)?);
    let has_64_bits = le32(head, 1024 + 96)? & 0x80 != 0;
    let high = if has_64_bits {
        u64::from(le32(head, 1024 + 336)?)
    } else {
        0
    };
    let block = 1024_u64.checked_shl(le32(head, 1048)?)?;
    Some(FileSystem {
        kind: "ext4",
        label: text(head, 1144, 16)?,
        uuid: uuid(head, 1128)?,
        len: (high << 32 | low).checked_mul(block),
    })
}

fn xfs(head: &[u8]) -> Option<FileSystem> {
    has(head, 0, b"XFSB")?;
    let block = u32::from_be_bytes(head.get(4..8)?.try_into().ok()?);
    let blocks = u64::from_be_bytes(head.get(8..16)?.try_into().ok()?);
    Some(FileSystem {
        kind: "xfs",
        label: text(head, 108, 12)?,
        uuid: uuid(head, 32)?,
        len: blocks.checked_mul(u64::from(block)),
    })
}

fn btrfs(head: &[u8]) -> Option<FileSystem> {
    has(head, 65_600, b"_BHRfS_M")?;
    let bytes = head.get(65_648..65_656)?.try_into().ok()?;
    Some(FileSystem {
        kind: "btrfs",
        label: text(head, 65_835, 256)?,
        uuid: uuid(head, 65_568)?,
        len: Some(u64::from_le_bytes(bytes)),
    })
}

fn iso9660(head: &[u8]) -> Option<FileSystem> {
    has(head, 32_768, b"\x01CD001")?;
    Some(unmeasured("iso9660", text(head, 32_808, 32)?))
}

fn swap(head: &[u8]) -> Option<FileSystem> {
    has(head, 4086, b"SWAPSPACE2")?;
    Some(FileSystem {
        uuid: uuid(head, 1036)?,
        ..unmeasured("swap", text(head, 1052, 16)?)
    })
}

fn vfat(head: &[u8]) -> Option<FileSystem> {
    has(head, 510, &[0x55, 0xaa])?;
    let large = has(head, 66, &[0x29]).and(has(head, 82, b"FAT32"));
    let small = has(head, 38, &[0x29]).and(has(head, 54, b"FAT"));
    let at = large.map(|()| 71).or(small.map(|()| 43))?;
    let label = text(head, at, 11)?;
    Some(unmeasured("vfat", label)).map(|found| match found.label.as_str() {
        "NO NAME" => unmeasured("vfat", String::new()),
        _ => found,
    })
}

fn unmeasured(kind: &'static str, label: String) -> FileSystem {
    FileSystem {
        kind,
        label,
        uuid: String::new(),
        len: None,
    }
}

fn has(head: &[u8], at: usize, bytes: &[u8]) -> Option<()> {
    (head.get(at..at + bytes.len())? == bytes).then_some(())
}

fn le32(head: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?))
}

/// Text that ends at its first NUL, or in blanks.
fn text(head: &[u8], at: usize, len: usize) -> Option<String> {
    let bytes = head.get(at..at + len)?;
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(String::from_utf8_lossy(bytes).trim_end().to_owned())
}

fn uuid(head: &[u8], at: usize) -> Option<String> {
    let bytes = head.get(at..at + 16)?;
    let mut text = String::new();
    for (number, byte) in bytes.iter().enumerate() {
        if matches!(number, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use bedplate_sys::tool::Tool;
    use proptest::prelude::*;

    use super::*;

    /// What we say of a file system that its own tool made.
    fn judged(len: u64, program: &'static str, arguments: &[&str]) -> FileSystem {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(len).unwrap();
        let tool = Tool::new(program, program).args(arguments).arg(file.path());
        tool.output().unwrap();
        crate::disks::identify(file.path()).unwrap()
    }

    const UUID: &str = "01234567-89ab-cdef-0123-456789abcdef";

    #[test]
    fn file_systems_are_those_that_their_tools_made() {
        let ext4 = judged(16 << 20, "mkfs.ext4", &["-q", "-L", "data", "-U", UUID]);
        let known = |kind, len| FileSystem {
            kind,
            label: "data".into(),
            uuid: UUID.into(),
            len,
        };
        assert_eq!(ext4, known("ext4", Some(16 << 20)));
        let xfs = ["-q", "-L", "data", "-m", &format!("uuid={UUID}")];
        assert_eq!(
            judged(400 << 20, "mkfs.xfs", &xfs),
            known("xfs", Some(400 << 20))
        );
        let btrfs = ["-q", "-L", "data", "-U", UUID];
        let len = Some(200 << 20);
        assert_eq!(judged(200 << 20, "mkfs.btrfs", &btrfs), known("btrfs", len));
        let swap = ["-L", "data", "-U", UUID];
        assert_eq!(judged(1 << 20, "mkswap", &swap), known("swap", None));
        for size in ["16", "32"] {
            let fat = judged(64 << 20, "mkfs.fat", &["-F", size, "-n", "CIDATA"]);
            assert_eq!((fat.kind, fat.label.as_str()), ("vfat", "CIDATA"));
        }
        let empty = tempfile::NamedTempFile::new().unwrap();
        File::set_len(empty.as_file(), 1 << 20).unwrap();
        assert_eq!(crate::disks::identify(empty.path()), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..5000), mark in 0..6_usize, cut in 0..70_000_usize) {
            let marks: [(usize, &[u8]); 6] = [
                (1080, &[0x53, 0xef]), (0, b"XFSB"), (65_600, b"_BHRfS_M"),
                (32_768, b"\x01CD001"), (4086, b"SWAPSPACE2"), (510, &[0x55, 0xaa]),
            ];
            let mut head = vec![0; 70_000];
            head[..bytes.len()].copy_from_slice(&bytes);
            let (at, magic) = marks[mark];
            head[at..at + magic.len()].copy_from_slice(magic);
            let _ = identify(&head[..cut]);
        }
    }
}
