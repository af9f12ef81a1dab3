//! Messages of clients and servers.

use std::net::Ipv4Addr;

use crate::address::{HardwareAddress, Interface, prefix};

const HEADER: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// BOOTP relays drop what is shorter (RFC 1542, 2.1).
const SHORTEST: usize = 300;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const ETHERNET: u8 = 1;
/// The server may answer to everybody: this machine has no address yet at which it could hear.
const BROADCAST: [u8; 2] = [0x80, 0];

/// Options (RFC 2132; 121 is RFC 3442).
mod option {
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS: u8 = 6;
    pub const HOST_NAME: u8 = 12;
    pub const DOMAIN_NAME: u8 = 15;
    pub const MTU: u8 = 26;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const PARAMETERS: u8 = 55;
    pub const LONGEST_MESSAGE: u8 = 57;
    pub const VENDOR_CLASS: u8 = 60;
    pub const CLIENT: u8 = 61;
    pub const CLASSLESS_ROUTES: u8 = 121;
    pub const END: u8 = 255;
}

/// What a message says (RFC 2132, 9.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Ack = 5,
    Nak = 6,
}

/// What a server gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The address and what belongs to it.
    pub interface: Interface,
    /// The server's address.
    pub server: Ipv4Addr,
    /// How long the address may be used, in seconds.
    pub seconds: Option<u32>,
}

/// A server's message that may be for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub kind: Kind,
    pub lease: Lease,
}

/// A message of this client; `wanted` is the address and the server of the offer that it takes.
pub(super) fn render(
    kind: Kind,
    hardware: HardwareAddress,
    transaction: u32,
    seconds: u16,
    class: &str,
    wanted: Option<(Ipv4Addr, Ipv4Addr)>,
) -> Vec<u8> {
    let mut bytes = vec![REQUEST, ETHERNET, 6, 0];
    bytes.extend(transaction.to_be_bytes());
    bytes.extend(seconds.to_be_bytes());
    bytes.extend(BROADCAST);
    bytes.resize(28, 0);
    bytes.extend(hardware);
    bytes.resize(HEADER - COOKIE.len(), 0);
    bytes.extend(COOKIE);
    let mut add = |code: u8, value: &[u8]| {
        bytes.extend([code, u8::try_from(value.len()).unwrap_or(u8::MAX)]);
        bytes.extend(value.iter().take(usize::from(u8::MAX)));
    };
    add(option::MESSAGE_TYPE, &[kind as u8]);
    // The address as the firmware and other stages of the boot have it: they get the same lease.
    let mut client = vec![ETHERNET];
    client.extend(hardware);
    add(option::CLIENT, &client);
    add(option::VENDOR_CLASS, class.as_bytes());
    add(option::LONGEST_MESSAGE, &1472_u16.to_be_bytes());
    if let Some((address, server)) = wanted {
        add(option::REQUESTED_ADDRESS, &address.octets());
        add(option::SERVER, &server.octets());
    }
    let parameters = [
        option::SUBNET_MASK,
        option::ROUTER,
        option::DNS,
        option::HOST_NAME,
        option::DOMAIN_NAME,
        option::MTU,
        option::CLASSLESS_ROUTES,
    ];
    add(option::PARAMETERS, &parameters);
    bytes.push(option::END);
    bytes.resize(bytes.len().max(SHORTEST), 0);
    bytes
}

/// Reads a server's message; `None` if it is none, or not for this client and transaction.
pub(super) fn parse(bytes: &[u8], hardware: HardwareAddress, transaction: u32) -> Option<Answer> {
    let header = bytes.first_chunk::<HEADER>()?;
    let for_us = header[0] == REPLY
        && header[4..8] == transaction.to_be_bytes()
        && header[28..34] == hardware
        && header[236..] == COOKIE;
    if !for_us {
        return None;
    }
    let options = Options::collect(bytes)?;
    let kind = match *options.get(option::MESSAGE_TYPE)? {
        [2] => Kind::Offer,
        [5] => Kind::Ack,
        [6] => Kind::Nak,
        _ => return None,
    };
    let octets: [u8; 4] = header[16..20].try_into().expect("4 bytes");
    let address = Ipv4Addr::from(octets);
    let mask = options.addresses(option::SUBNET_MASK).first().copied();
    let length = mask.map_or(Some(24), prefix)?;
    Some(Answer {
        kind,
        lease: Lease {
            interface: Interface {
                address: Some((address, length)).filter(|_| !address.is_unspecified()),
                routes: options.routes(),
                dns: options.addresses(option::DNS),
                domain: options.name(option::DOMAIN_NAME),
                mtu: options.number(option::MTU).filter(|mtu| *mtu >= 576),
                hostname: options.name(option::HOST_NAME),
            },
            server: *options.addresses(option::SERVER).first()?,
            seconds: options
                .get(option::LEASE_TIME)
                .and_then(|value| Some(u32::from_be_bytes(value.try_into().ok()?))),
        },
    })
}

