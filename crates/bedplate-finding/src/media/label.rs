//! File systems and their labels, by their superblocks.
//!
//! ```text
//! iso9660  at 32768   1, "CD001", 1 | volume identifier [32] at +40, blanks at its end     (ECMA-119, 8.4)
//! ext4     at  1024   magic 0xEF53 at +56 | label [16] at +120, zeros at its end           (also ext2 and ext3)
//! vfat     at     0   0x29 at 66 | label [11] at 71 | "FAT32   " at 82 | 0xAA55 at 510
//!                     0x29 at 38 | label [11] at 43 | "FAT" at 54      | 0xAA55 at 510
//! ```

/// As much of a device as [`identify`] looks at.
pub const HEAD_LEN: usize = 34_816;

/// A file system that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// Its type, as mount(2) calls it.
    pub kind: &'static str,
    /// Its label; empty if it has none.
    pub label: String,
}

/// Which file system does a device hold? `head` is its beginning, [`HEAD_LEN`] bytes where it has as many.
pub fn identify(head: &[u8]) -> Option<FileSystem> {
    let found = |kind, at: usize, len: usize| FileSystem {
        kind,
        label: text(head.get(at..at + len).unwrap_or_default()),
    };
    let has = |at: usize, bytes: &[u8]| head.get(at..at + bytes.len()) == Some(bytes);
    if has(32_768, b"\x01CD001\x01") {
        return Some(found("iso9660", 32_808, 32));
    }
    if has(1080, &[0x53, 0xef]) {
        return Some(found("ext4", 1144, 16));
    }
    if has(510, &[0x55, 0xaa]) {
        let unnamed = |file_system: FileSystem| match file_system.label.as_str() {
            "NO NAME" => FileSystem {
                label: String::new(),
                ..file_system
            },
            _ => file_system,
        };
        if has(66, &[0x29]) && has(82, b"FAT32   ") {
            return Some(unnamed(found("vfat", 71, 11)));
        }
        if has(38, &[0x29]) && has(54, b"FAT") {
            return Some(unnamed(found("vfat", 43, 11)));
        }
    }
    None
}

/// Up to the first zero, without blanks at its end.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0);
    let bytes = &bytes[..end.unwrap_or(bytes.len())];
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; HEAD_LEN];
        for (at, part) in parts {
            bytes[*at..at + part.len()].copy_from_slice(part);
        }
        bytes
    }

    fn named(parts: &[(usize, &[u8])]) -> Option<(&'static str, String)> {
        identify(&device(parts)).map(|found| (found.kind, found.label))
    }

    #[test]
    fn labels_are_found_where_the_formats_have_them() {
        let iso: &[(usize, &[u8])] = &[(32_768, b"\x01CD001\x01"), (32_808, b"BEDPLATE HOST   ")];
        assert_eq!(named(iso), Some(("iso9660", "BEDPLATE HOST".into())));
        let ext4: &[(usize, &[u8])] = &[(1080, &[0x53, 0xef]), (1144, b"state")];
        assert_eq!(named(ext4), Some(("ext4", "state".into())));
        let signature: (usize, &[u8]) = (510, &[0x55, 0xaa]);
        let fat32 = [
            signature,
            (66, b"\x29"),
            (82, b"FAT32   "),
            (71, b"BEDPLATE   "),
        ];
        assert_eq!(named(&fat32), Some(("vfat", "BEDPLATE".into())));
        let fat16 = [
            signature,
            (38, b"\x29"),
            (54, b"FAT16   "),
            (43, b"NO NAME    "),
        ];
        assert_eq!(named(&fat16), Some(("vfat", String::new())));
    }

    #[test]
    fn a_boot_sector_alone_is_no_file_system() {
        assert_eq!(named(&[(510, &[0x55, 0xaa])]), None);
        assert_eq!(identify(&[]), None);
        assert_eq!(identify(&[0x29; 1000]), None);
    }
}
