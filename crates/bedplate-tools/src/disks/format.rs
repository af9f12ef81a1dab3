//! `format`: a file system with a label, on a disk that is empty.
//!
//! ```text
//! the label is there already                        nothing to do
//! an empty partition of that name                   an earlier try that was cut off: make the file system
//! an empty disk (the named one, or the first)       a GPT with one partition of that name, and the file system
//! anything else                                     refused, with what each disk holds
//! ```

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use bedplate_sys::tool::Tool;

use super::devices::{self, Device, Kind};
use super::{Wanted, first_mark};
use crate::error::Error;
use crate::options::Options;
use crate::{Result, say};

/// `--wait`: seconds until a disk must have appeared.
pub const OPTIONS: &[&str] = &["label", "type", "device", "wait"];

/// How a file system is made: its program and package, the words before the label, the longest label.
const MAKERS: &[(&str, &str, &str, &[&str], usize)] = &[
    ("ext4", "mkfs.ext4", "e2fsprogs", &["-q", "-F", "-L"], 16),
    ("xfs", "mkfs.xfs", "xfsprogs", &["-q", "-f", "-L"], 12),
    (
        "btrfs",
        "mkfs.btrfs",
        "btrfs-progs",
        &["-q", "-f", "-L"],
        255,
    ),
];

/// Does it.
pub fn run(options: &Options) -> Result<()> {
    let label = options.need("label")?;
    let kind = options.get("type").unwrap_or("ext4");
    let maker = MAKERS.iter().find(|(known, ..)| *known == kind);
    let Some((_, program, package, words, longest)) = maker else {
        return Err(Error::Usage(format!(
            "`--type={kind}` is not ext4, xfs or btrfs"
        )));
    };
    if label.len() > *longest
        || !label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    {
        return Err(Error::Usage(format!(
            "`{label}` cannot be a label: {kind} takes {longest} letters, digits, `_`, `.` and `-` at most"
        )));
    }
    if let Some((device, _)) = Wanted::Label(label.to_owned()).find_all()?.first() {
        say(format!(
            "{} has the label {label} already",
            device.path().display()
        ));
        return Ok(());
    }
    let target = match choose(label, options.get("device"), options.seconds("wait", 10)?)? {
        Choice::Partition(path) => path,
        Choice::Disk(disk) => partition(&disk, label)?,
    };
    say(format!(
        "making {kind} with the label {label} on {}",
        target.display()
    ));
    Tool::new(program, package)
        .args(*words)
        .arg(label)
        .arg(&target)
        .output()
        .map_err(Error::tool(format!("make {kind} on {}", target.display())))?;
    bedplate_sys::machine::sync();
    Ok(())
}

/// What will be written to.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    /// A partition that an earlier try made.
    Partition(PathBuf),
    /// A disk without anything.
    Disk(Device),
}

/// Waits for something that may be written to.
fn choose(label: &str, device: Option<&str>, limit: Duration) -> Result<Choice> {
    let begun = Instant::now();
    loop {
        let found = devices::all(Path::new("/sys")).map_err(Error::io("list block devices"))?;
        match decide(&found, label, device, &mark_of) {
            Ok(choice) => return Ok(choice),
            Err(error) if begun.elapsed() >= limit => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(200)),
        }
    }
}

fn mark_of(path: &Path) -> Result<Option<u64>> {
    File::open(path)
        .and_then(first_mark)
        .map_err(Error::io(format!("read {}", path.display())))
}

/// Decides among `devices`; `mark` tells where the first byte of a device lies that is not zero.
fn decide(
    devices: &[Device],
    label: &str,
    named: Option<&str>,
    mark: &dyn Fn(&Path) -> Result<Option<u64>>,
) -> Result<Choice> {
    let ours = |device: &&Device| matches!(&device.kind, Kind::Partition { label: name, .. } if name == label);
    for partition in devices.iter().filter(ours) {
        if mark(&partition.path())?.is_none() {
            return Ok(Choice::Partition(partition.path()));
        }
    }
    let mut reasons = Vec::new();
    for device in devices {
        let Kind::Disk {
            is_fixed,
            partitions,
        } = &device.kind
        else {
            continue;
        };
        let path = device.path();
        let is_named = named.is_some_and(|name| Path::new(name) == path);
        if !(is_named || named.is_none() && *is_fixed) {
            continue;
        }
        let reason = if !partitions.is_empty() {
            format!("has {} partitions", partitions.len())
        } else {
            match mark(&path)? {
                None => return Ok(Choice::Disk(device.clone())),
                Some(at) => format!("is not zero at byte {at}"),
            }
        };
        reasons.push(format!("{} {reason}", path.display()));
    }
    let what = match (named, reasons.is_empty()) {
        (Some(name), true) => format!("there is no disk {name}"),
        (None, true) => "there is no disk to format".to_owned(),
        (_, false) => format!(
            "no disk is empty, so none is formatted: {}",
            reasons.join("; ")
        ),
    };
    let hint = "only a disk whose first and last MiB are zeros is taken; wipe one by hand if nothing on it is needed";
    Err(Error::refused(what, hint))
}

