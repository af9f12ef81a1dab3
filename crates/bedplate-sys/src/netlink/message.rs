//! Requests to the kernel and its answers (netlink(7), rtnetlink(7)).
//!
//! ```text
//! nlmsghdr   length u32 | type u16 | flags u16 | sequence u32 | port u32
//! rtattr     length u16 | type u16 | payload, padded to 4        (attributes nest)
//! nlmsgerr   errno i32 (negative) | header of the request
//! ```

use std::io;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
/// Replace one that exists (`NLM_F_REPLACE`).
pub(super) const REPLACE: u16 = 0x100;
/// Fail if it exists (`NLM_F_EXCL`).
pub(super) const EXCLUSIVE: u16 = 0x200;
/// Make it (`NLM_F_CREATE`).
pub(super) const CREATE: u16 = 0x400;

pub(super) fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).expect("a request is a few hundred bytes");
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
    bytes.extend(1_u32.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(body);
    bytes
}

pub(super) fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + payload.len()).expect("names and numbers are short");
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

pub(super) fn terminated(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

pub(super) fn request(message: &[u8]) -> io::Result<()> {
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
mod tests {
    use super::*;

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
