//! Free ports on the loopback address.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};

use bedplate_sys::qemu::Transport;

use crate::event::Forwarded;
use crate::options::Publish;

/// A port that nothing listens on now. Somebody else may take it before its user does: whoever uses it must be
/// ready to ask again.
pub fn free_port(address: Ipv4Addr, transport: Transport) -> io::Result<u16> {
    let any = SocketAddrV4::new(address, 0);
    match transport {
        Transport::Tcp => TcpListener::bind(any)?.local_addr(),
        Transport::Udp => UdpSocket::bind(any)?.local_addr(),
    }
    .map(|address| address.port())
}

/// Chooses the ports that were left open.
pub(crate) fn settle(publish: &[Publish]) -> io::Result<Vec<Forwarded>> {
    let settle = |one: &Publish| {
        let port = match one.host {
            0 => free_port(one.address, one.transport)?,
            port => port,
        };
        let host = SocketAddrV4::new(one.address, port);
        Ok(Forwarded {
            transport: one.transport,
            host,
            guest: one.guest,
        })
    };
    publish.iter().map(settle).collect()
}
