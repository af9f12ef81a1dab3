//! Netlink: what the kernel tells of devices, and network interfaces.

pub mod addresses;
pub mod links;
mod message;
pub mod uevents;
