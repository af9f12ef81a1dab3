//! Network interfaces: set up, make, move into a namespace (rtnetlink(7)).
//!
//! ```text
//! ifinfomsg  family u8 | pad u8 | type u16 | index i32 | flags u32 | change u32
//! ```

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

use super::message::{CREATE, EXCLUSIVE, attribute, message, request, terminated};

const RTM_NEWLINK: u16 = 16;
/// Messages about links are sent to this multicast group.
const RTMGRP_LINK: u32 = 1;
const IFLA_MTU: u16 = 4;
const IFF_UP: u32 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_PID: u16 = 19;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;

/// A new interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewLink<'a> {
    /// Its name.
    pub name: &'a str,
    /// `veth`, `dummy`, `bridge`, …
    pub kind: &'a str,
    /// Name of the other end of a `veth`.
    pub peer: Option<&'a str>,
    /// Make it in the network namespace of this process.
    pub namespace_of: Option<u32>,
}

/// Sets an interface up. The kernel gives the loopback interface its addresses itself then.
pub fn set_up(name: &str) -> io::Result<()> {
    request(&up_request(index(name)?))
}

/// Sets an interface down.
pub fn set_down(name: &str) -> io::Result<()> {
    request(&link_message(0, index(name)?, 0, IFF_UP, &[]))
}

/// Sets the largest packet of an interface, in bytes.
pub fn set_mtu(name: &str, mtu: u32) -> io::Result<()> {
    let mtu = attribute(IFLA_MTU, &mtu.to_ne_bytes());
    request(&link_message(0, index(name)?, 0, 0, &mtu))
}

/// Does an interface that is up have a carrier?
pub fn has_carrier(name: &str) -> bool {
    let text = fs::read_to_string(format!("/sys/class/net/{name}/carrier"));
    text.is_ok_and(|text| text.trim() == "1")
}

/// Tells when links change, their carrier for instance; not how.
#[derive(Debug)]
pub struct LinkChanges(OwnedFd);

impl LinkChanges {
    /// Listens from now on.
    pub fn listen() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?; // NETLINK_ROUTE is 0
        rustix::net::bind(&socket, &SocketAddrNetlink::new(0, RTMGRP_LINK))?;
        Ok(Self(socket))
    }

    /// Readable when something changed.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Forgets the changes up to now.
    pub fn clear(&self) {
        let mut buffer = [0_u8; 8192];
        while rustix::net::recv(&self.0, &mut buffer[..], RecvFlags::empty()).is_ok() {}
    }
}

/// Makes an interface.
pub fn add(link: &NewLink<'_>) -> io::Result<()> {
    request(&add_request(link))
}

/// Moves an interface into the network namespace of a process.
pub fn move_to_namespace_of(name: &str, pid: u32) -> io::Result<()> {
    request(&move_request(index(name)?, pid))
}

pub(super) fn index(name: &str) -> io::Result<u32> {
    if name.is_empty() || name.contains('/') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let text = fs::read_to_string(format!("/sys/class/net/{name}/ifindex"))?;
    text.trim()
        .parse()
        .map_err(|_| io::ErrorKind::InvalidData.into())
}

fn up_request(index: u32) -> Vec<u8> {
    link_message(0, index, IFF_UP, IFF_UP, &[])
}

fn move_request(index: u32, pid: u32) -> Vec<u8> {
    link_message(
        0,
        index,
        0,
        0,
        &attribute(IFLA_NET_NS_PID, &pid.to_ne_bytes()),
    )
}

fn add_request(link: &NewLink<'_>) -> Vec<u8> {
    let mut info = attribute(IFLA_INFO_KIND, link.kind.as_bytes());
    if let Some(peer) = link.peer {
        let mut other_end = interface(0, 0, 0);
        other_end.extend(attribute(IFLA_IFNAME, &terminated(peer)));
        info.extend(attribute(
            IFLA_INFO_DATA,
            &attribute(VETH_INFO_PEER, &other_end),
        ));
    }
    let mut attributes = attribute(IFLA_IFNAME, &terminated(link.name));
    attributes.extend(attribute(IFLA_LINKINFO, &info));
    if let Some(pid) = link.namespace_of {
        attributes.extend(attribute(IFLA_NET_NS_PID, &pid.to_ne_bytes()));
    }
    link_message(CREATE | EXCLUSIVE, 0, 0, 0, &attributes)
}

fn link_message(
    flags: u16,
    index: u32,
    interface_flags: u32,
    change: u32,
    attributes: &[u8],
) -> Vec<u8> {
    let mut body = interface(index, interface_flags, change);
    body.extend(attributes);
    message(RTM_NEWLINK, flags, &body)
}

fn interface(index: u32, flags: u32, change: u32) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(index.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(change.to_ne_bytes());
    bytes
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;

    #[test]
    fn setting_an_interface_up_is_a_link_message_with_flags_and_mask() {
        assert_eq!(
            up_request(1),
            [
                32, 0, 0, 0, 16, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0,
                0, 1, 0, 0, 0
            ]
        );
    }

    #[test]
    fn attributes_are_padded_and_nest() {
        assert_eq!(attribute(3, b"lo\0"), [7, 0, 3, 0, b'l', b'o', 0, 0]);
        let request = add_request(&NewLink {
            name: "v0",
            kind: "veth",
            peer: Some("v1"),
            namespace_of: None,
        });
        assert_eq!(usize::from(request[0]), request.len());
        assert_eq!(request.len() % 4, 0);
        let peer = b"\x07\0\x03\0v1\0\0";
        assert!(request.windows(peer.len()).any(|window| window == peer));
    }
}
