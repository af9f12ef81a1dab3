//! How the machine gets its address: `ip=` and `BOOTIF=` of the kernel command line.
//!
//! ```text
//! ip=CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS0:DNS1[:NTP0]
//! ip=AUTOCONF                                 AUTOCONF: off, none, on, any, dhcp, both
//! BOOTIF=01-52-54-00-12-34-56                 the hardware type, then the address (PXELINUX)
//! ```
//!
//! Source: the kernel's `Documentation/admin-guide/nfs/nfsroot.rst`.

use std::net::Ipv4Addr;

/// The hardware address of a network card.
pub type HardwareAddress = [u8; 6];

/// What the command line says about addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addressing {
    /// DHCP on these links.
    Dhcp(Links),
    /// An address that is known.
    Static(Links, Interface),
    /// None at all.
    Off,
}

/// Which links may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Links {
    /// All.
    All,
    /// The one of this name.
    Named(String),
    /// The one with this hardware address.
    Hardware(HardwareAddress),
}

/// An address and what belongs to it, from the command line or from a DHCP server.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Interface {
    /// The address, and the length of its network's prefix.
    pub address: Option<(Ipv4Addr, u8)>,
    /// Routes: network, length of its prefix, router (`0.0.0.0`: on the link).
    pub routes: Vec<(Ipv4Addr, u8, Ipv4Addr)>,
    /// Resolvers.
    pub dns: Vec<Ipv4Addr>,
    /// Domain in which short names are looked up.
    pub domain: Option<String>,
    /// Largest packet in bytes.
    pub mtu: Option<u16>,
    /// Name of the machine.
    pub hostname: Option<String>,
}

/// A word that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddressing {
    /// A field of `ip=`.
    #[error("`ip={word}` on the kernel command line: `{field}` is no {expected}")]
    Field {
        /// The value.
        word: String,
        /// The field.
        field: String,
        /// What it should be.
        expected: &'static str,
    },
    /// `BOOTIF=`
    #[error(
        "`BOOTIF={0}` on the kernel command line is no hardware address such as 01-52-54-00-12-34-56"
    )]
    BootInterface(String),
}

impl Addressing {
    /// What `ip=` and `BOOTIF=` say together. Without either, DHCP on all links. A device in `ip=` is nearer to
    /// the point than `BOOTIF=`.
    pub fn parse(ip: Option<&str>, boot_interface: Option<&str>) -> Result<Self, BadAddressing> {
        let links = boot_interface.map_or(Ok(Links::All), |word| {
            parse_boot_interface(word)
                .map(Links::Hardware)
                .ok_or_else(|| BadAddressing::BootInterface(word.to_owned()))
        })?;
        let Some(word) = ip else {
            return Ok(Self::Dhcp(links));
        };
        let fields: Vec<&str> = word.split(':').collect();
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        let bad = |field: &str, expected| BadAddressing::Field {
            word: word.to_owned(),
            field: field.to_owned(),
            expected,
        };
        if fields.len() == 1 && word.parse::<Ipv4Addr>().is_err() {
            return match autoconf(word) {
                Some(true) => Ok(Self::Dhcp(links)),
                Some(false) => Ok(Self::Off),
                None => Err(bad(
                    word,
                    "address, nor one of off, none, on, any, dhcp, both",
                )),
            };
        }
        let links = match field(5) {
            "" => links,
            name => Links::Named(name.to_owned()),
        };
        let address = |at: usize| match field(at) {
            "" => Ok(None),
            text => match text.parse::<Ipv4Addr>() {
                Ok(address) if address.is_unspecified() => Ok(None),
                Ok(address) => Ok(Some(address)),
                Err(_) => Err(bad(text, "IPv4 address")),
            },
        };
        let wanted = match field(6) {
            "" => None,
            text => Some(autoconf(text).ok_or_else(|| bad(text, "way to configure"))?),
        };
        let Some(client) = address(0)? else {
            return Ok(match wanted {
                Some(false) => Self::Off,
                _ => Self::Dhcp(links),
            });
        };
        let prefix = match address(3)? {
            Some(mask) => prefix(mask).ok_or_else(|| bad(field(3), "netmask"))?,
            None => class_prefix(client),
        };
        let gateway = address(2)?.map(|gateway| (Ipv4Addr::UNSPECIFIED, 0, gateway));
        let dns = [address(7)?, address(8)?].into_iter().flatten().collect();
        Ok(Self::Static(
            links,
            Interface {
                address: Some((client, prefix)),
                routes: gateway.into_iter().collect(),
                dns,
                hostname: Some(field(4).to_owned()).filter(|name| !name.is_empty()),
                ..Interface::default()
            },
        ))
    }
}

fn autoconf(word: &str) -> Option<bool> {
    match word {
        "off" | "none" => Some(false),
        "on" | "any" | "dhcp" | "both" => Some(true),
        _ => None,
    }
}

