//! The machine's Ethernet links, and which of them may be used.

use std::fs;
use std::path::Path;

use bedplate_finding::address::{HardwareAddress, Links, parse_hardware_address};

const DIRECTORY: &str = "/sys/class/net";
/// `ARPHRD_ETHER`
const ETHERNET: &str = "1";

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub hardware: HardwareAddress,
}

/// The Ethernet links that are there, by name.
pub fn present() -> Vec<Link> {
    let entries = fs::read_dir(DIRECTORY).into_iter().flatten().flatten();
    let mut links: Vec<Link> = entries
        .filter_map(|entry| {
            let text = |name: &str| fs::read_to_string(entry.path().join(name)).ok();
            // One without a device is the kernel's own: a bridge, a dummy.
            let real = Path::new(&entry.path()).join("device").exists();
            let ethernet = text("type")?.trim() == ETHERNET;
            (real && ethernet).then_some(Link {
                name: entry.file_name().to_string_lossy().into_owned(),
                hardware: parse_hardware_address(text("address")?.trim())?,
            })
        })
        .collect();
    links.sort_by(|a, b| a.name.cmp(&b.name));
    links
}

/// May this link be used?
pub fn is_allowed(link: &Link, allowed: &Links) -> bool {
    match allowed {
        Links::All => true,
        Links::Named(name) => *name == link.name,
        Links::Hardware(hardware) => *hardware == link.hardware,
    }
}

/// Links for people.
pub fn listed(links: &[Link]) -> String {
    let described = links.iter().map(|link| {
        let octets = link.hardware.map(|octet| format!("{octet:02x}"));
        let carrier = match bedplate_sys::netlink::links::has_carrier(&link.name) {
            true => "",
            false => ", no carrier",
        };
        format!("{} ({}{carrier})", link.name, octets.join(":"))
    });
    let described: Vec<String> = described.collect();
    match described.is_empty() {
        true => "no network card that there is a driver for".to_owned(),
        false => described.join(", "),
    }
}
