//! The image: checked, and mounted at its place.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use bedplate_boot::root::{ROOT_IMAGE, Trust};
use bedplate_finding::media::{Corruption, Superblock, Table};
use bedplate_sys::device_mapper::{MappedDevice, Target};
use bedplate_sys::loop_device::LoopDevice;
use bedplate_sys::mounting;
use sha2::{Digest as _, Sha256};

use super::description::Description;
use super::devices::Devices;
use super::stopping::Stop;

/// Where the image is mounted.
pub const PLACE: &str = "/run/bedplate/root";
/// Name of the verified device: `/dev/mapper/…` once the root's own tools look at it.
const DEVICE: &str = "bedplate-root";

/// Mounts the image that the initramfs brings.
pub fn from_initramfs(trust: &Trust, devices: &Devices) -> Result<Description, Stop> {
    let description = Description::of_initramfs(trust)?;
    description.check_memory()?;
    let cannot = |error| Stop::because(format!("cannot read `{ROOT_IMAGE}`"), error);
    let file = File::open(ROOT_IMAGE).map_err(cannot)?;
    let found = hash(&file).map_err(cannot)?;
    if found != description.image.sha256 {
        return Err(changed(ROOT_IMAGE, &found, &description.image.sha256));
    }
    mount_from_memory(&file, &description, devices)?;
    Ok(description)
}

fn hash(mut file: &File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(text(hasher)),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A hash as descriptions have it.
pub fn text(hasher: Sha256) -> String {
    let hash = hasher.finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An image that is not the described one.
pub fn changed(what: &str, found: &str, described: &str) -> Stop {
    Stop::new(format!(
        "the image `{what}` is not the one that was described: its SHA-256 is {found}, and should be {described}"
    ))
}

/// Mounts an image that lies in memory and was checked whole.
///
/// The loop device keeps the file when its name goes, and reads the very pages that hold it: the image is in
/// memory once.
pub fn mount_from_memory(
    file: &File,
    description: &Description,
    devices: &Devices,
) -> Result<(), Stop> {
    devices.load(&["loop"]);
    let device = LoopDevice::attach(file)
        .map_err(|error| Stop::because("cannot make a loop device of the image", error))?;
    mount(device.path(), &description.image.file_system)
        .map_err(|error| Stop::because("cannot mount the image", error))
}

/// Where the parts of a verified image lie.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// For people.
    pub what: &'a str,
    /// Device of the data.
    pub data: &'a Path,
    /// Device of the hashes.
    pub hashes: &'a Path,
    /// Where the superblock lies on that.
    pub superblock_at: u64,
}

/// Mounts an image on a medium under dm-verity.
///
/// While the boot can still speak, a block that does not fit its hash is a failure to read, and it says which
/// image is at fault. Afterwards it is a panic: a host whose programs change under it must not go on, and with
/// `panic=N` the loader gets to try another root, which a restart without a word would not tell anybody.
pub fn mount_verified(
    parts: Parts<'_>,
    description: &Description,
    devices: &Devices,
) -> Result<(), Stop> {
    let what = parts.what;
    let image = &description.image;
    let cannot =
        |doing: &str, error: io::Error| Stop::because(format!("cannot {doing} {what}"), error);
    devices.load(&["dm_mod", "dm_verity"]);
    let superblock =
        read_superblock(&parts).map_err(|error| cannot("read the hashes of", error))?;
    let superblock = Superblock::parse(&superblock, image.data_len).map_err(|error| {
        Stop::because(format!("{what} is not the image that was described"), error)
    })?;
    let table = Table {
        data: parts.data,
        hashes: parts.hashes,
        superblock_at: parts.superblock_at,
        data_len: image.data_len,
        root_hash: &image.root_hash,
    };
    let quiet = table.parameters(&superblock, Corruption::Fails);
    let loud = table.parameters(&superblock, Corruption::Panics);
    let target = |parameters| Target {
        kind: "verity",
        sectors: table.sectors(),
        parameters,
    };
    let device = MappedDevice::create(DEVICE, target(&quiet))
        .map_err(|error| cannot("put under dm-verity", error))?;
    let mounted = mount(device.path(), &image.file_system);
    if device.status().is_ok_and(|status| status == "C") {
        return Err(Stop::new(format!(
            "{what} is not the image that was described: dm-verity found a block that does not fit its hash"
        )));
    }
    mounted.map_err(|error| cannot("mount", error))?;
    device
        .replace(target(&loud))
        .map_err(|error| cannot("watch over", error))
}

fn read_superblock(parts: &Parts<'_>) -> io::Result<[u8; Superblock::LEN]> {
    let mut device = File::open(parts.hashes)?;
    device.seek(SeekFrom::Start(parts.superblock_at))?;
    let mut bytes = [0; Superblock::LEN];
    device.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn mount(device: &Path, kind: &str) -> io::Result<()> {
    std::fs::create_dir_all(PLACE)?;
    let read_only = mounting::parse_options(&["ro"]);
    mounting::mount(
        &device.to_string_lossy(),
        Path::new(PLACE),
        kind,
        &read_only,
    )
}
