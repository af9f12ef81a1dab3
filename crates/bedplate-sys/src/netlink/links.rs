//! Network interfaces: set up, make, move into a namespace (rtnetlink(7)).
//!
//! ```text
//! nlmsghdr   length u32 | type u16 | flags u16 | sequence u32 | port u32
//! ifinfomsg  family u8 | pad u8 | type u16 | index i32 | flags u32 | change u32
//! rtattr     length u16 | type u16 | payload, padded to 4        (attributes nest)
//! nlmsgerr   errno i32 (negative) | header of the request
//! ```

use std::fs;
use std::io;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

const RTM_NEWLINK: u16 = 16;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
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

/// Makes an interface.
pub fn add(link: &NewLink<'_>) -> io::Result<()> {
    request(&add_request(link))
}

/// Moves an interface into the network namespace of a process.
pub fn move_to_namespace_of(name: &str, pid: u32) -> io::Result<()> {
    request(&move_request(index(name)?, pid))
}

fn index(name: &str) -> io::Result<u32> {
    if name.is_empty() || name.contains('/') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let text = fs::read_to_string(format!("/sys/class/net/{name}/ifindex"))?;
    text.trim()
        .parse()
        .map_err(|_| io::ErrorKind::InvalidData.into())
}

fn up_request(index: u32) -> Vec<u8> {
    message(0, index, IFF_UP, IFF_UP, &[])
}

fn move_request(index: u32, pid: u32) -> Vec<u8> {
    message(
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
    message(NLM_F_CREATE | NLM_F_EXCL, 0, 0, 0, &attributes)
}

fn message(
    flags: u16,
    index: u32,
    interface_flags: u32,
    change: u32,
    attributes: &[u8],
) -> Vec<u8> {
    let body = interface(index, interface_flags, change);
    let length = u32::try_from(16 + body.len() + attributes.len())
        .expect("a request is a few hundred bytes");
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(RTM_NEWLINK.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes.extend(attributes);
    bytes
}

fn interface(index: u32, flags: u32, change: u32) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend(index.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(change.to_ne_bytes());
    bytes
}

fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + payload.len()).expect("names and numbers are short");
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn terminated(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn request(message: &[u8]) -> io::Result<()> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )?; // None: NETLINK_ROUTE is 0
    rustix::net::sendto(
        &socket,
        message,
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut buffer = [0_u8; 4096];
    let (count, _) = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
    answer(&buffer[..count])
}

fn answer(bytes: &[u8]) -> io::Result<()> {
    let field = |at: usize| {
        bytes
            .get(at..at + 4)
            .and_then(|field| field.try_into().ok())
    };
    let kind = bytes
        .get(4..6)
        .and_then(|field| field.try_into().ok())
        .map(u16::from_ne_bytes);
    match (kind, field(16).map(i32::from_ne_bytes)) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(errno)) => {
            Err(io::Error::from_raw_os_error(errno.saturating_neg()))
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
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

    #[test]
    fn an_answer_carries_the_kernels_error() {
        let mut bytes = vec![36, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend((-17_i32).to_ne_bytes());
        assert_eq!(answer(&bytes).unwrap_err().raw_os_error(), Some(17));
        bytes[16..20].fill(0);
        assert!(answer(&bytes).is_ok());
        assert!(answer(&[]).is_err());
    }
}
