//! An image on a medium: in two partitions, or in a file of a file system.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bedplate_boot::CommandLine;
use bedplate_boot::root::{SIGNATURE_ENDING, Trust};
use bedplate_boot::trust::MAX_SIGNATURES;
use bedplate_finding::media::{self, FileSystem, HEAD_LEN};
use bedplate_sys::loop_device::LoopDevice;
use bedplate_sys::mounting;

use super::description::{self, Description};
use super::devices::{Devices, wait_seconds};
use super::image::{Parts, mount_verified};
use super::stopping::Stop;
use crate::console;

/// Where the file system that holds the image is mounted.
const PLACE: &str = "/run/bedplate/medium";
const DEVICES: &str = "/sys/class/block";

/// Mounts the image from the partitions that its root hash names.
pub fn from_partitions(
    trust: &Trust,
    devices: &mut Devices,
    line: &CommandLine,
) -> Result<Description, Stop> {
    let description = Description::of_initramfs(trust)?;
    let root_hash = &description.image.root_hash;
    let guids = media::root_hash_guids(root_hash)
        .ok_or_else(|| Stop::new("the root hash of the description is malformed"))?;
    let found = devices.wait_for("the partitions of the root", line, || {
        let partitions = partitions();
        let with = |wanted: [u8; 16]| {
            let found = partitions.iter().find(|(guid, _)| *guid == wanted);
            found.map(|(_, path)| path.clone())
        };
        with(guids[0]).zip(with(guids[1]))
    });
    let Some((data, hashes)) = found else {
        let [data, hashes] = guids.map(guid_text);
        return Err(Stop::new(format!(
            "the partitions {data} (data) and {hashes} (hashes) did not come within {} s; there are {}",
            wait_seconds(line),
            listed(partitions().into_iter().map(|(guid, path)| format!(
                "{} ({})",
                guid_text(guid),
                path.display()
            )))
        )));
    };
    let what = format!("the root in {} and {}", data.display(), hashes.display());
    console::say(format_args!("found {what}"));
    let parts = Parts {
        what: &what,
        data: &data,
        hashes: &hashes,
        superblock_at: 0,
    };
    mount_verified(parts, &description, devices)?;
    Ok(description)
}

/// Mounts the image from a file of the file system with this label.
pub fn from_file(
    trust: &Trust,
    devices: &mut Devices,
    line: &CommandLine,
    label: &str,
    path: &str,
) -> Result<Description, Stop> {
    let found = devices.wait_for(&format!("the file system `{label}`"), line, || {
        let all = file_systems();
        all.into_iter().find(|(_, found)| found.label == label)
    });
    let Some((device, file_system)) = found else {
        return Err(Stop::new(format!(
            "no file system with the label `{label}` came within {} s; there are {}",
            wait_seconds(line),
            listed(file_systems().into_iter().map(|(device, found)| format!(
                "{} ({} `{}`)",
                device.display(),
                found.kind,
                found.label
            )))
        )));
    };
    console::say(format_args!(
        "found the file system `{label}` on {}",
        device.display()
    ));
    mount_medium(&device, &file_system)
        .map_err(|error| Stop::because(format!(
                "cannot mount the file system `{label}` of {} (the kernel's messages above say more)",
                device.display()
            ), error))?;
    let inside = |path: &str| Path::new(PLACE).join(path.trim_start_matches('/'));
    let (description, file) = match path.ends_with(".json") {
        true => {
            let description = read_description(trust, label, path, &inside(path))?;
            let file = inside(path).with_file_name(&description.image.file);
            (description, file)
        }
        false => (Description::of_initramfs(trust)?, inside(path)),
    };
    let shown = format!("/{}", file.strip_prefix(PLACE).unwrap_or(&file).display());
    let what = format!("the image `{shown}` of the file system `{label}`");
    let cannot =
        |doing: &str, error: io::Error| Stop::because(format!("cannot {doing} {what}"), error);
    let opened = File::open(&file).map_err(|error| cannot("open", error))?;
    let len = opened
        .metadata()
        .map_err(|error| cannot("read", error))?
        .len();
    if len != description.image.len {
        return Err(Stop::new(format!(
            "{what} is not the one that was described: it has {len} bytes, and should have {}",
            description.image.len
        )));
    }
    devices.load(&["loop"]);
    let device =
        LoopDevice::attach(&opened).map_err(|error| cannot("make a loop device of", error))?;
    let parts = Parts {
        what: &what,
        data: device.path(),
        hashes: device.path(),
        superblock_at: description.image.data_len,
    };
    mount_verified(parts, &description, devices)?;
    Ok(description)
}

fn mount_medium(device: &Path, file_system: &FileSystem) -> io::Result<()> {
    fs::create_dir_all(PLACE)?;
    let options = mounting::parse_options(&["ro", "nodev", "nosuid", "noexec"]);
    let source = device.to_string_lossy();
    mounting::mount(&source, Path::new(PLACE), file_system.kind, &options)
}

fn read_description(
    trust: &Trust,
    label: &str,
    path: &str,
    file: &Path,
) -> Result<Description, Stop> {
    let json = read_some(file, description::LONGEST).map_err(|error| {
        Stop::because(
            format!("cannot read `{path}` of the file system `{label}`"),
            error,
        )
    })?;
    let mut signatures = file.as_os_str().to_owned();
    signatures.push(SIGNATURE_ENDING);
    let signatures = read_some(Path::new(&signatures), MAX_SIGNATURES).unwrap_or_default();
    let signatures = String::from_utf8_lossy(&signatures);
    Description::check(trust, &format!("{label}:{path}"), json, &signatures)
}

fn read_some(file: &Path, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?
        .take(most as u64)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Names of block devices, in order.
fn block_devices() -> Vec<String> {
    let entries = fs::read_dir(DEVICES).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn node(name: &str) -> PathBuf {
    Path::new("/dev").join(name.replace('!', "/"))
}

/// Devices with a file system that we know. What cannot be read has none.
fn file_systems() -> Vec<(PathBuf, FileSystem)> {
    let look = |name: String| {
        let path = node(&name);
        let mut head = Vec::with_capacity(HEAD_LEN);
        let device = File::open(&path).ok()?;
        device.take(HEAD_LEN as u64).read_to_end(&mut head).ok()?;
        Some((path, media::identify(&head)?))
    };
    block_devices().into_iter().filter_map(look).collect()
}

/// Partitions by GUID.
fn partitions() -> Vec<([u8; 16], PathBuf)> {
    let look = |name: String| {
        let directory = Path::new(DEVICES).join(&name);
        let number = read_number(&directory.join("partition"))?;
        // A partition lies below its disk.
        let disk = fs::canonicalize(&directory).ok()?.parent()?.to_owned();
        let block_len = read_number(&disk.join("queue/logical_block_size"))?;
        let disk = node(&disk.file_name()?.to_string_lossy());
        let mut disk = File::open(disk).ok()?;
        let number = u32::try_from(number).ok()?;
        let guid = media::partition_guid(&mut disk, block_len, number).ok()??;
        Some((guid, node(&name)))
    };
    block_devices().into_iter().filter_map(look).collect()
}

fn read_number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn guid_text(guid: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(guid));
    let parts = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    parts.join("-")
}

fn listed(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    match items.is_empty() {
        true => "none".to_owned(),
        false => items.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_reads_as_in_tables() {
        let guid = std::array::from_fn(|at| at as u8);
        assert_eq!(guid_text(guid), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