/// Options by code, those in several parts joined (RFC 3396).
struct Options(Vec<(u8, Vec<u8>)>);

impl Options {
    fn collect(bytes: &[u8]) -> Option<Self> {
        let mut options = Self(Vec::new());
        options.read(&bytes[HEADER..]);
        let overload = options
            .get(option::OVERLOAD)
            .and_then(|value| value.first().copied());
        let overload = overload.unwrap_or(0);
        // The fields of names, where a server needs the room (RFC 2132, 9.3).
        if overload & 1 != 0 {
            options.read(&bytes[108..236]);
        }
        if overload & 2 != 0 {
            options.read(&bytes[44..108]);
        }
        Some(options)
    }

    fn read(&mut self, mut bytes: &[u8]) {
        loop {
            match bytes {
                [] | [option::END, ..] => return,
                [0, rest @ ..] => bytes = rest,
                [code, len, rest @ ..] => {
                    let Some((value, rest)) = rest.split_at_checked(usize::from(*len)) else {
                        return;
                    };
                    match self.0.iter_mut().find(|(known, _)| known == code) {
                        Some((_, known)) => known.extend(value),
                        None => self.0.push((*code, value.to_vec())),
                    }
                    bytes = rest;
                }
                [_] => return,
            }
        }
    }

    fn get(&self, code: u8) -> Option<&[u8]> {
        let found = self.0.iter().find(|(known, _)| *known == code);
        found.map(|(_, value)| value.as_slice())
    }

    fn addresses(&self, code: u8) -> Vec<Ipv4Addr> {
        let (fours, _) = self.get(code).unwrap_or_default().as_chunks::<4>();
        fours.iter().map(|&four| Ipv4Addr::from(four)).collect()
    }

    fn number(&self, code: u8) -> Option<u16> {
        Some(u16::from_be_bytes(self.get(code)?.try_into().ok()?))
    }

    /// A name of letters, digits, dots and hyphens. It ends up in files and messages, so others are not taken.
    fn name(&self, code: u8) -> Option<String> {
        let bytes = self.get(code)?;
        let end = bytes
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(bytes.len());
        let name = std::str::from_utf8(&bytes[..end]).ok()?;
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        (!name.is_empty() && name.bytes().all(good)).then(|| name.to_owned())
    }

    /// The classless routes, and the routers only where there are none (RFC 3442).
    fn routes(&self) -> Vec<(Ipv4Addr, u8, Ipv4Addr)> {
        if let Some(routes) = self
            .get(option::CLASSLESS_ROUTES)
            .and_then(classless_routes)
        {
            return routes;
        }
        let routers = self.addresses(option::ROUTER);
        let default = routers
            .first()
            .map(|&router| (Ipv4Addr::UNSPECIFIED, 0, router));
        default.into_iter().collect()
    }
}

