//! DHCP, the client's side (RFC 2131, RFC 2132, RFC 3442).
//!
//! ```text
//!   0 op, hardware type, its length, hops    12 client address    28 hardware address [16]   236 99, 130, 83, 99
//!   4 transaction u32                        16 your address      44 server name [64]        240 options:
//!   8 seconds u16, flags u16                 20 server, 24 relay  108 file [128]                 code, length, bytes
//! ```

mod client;
mod packet;

pub use client::Client;
pub use packet::Lease;

/// The port of servers.
pub const SERVER_PORT: u16 = 67;
/// The port of clients.
pub const CLIENT_PORT: u16 = 68;
