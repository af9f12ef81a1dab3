//! Block devices as sysfs has them.
//!
//! ```text
//! /sys/block/vda/{size,ro,removable}      a disk; sizes are in sectors of 512 bytes
//! /sys/block/vda/device                   there if hardware, real or not, is behind it (no loop, ram, dm, md)
//! /sys/block/vda/vda1/{partition,start,size,uevent}
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes of a sector in sysfs, whatever the disk's own are.
pub const SECTOR: u64 = 512;

/// A disk or a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name: `vda`, `vda1`.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
    /// What it is.
    pub kind: Kind,
}

/// What a block device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A whole one.
    Disk {
        /// Is it a disk that stays, can be written, and is no mere view of another one?
        is_fixed: bool,
        /// The names of its partitions.
        partitions: Vec<String>,
    },
    /// A part of one.
    Partition {
        /// Name of the disk.
        disk: String,
        /// Its number in the table.
        number: u32,
        /// Where it begins, in bytes.
        start: u64,
        /// The name that a GPT gives it; empty where there is none.
        label: String,
    },
}

impl Device {
    /// Its node.
    pub fn path(&self) -> PathBuf {
        // In names of sysfs `!` stands for `/`.
        Path::new("/dev").join(self.name.replace('!', "/"))
    }
}

/// All block devices that hold anything, in the order of their names.
pub fn all(sys: &Path) -> io::Result<Vec<Device>> {
    let mut names = names(&sys.join("block"))?;
    names.sort_by_key(|name| natural(name));
    let mut devices = Vec::new();
    for name in names {
        let disk = sys.join("block").join(&name);
        let mut partitions = partitions(&disk, &name);
        partitions.sort_by_key(|device| natural(&device.name));
        let len = number(&disk.join("size")) * SECTOR;
        if len == 0 {
            continue;
        }
        let is_fixed = disk.join("device").exists()
            && number(&disk.join("ro")) == 0
            && number(&disk.join("removable")) == 0
            && !name.starts_with("sr")
            && !name.starts_with("fd");
        let kind = Kind::Disk {
            is_fixed,
            partitions: partitions
                .iter()
                .map(|device| device.name.clone())
                .collect(),
        };
        devices.push(Device { name, len, kind });
        devices.extend(partitions);
    }
    Ok(devices)
}

fn partitions(directory: &Path, disk: &str) -> Vec<Device> {
    let below = names(directory).unwrap_or_default().into_iter();
    let partition = |name: String| {
        let at = directory.join(&name);
        let number_of = number(&at.join("partition"));
        let uevent = fs::read_to_string(at.join("uevent")).unwrap_or_default();
        let label = uevent
            .lines()
            .find_map(|line| line.strip_prefix("PARTNAME="))
            .unwrap_or_default();
        (number_of > 0).then(|| Device {
            len: number(&at.join("size")) * SECTOR,
            kind: Kind::Partition {
                disk: disk.to_owned(),
                number: u32::try_from(number_of).unwrap_or(u32::MAX),
                start: number(&at.join("start")) * SECTOR,
                label: label.to_owned(),
            },
            name,
        })
    };
    below.filter_map(partition).collect()
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(directory)?;
    Ok(entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect())
}

fn number(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// `sdb` before `sdaa`, `vda2` before `vda10`.
fn natural(name: &str) -> (usize, String) {
    (name.len(), name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(sys: &Path, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = sys.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn disks_and_partitions_are_read_from_sysfs() {
        let sys = tempfile::tempdir().unwrap();
        write(
            sys.path(),
            &[
                ("block/vdb/size", "2048\n"),
                ("block/vdb/ro", "0\n"),
                ("block/vdb/removable", "0\n"),
                ("block/vdb/device/x", ""),
                ("block/vdb/queue/rotational", "1\n"),
                ("block/vdb/vdb1/partition", "1\n"),
                ("block/vdb/vdb1/start", "64\n"),
                ("block/vdb/vdb1/size", "100\n"),
                (
                    "block/vdb/vdb1/uevent",
                    "DEVTYPE=partition\nPARTNAME=data\n",
                ),
                ("block/loop0/size", "8\n"),
                ("block/loop1/size", "0\n"),
                ("block/sr0/size", "8\n"),
                ("block/sr0/device/x", ""),
            ],
        );
        let devices = all(sys.path()).unwrap();
        let fixed = |device: &Device| matches!(device.kind, Kind::Disk { is_fixed: true, .. });
        let seen: Vec<(&str, u64, bool)> = devices
            .iter()
            .map(|device| (device.name.as_str(), device.len, fixed(device)))
            .collect();
        assert_eq!(
            seen,
            [
                ("sr0", 4096, false),
                ("vdb", 1 << 20, true),
                ("vdb1", 51_200, false),
                ("loop0", 4096, false)
            ]
        );
        assert_eq!(
            devices[2].kind,
            Kind::Partition {
                disk: "vdb".into(),
                number: 1,
                start: 32_768,
                label: "data".into()
            }
        );
    }
}
