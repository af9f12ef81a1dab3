//! IPv4 addresses and routes of network interfaces (rtnetlink(7)).
//!
//! ```text
//! ifaddrmsg  family, prefix length, flags, scope u8 | index u32
//! rtmsg      family, destination length, source length, tos, table, protocol, scope, type u8 | flags u32
//! ```

use std::io;
use std::net::Ipv4Addr;

use super::links::index;
use super::message::{CREATE, REPLACE, attribute, message, request};

const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_NEWROUTE: u16 = 24;
const AF_INET: u8 = 2;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RTN_UNICAST: u8 = 1;

/// A route out of one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Where it leads: a network and the length of its prefix; the default route is `0.0.0.0` and 0.
    pub destination: (Ipv4Addr, u8),
    /// The router; none if the destination is on the link.
    pub gateway: Option<Ipv4Addr>,
}

/// Gives an interface an address; one that it has is no error.
pub fn add(link: &str, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
    let body = address_body(index(link)?, address, prefix);
    request(&message(RTM_NEWADDR, CREATE | REPLACE, &body))
}

/// Takes an address away, and the routes that need it.
pub fn remove(link: &str, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
    request(&message(
        RTM_DELADDR,
        0,
        &address_body(index(link)?, address, prefix),
    ))
}

/// Sets a route, in the place of one with the same destination.
pub fn set_route(link: &str, route: Route) -> io::Result<()> {
    let body = route_body(index(link)?, route);
    request(&message(RTM_NEWROUTE, CREATE | REPLACE, &body))
}

fn address_body(index: u32, address: Ipv4Addr, prefix: u8) -> Vec<u8> {
    let mut body = vec![AF_INET, prefix, 0, RT_SCOPE_UNIVERSE];
    body.extend(index.to_ne_bytes());
    for kind in [IFA_LOCAL, IFA_ADDRESS] {
        body.extend(attribute(kind, &address.octets()));
    }
    body
}

fn route_body(index: u32, route: Route) -> Vec<u8> {
    let (network, prefix) = route.destination;
    let scope = match route.gateway {
        Some(_) => RT_SCOPE_UNIVERSE,
        None => RT_SCOPE_LINK,
    };
    let mut body = vec![
        AF_INET,
        prefix,
        0,
        0,
        RT_TABLE_MAIN,
        RTPROT_BOOT,
        scope,
        RTN_UNICAST,
    ];
    body.extend(0_u32.to_ne_bytes());
    if prefix > 0 {
        body.extend(attribute(RTA_DST, &network.octets()));
    }
    if let Some(gateway) = route.gateway {
        body.extend(attribute(RTA_GATEWAY, &gateway.octets()));
    }
    body.extend(attribute(RTA_OIF, &index.to_ne_bytes()));
    body
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_as_local_and_as_that_of_the_link() {
        assert_eq!(
            address_body(2, Ipv4Addr::new(10, 0, 2, 15), 24),
            [
                2, 24, 0, 0, 2, 0, 0, 0, 8, 0, 2, 0, 10, 0, 2, 15, 8, 0, 1, 0, 10, 0, 2, 15
            ]
        );
    }

    #[test]
    fn a_default_route_has_no_destination() {
        let route = Route {
            destination: (Ipv4Addr::UNSPECIFIED, 0),
            gateway: Some(Ipv4Addr::new(10, 0, 2, 2)),
        };
        assert_eq!(
            route_body(2, route),
            [
                2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0, 8, 0, 5, 0, 10, 0, 2, 2, 8, 0, 4, 0, 2, 0, 0,
                0
            ]
        );
    }
}