/// Makes a partition table with one partition, and gives the partition's node.
fn partition(disk: &Device, label: &str) -> Result<PathBuf> {
    let path = disk.path();
    let doing = format!("partition {}", path.display());
    let script = format!("label: gpt\ntype=L, name=\"{label}\"\n");
    sfdisk(&["--quiet"], &path, &script, &doing)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let devices = devices::all(Path::new("/sys")).map_err(Error::io("list block devices"))?;
        let first = devices.iter().find(|device| {
            matches!(&device.kind, Kind::Partition { disk: of, number: 1, .. } if *of == disk.name)
        });
        if let Some(first) = first.filter(|first| first.path().exists()) {
            return Ok(first.path());
        }
        if Instant::now() > deadline {
            let what = format!("the partition of {} did not appear", path.display());
            return Err(Error::refused(what, ""));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Runs sfdisk on a disk with a script.
pub fn sfdisk(arguments: &[&str], disk: &Path, script: &str, doing: &str) -> Result<()> {
    let (reader, mut writer) = std::io::pipe().map_err(Error::io(doing))?;
    writer
        .write_all(script.as_bytes())
        .map_err(Error::io(doing))?;
    drop(writer);
    let mut tool = Tool::new("sfdisk", "fdisk").args(arguments).arg(disk);
    tool.command().stdin(Stdio::from(reader));
    tool.output().map(drop).map_err(Error::tool(doing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(name: &str, is_fixed: bool, partitions: &[&str]) -> Device {
        Device {
            name: name.into(),
            len: 1 << 30,
            kind: Kind::Disk {
                is_fixed,
                partitions: partitions.iter().map(|&name| name.to_owned()).collect(),
            },
        }
    }

    fn part(name: &str, label: &str) -> Device {
        Device {
            name: name.into(),
            len: 1 << 29,
            kind: Kind::Partition {
                disk: name[..3].into(),
                number: 1,
                start: 1 << 20,
                label: label.into(),
            },
        }
    }

    /// The choice where the devices in `marked` hold something.
    fn choice(devices: &[Device], named: Option<&str>, marked: &[&str]) -> String {
        let mark = |path: &Path| Ok(marked.contains(&path.to_str().unwrap()).then_some(510));
        match decide(devices, "data", named, &mark) {
            Ok(Choice::Disk(device)) => device.name,
            Ok(Choice::Partition(path)) => path.display().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn only_what_is_empty_is_chosen() {
        let disks = [
            disk("vda", true, &[]),
            disk("vdb", true, &[]),
            disk("sr0", false, &[]),
        ];
        assert_eq!(choice(&disks, None, &[]), "vda");
        assert_eq!(choice(&disks, None, &["/dev/vda"]), "vdb");
        assert_eq!(choice(&disks, Some("/dev/vdb"), &[]), "vdb");
        assert_eq!(
            choice(&disks, Some("/dev/vdb"), &["/dev/vdb"]),
            "no disk is empty, so none is formatted: /dev/vdb is not zero at byte 510"
        );
        assert_eq!(
            choice(&disks, Some("/dev/vdc"), &[]),
            "there is no disk /dev/vdc"
        );
        assert_eq!(choice(&disks[2..], None, &[]), "there is no disk to format");
        // A table that the kernel knows and that the edges do not show is looked at, too.
        let parted = [disk("vda", true, &["vda1"]), part("vda1", "other")];
        assert_eq!(
            choice(&parted, None, &[]),
            "no disk is empty, so none is formatted: /dev/vda has 1 partitions"
        );
    }

    #[test]
    fn a_try_that_was_cut_off_is_finished() {
        let devices = [
            disk("vda", true, &["vda1"]),
            part("vda1", "data"),
            disk("vdb", true, &[]),
        ];
        assert_eq!(choice(&devices, None, &["/dev/vda"]), "/dev/vda1");
        assert_eq!(choice(&devices, None, &["/dev/vda", "/dev/vda1"]), "vdb");
    }
}
