//! The host's name, its loopback interface, and where its resolver is configured.

use std::fs;
use std::path::Path;

use bedplate_sys::machine;
use bedplate_sys::netlink::links;

use crate::console;

/// Gives the host the name in `/etc/hostname`, or one from its first network card.
pub(super) fn set_hostname() {
    let Some(name) = chosen_name(&machine::hostname()) else {
        return;
    };
    if let Err(error) = machine::set_hostname(&name) {
        console::warn(format_args!("set the host name `{name}`"), &error);
    }
}

fn chosen_name(present: &str) -> Option<String> {
    let configured = fs::read_to_string("/etc/hostname").unwrap_or_default();
    if !configured.trim().is_empty() {
        return Some(configured.trim().to_owned());
    }
    let unset = matches!(present, "" | "(none)" | "localhost");
    unset
        .then(|| name_from_address(&fs::read_to_string("/sys/class/net/eth0/address").ok()?))
        .flatten()
}

fn name_from_address(address: &str) -> Option<String> {
    let digits: String = address.trim().chars().filter(|c| *c != ':').collect();
    (!digits.is_empty()).then(|| format!("bedplate-{digits}"))
}

pub(super) fn bring_loopback_up() {
    if let Err(error) = links::set_up("lo") {
        console::warn("set the loopback interface up", &error);
    }
}

/// Makes the file that `/etc/resolv.conf` links to, so that containers can bind its directory and write it.
pub(super) fn prepare_resolv_conf() {
    let Ok(target) = fs::read_link("/etc/resolv.conf") else {
        return;
    };
    let target = Path::new("/etc").join(target);
    let made = target.parent().map_or(Ok(()), fs::create_dir_all);
    if let Err(error) = made.and_then(|()| {
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&target)
            .map(drop)
    }) {
        console::warn(format_args!("make `{}`", target.display()), &error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_card_gives_a_name() {
        assert_eq!(
            name_from_address("52:54:00:12:34:56\n").as_deref(),
            Some("bedplate-525400123456")
        );
        assert_eq!(name_from_address("\n"), None);
    }
}