/// The length of a netmask; `None` if its ones are not together.
pub fn prefix(mask: Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    let length = bits.leading_ones();
    (length + bits.trailing_zeros() >= 32).then_some(length as u8)
}

/// What the kernel takes where no netmask is said.
fn class_prefix(address: Ipv4Addr) -> u8 {
    match address.octets()[0] {
        0..128 => 8,
        128..192 => 16,
        _ => 24,
    }
}

fn parse_boot_interface(word: &str) -> Option<HardwareAddress> {
    let digits = word.strip_prefix("01-").unwrap_or(word);
    parse_hardware_address(&digits.replace('-', ":"))
}

/// Reads `52:54:00:12:34:56`.
pub fn parse_hardware_address(text: &str) -> Option<HardwareAddress> {
    let mut address = HardwareAddress::default();
    let mut octets = text.split(':');
    for octet in &mut address {
        let digits = octets.next().filter(|digits| digits.len() == 2)?;
        *octet = u8::from_str_radix(digits, 16).ok()?;
    }
    octets.next().is_none().then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(ip: &str) -> Result<Addressing, String> {
        Addressing::parse(Some(ip), None).map_err(|error| error.to_string())
    }

    fn known(ip: &str) -> (Links, Interface) {
        match parse(ip) {
            Ok(Addressing::Static(links, interface)) => (links, interface),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_a_word_dhcp_asks_everywhere() {
        assert_eq!(
            Addressing::parse(None, None),
            Ok(Addressing::Dhcp(Links::All))
        );
        for word in ["dhcp", "on", "any", "both", ":::::", "::::host::dhcp"] {
            assert_eq!(parse(word), Ok(Addressing::Dhcp(Links::All)), "{word}");
        }
        let eth1 = Links::Named("eth1".into());
        assert_eq!(parse(":::::eth1:dhcp"), Ok(Addressing::Dhcp(eth1)));
        for word in ["off", "none", "::::::off"] {
            assert_eq!(parse(word), Ok(Addressing::Off), "{word}");
        }
    }

    #[test]
    fn an_address_is_taken_with_all_that_is_said_of_it() {
        let (links, interface) =
            known("10.0.2.15:10.0.2.9:10.0.2.2:255.255.255.0:web:eth0:off:10.0.2.3:9.9.9.9");
        assert_eq!(links, Links::Named("eth0".into()));
        assert_eq!(
            interface,
            Interface {
                address: Some((Ipv4Addr::new(10, 0, 2, 15), 24)),
                routes: vec![(Ipv4Addr::UNSPECIFIED, 0, Ipv4Addr::new(10, 0, 2, 2))],
                dns: vec![Ipv4Addr::new(10, 0, 2, 3), Ipv4Addr::new(9, 9, 9, 9)],
                hostname: Some("web".into()),
                ..Interface::default()
            }
        );
    }

    /// The form of a Triton booter, and the shortest.
    #[test]
    fn fields_may_be_empty_or_missing() {
        let (links, interface) = known("10.99.99.40:::255.255.255.128::");
        assert_eq!((links, interface.address.unwrap().1), (Links::All, 25));
        assert_eq!(known("172.16.0.9").1.address.unwrap().1, 16);
        assert_eq!(known("192.168.0.9").1.address.unwrap().1, 24);
    }

    #[test]
    fn the_interface_of_the_firmware_is_known_by_its_address() {
        let boot_interface = Some("01-52-54-00-12-34-5a");
        let hardware = Links::Hardware([0x52, 0x54, 0, 0x12, 0x34, 0x5a]);
        assert_eq!(
            Addressing::parse(None, boot_interface),
            Ok(Addressing::Dhcp(hardware))
        );
        let named = Addressing::parse(Some(":::::eth0:dhcp"), boot_interface);
        assert_eq!(named, Ok(Addressing::Dhcp(Links::Named("eth0".into()))));
        for bad in [
            "",
            "01-52",
            "01-52-54-00-12-34-5a-00",
            "01-52-54-00-12-34-xx",
        ] {
            assert!(Addressing::parse(None, Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_field_that_makes_no_sense_is_named() {
        for (word, says) in [
            (
                "dhpc",
                "`ip=dhpc` on the kernel command line: `dhpc` is no address, nor one of off, none, on, any, dhcp, both",
            ),
            (
                "10.0.0:::",
                "`ip=10.0.0:::` on the kernel command line: `10.0.0` is no IPv4 address",
            ),
            (
                "10.0.0.1:::255.0.255.0",
                "`ip=10.0.0.1:::255.0.255.0` on the kernel command line: `255.0.255.0` is no netmask",
            ),
            (
                ":::::eth0:maybe",
                "`ip=:::::eth0:maybe` on the kernel command line: `maybe` is no way to configure",
            ),
        ] {
            assert_eq!(parse(word), Err(says.to_owned()));
        }
    }
}
