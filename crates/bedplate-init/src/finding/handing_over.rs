//! What the root is told of its boot, as files below `/run/bedplate`.

use std::fs;
use std::io;
use std::path::Path;

use super::description::Description;
use super::stopping::Stop;
use crate::console;

/// Where a boot loader adds the host's network to the initramfs: iPXE's and Triton's places.
const NETWORKING: &[&str] = &["/networking.json", "/etc/triton-networking.json"];
const KEPT_NETWORKING: &str = "/run/bedplate/networking.json";
const KEPT_DESCRIPTION: &str = "/run/bedplate/image.json";

/// Keeps what the boot loader said of the network. It is not checked here: who reads it does not believe it
/// more than the network.
pub fn keep_networking() {
    let Some(found) = NETWORKING.iter().find(|path| Path::new(path).is_file()) else {
        return;
    };
    if let Err(error) = fs::copy(found, KEPT_NETWORKING) {
        console::warn(format_args!("keep `{found}`"), &error);
    }
}

/// Keeps the description that was believed.
pub fn keep_description(description: &Description) -> Result<(), Stop> {
    fs::write(KEPT_DESCRIPTION, &description.json)
        .map_err(|error| Stop::because(format!("cannot write `{KEPT_DESCRIPTION}`"), error))
}

/// Gives the root its hostid, from the UUID of the machine. One that the image has stays.
pub fn write_hostid(root: &Path) -> io::Result<()> {
    let file = root.join("etc/hostid");
    let uuid = fs::read_to_string("/sys/class/dmi/id/product_uuid").unwrap_or_default();
    match bedplate_finding::machine::hostid(uuid.trim()) {
        Some(_) if file.exists() => Ok(()),
        Some(hostid) => fs::write(file, hostid),
        None => Ok(()),
    }
}
