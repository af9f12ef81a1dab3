//! `extend`: a partition to the end of its disk, and its file system to the end of the partition.
//!
//! Each half is done only where there is something to gain, so that every boot may ask for it.

use std::fs;
use std::path::{Path, PathBuf};

use bedplate_sys::mounting::{self, Unmount};
use bedplate_sys::tool::Tool;
use bedplate_types::ByteSize;

use super::devices::{self, Device, Kind};
use super::format::sfdisk;
use super::{FileSystem, Wanted};
use crate::error::Error;
use crate::options::Options;
use crate::{Result, say};

/// What to extend (`LABEL=…`, `UUID=…`, a device), and how long to wait for it.
pub const OPTIONS: &[&str] = &["what", "wait"];

/// Less than this is not worth it: a GPT keeps its second copy at the end of the disk.
const WORTHWHILE: u64 = 2 << 20;

/// Does it. The file system must not be mounted.
pub fn run(options: &Options) -> Result<()> {
    let wanted = Wanted::parse(options.need("what")?)?;
    let (device, _) = wanted.find(options.seconds("wait", 10)?)?;
    if let Some(room) = room_behind(
        &devices::all(Path::new("/sys")).map_err(Error::io("list block devices"))?,
        &device,
    ) {
        extend_partition(&device, room)?;
    }
    // The length of the partition may be another now.
    let (device, found) = wanted.find(options.seconds("wait", 10)?)?;
    match found
        .len
        .filter(|len| device.len.saturating_sub(*len) >= WORTHWHILE)
    {
        Some(len) => extend_file_system(&device, &found, len),
        None => {
            say(format!("{wanted} reaches to the end of its disk"));
            Ok(())
        }
    }
}

/// The bytes behind a partition that nothing uses, if they are worth it; `None` too for what is no partition.
fn room_behind(devices: &[Device], device: &Device) -> Option<u64> {
    let Kind::Partition { disk, start, .. } = &device.kind else {
        return None;
    };
    let end = start + device.len;
    let limit = devices.iter().filter_map(|other| match &other.kind {
        Kind::Disk { .. } if other.name == *disk => Some(other.len),
        Kind::Partition {
            disk: of, start, ..
        } if of == disk && *start >= end => Some(*start),
        _ => None,
    });
    let room = limit.min()?.saturating_sub(end);
    (room >= WORTHWHILE).then_some(room)
}

fn extend_partition(device: &Device, room: u64) -> Result<()> {
    let Kind::Partition { disk, number, .. } = &device.kind else {
        return Ok(());
    };
    let disk = Path::new("/dev").join(disk);
    say(format!(
        "extending {} by {}",
        device.path().display(),
        ByteSize(room)
    ));
    let doing = format!("extend {}", device.path().display());
    sfdisk(
        &["--quiet", "-N", &number.to_string()],
        &disk,
        ", +\n",
        &doing,
    )
}

fn extend_file_system(device: &Device, found: &FileSystem, len: u64) -> Result<()> {
    let path = device.path();
    say(format!(
        "extending {} on {} from {} to {}",
        found.kind,
        path.display(),
        ByteSize(len),
        ByteSize(device.len)
    ));
    let doing = format!("extend {} on {}", found.kind, path.display());
    match found.kind {
        "ext4" => {
            let check = Tool::new("e2fsck", "e2fsprogs")
                .args(["-f", "-p"])
                .arg(&path);
            // 1: errors were corrected.
            if let Err(error) = check.output()
                && !matches!(&error, bedplate_sys::tool::ToolError::Failed { status, .. } if status.code() == Some(1))
            {
                return Err(Error::tool(doing)(error));
            }
            let resize = Tool::new("resize2fs", "e2fsprogs").arg(&path);
            resize.output().map(drop).map_err(Error::tool(doing))
        }
        "xfs" => mounted(&path, found.kind, |at| {
            let grow = Tool::new("xfs_growfs", "xfsprogs").arg(at);
            grow.output().map(drop).map_err(Error::tool(doing))
        }),
        "btrfs" => mounted(&path, found.kind, |at| {
            let grow = Tool::new("btrfs", "btrfs-progs").args(["filesystem", "resize", "max"]);
            grow.arg(at).output().map(drop).map_err(Error::tool(doing))
        }),
        kind => Err(Error::refused(
            format!("{kind} cannot be extended"),
            "ext4, xfs and btrfs can",
        )),
    }
}

/// Does something with a file system that is mounted for it.
fn mounted(device: &Path, kind: &str, act: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let at = PathBuf::from("/tmp/extend");
    fs::create_dir_all(&at).map_err(Error::io(format!("make {}", at.display())))?;
    let doing = format!("mount {}", device.display());
    let source = device.to_string_lossy();
    mounting::mount(&source, &at, kind, &mounting::Options::default()).map_err(Error::io(doing))?;
    let done = act(&at);
    let unmounted = mounting::unmount(&at, Unmount::IfUnused);
    done.and(unmounted.map_err(Error::io(format!("unmount {}", device.display()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_ends_at_the_next_partition_or_at_the_end_of_the_disk() {
        let part = |number: u32, start: u64, len: u64| Device {
            name: format!("vda{number}"),
            len: len << 20,
            kind: Kind::Partition {
                disk: "vda".into(),
                number,
                start: start << 20,
                label: String::new(),
            },
        };
        let disk = Device {
            name: "vda".into(),
            len: 100 << 20,
            kind: Kind::Disk {
                is_fixed: true,
                partitions: Vec::new(),
            },
        };
        let devices = [disk.clone(), part(1, 1, 9), part(2, 20, 30), part(3, 99, 1)];
        assert_eq!(room_behind(&devices, &devices[1]), Some(10 << 20));
        assert_eq!(room_behind(&devices, &devices[2]), Some(49 << 20));
        assert_eq!(room_behind(&devices, &devices[3]), None);
        assert_eq!(room_behind(&devices, &disk), None);
    }
}
