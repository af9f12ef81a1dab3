//! Unmounting what holds data before the machine goes down.

use std::fs;
use std::path::Path;

use bedplate_sys::mounting::{Unmount, unmount};

use crate::console;

/// File systems on a disk, which want to be unmounted.
const LOCAL: &[&str] = &[
    "ext2", "ext3", "ext4", "btrfs", "xfs", "vfat", "msdos", "exfat", "ntfs3", "f2fs", "zfs",
    "overlay",
];
/// File systems of another machine, which must not hold us up.
const REMOTE: &[&str] = &["nfs", "nfs4", "cifs", "smb3", "9p", "ceph"];

/// Unmounts, the last mount first.
pub fn unmount_all() {
    let table = fs::read_to_string("/proc/mounts").unwrap_or_default();
    for (place, how) in plan(&table) {
        if let Err(error) = unmount(Path::new(&place), how) {
            console::detail(format_args!("cannot unmount `{place}`: {error}"));
        }
    }
}

/// What to unmount, and how, from the text of `/proc/mounts`.
fn plan(table: &str) -> Vec<(String, Unmount)> {
    let one = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        let how = if LOCAL.contains(&kind) {
            Unmount::IfUnused
        } else if REMOTE.contains(&kind) {
            Unmount::Detach
        } else {
            return None;
        };
        Some((unescape(place), how))
    };
    table.lines().rev().filter_map(one).collect()
}

/// Blank, tab, newline and backslash are octal in that table.
fn unescape(place: &str) -> String {
    let escapes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    escapes
        .iter()
        .fold(place.to_owned(), |text, (escape, plain)| {
            text.replace(escape, plain)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_data_is_unmounted_last_first() {
        let table = "none / rootfs rw 0 0\n/dev/vda /var ext4 rw 0 0\nh:/x /mnt/a\\040b nfs4 rw 0 0\noverlay /c overlay rw 0 0\n";
        assert_eq!(
            plan(table),
            [
                ("/c".into(), Unmount::IfUnused),
                ("/mnt/a b".into(), Unmount::Detach),
                ("/var".into(), Unmount::IfUnused),
            ]
        );
    }
}