/// Prefix length, as many octets of the network as that has, router. `None` if malformed.
fn classless_routes(mut bytes: &[u8]) -> Option<Vec<(Ipv4Addr, u8, Ipv4Addr)>> {
    let mut routes = Vec::new();
    while let [length @ 0..=32, rest @ ..] = bytes {
        let (network, rest) = rest.split_at_checked(usize::from(length.div_ceil(8)))?;
        let (router, rest) = rest.split_first_chunk::<4>()?;
        let mut octets = [0; 4];
        octets[..network.len()].copy_from_slice(network);
        routes.push((Ipv4Addr::from(octets), *length, Ipv4Addr::from(*router)));
        bytes = rest;
    }
    (bytes.is_empty() && !routes.is_empty()).then_some(routes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const HARDWARE: HardwareAddress = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    /// What a server answers: 10.0.2.15, from 10.0.2.2.
    pub(crate) fn answer(kind: Kind, transaction: u32, options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        (bytes[0], bytes[1], bytes[2]) = (REPLY, ETHERNET, 6);
        bytes[4..8].copy_from_slice(&transaction.to_be_bytes());
        bytes[16..20].copy_from_slice(&[10, 0, 2, 15]);
        bytes[28..34].copy_from_slice(&HARDWARE);
        bytes[236..].copy_from_slice(&COOKIE);
        bytes.extend([53, 1, kind as u8, 54, 4, 10, 0, 2, 2]);
        bytes.extend(options);
        bytes.push(255);
        bytes
    }

    fn lease(options: &[u8]) -> Lease {
        parse(&answer(Kind::Ack, 7, options), HARDWARE, 7)
            .unwrap()
            .lease
    }

    #[test]
    fn a_request_says_who_asks_and_for_what() {
        let wanted = (Ipv4Addr::new(10, 0, 2, 15), Ipv4Addr::new(10, 0, 2, 2));
        let bytes = render(
            Kind::Request,
            HARDWARE,
            0x0102_0304,
            9,
            "class",
            Some(wanted),
        );
        assert_eq!(bytes[..12], [1, 1, 6, 0, 1, 2, 3, 4, 0, 9, 0x80, 0]);
        assert_eq!(bytes[28..34], HARDWARE);
        assert_eq!(
            bytes[236..292],
            [
                99, 130, 83, 99, 53, 1, 3, 61, 7, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 60, 5, b'c',
                b'l', b'a', b's', b's', 57, 2, 5, 192, 50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 2, 55,
                7, 1, 3, 6, 12, 15, 26, 121, 255, 0, 0, 0, 0, 0, 0, 0
            ]
        );
        assert_eq!(bytes.len(), 300);
    }

    #[test]
    fn a_lease_has_what_the_server_gives() {
        let lease = lease(&[
            1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2, 6, 8, 10, 0, 2, 3, 9, 9, 9, 9, 12, 3, b'w',
            b'e', b'b', 15, 8, b'a', b'.', b'e', b'x', b'a', b'm', b'p', b'l', 26, 2, 5, 120, 51,
            4, 0, 1, 0x51, 0x80,
        ]);
        assert_eq!(
            lease,
            Lease {
                interface: Interface {
                    address: Some((Ipv4Addr::new(10, 0, 2, 15), 24)),
                    routes: vec![(Ipv4Addr::UNSPECIFIED, 0, Ipv4Addr::new(10, 0, 2, 2))],
                    dns: vec![Ipv4Addr::new(10, 0, 2, 3), Ipv4Addr::new(9, 9, 9, 9)],
                    domain: Some("a.exampl".into()),
                    mtu: Some(1400),
                    hostname: Some("web".into()),
                },
                server: Ipv4Addr::new(10, 0, 2, 2),
                seconds: Some(86_400),
            }
        );
    }

    #[test]
    fn classless_routes_take_the_place_of_the_router() {
        let routes = [
            3, 4, 10, 0, 2, 2, 121, 14, 0, 10, 0, 2, 1, 24, 10, 9, 8, 10, 0, 2, 3, 0,
        ];
        // The option's last byte would begin a route that is not there.
        assert_eq!(lease(&routes[..6]).interface.routes.len(), 1);
        let mut whole = routes;
        whole[7] = 13;
        assert_eq!(
            lease(&whole[..21]).interface.routes,
            [
                (Ipv4Addr::UNSPECIFIED, 0, Ipv4Addr::new(10, 0, 2, 1)),
                (Ipv4Addr::new(10, 9, 8, 0), 24, Ipv4Addr::new(10, 0, 2, 3)),
            ]
        );
        assert_eq!(
            lease(&routes).interface.routes,
            [(Ipv4Addr::UNSPECIFIED, 0, Ipv4Addr::new(10, 0, 2, 2))],
            "malformed ones count as none"
        );
    }

    #[test]
    fn names_that_could_do_harm_are_not_taken() {
        assert_eq!(lease(&[12, 3, b'a', b'\n', b'b']).interface.hostname, None);
        assert_eq!(lease(&[12, 0]).interface.hostname, None);
    }

    #[test]
    fn options_may_continue_in_the_fields_of_names() {
        let mut bytes = answer(Kind::Ack, 7, &[52, 1, 3, 6, 4, 10, 0, 2, 3]);
        bytes[108..115].copy_from_slice(&[6, 4, 10, 0, 2, 4, 255]);
        bytes[44..49].copy_from_slice(&[12, 2, b'w', b'1', 255]);
        let Answer { lease, .. } = parse(&bytes, HARDWARE, 7).unwrap();
        assert_eq!(lease.interface.dns.len(), 2);
        assert_eq!(lease.interface.hostname.as_deref(), Some("w1"));
    }

    #[test]
    fn what_is_not_for_us_is_passed_over() {
        let good = answer(Kind::Offer, 7, &[]);
        assert!(parse(&good, HARDWARE, 7).is_some());
        assert_eq!(parse(&good, HARDWARE, 8), None);
        assert_eq!(parse(&good, [0; 6], 7), None);
        let mut request = good.clone();
        request[0] = REQUEST;
        assert_eq!(parse(&request, HARDWARE, 7), None);
        for end in 0..good.len() {
            parse(&good[..end], HARDWARE, 7);
        }
    }
}
