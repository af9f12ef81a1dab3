//! Netlink: what the kernel tells of devices, and network interfaces.

pub mod links;
pub mod uevents;
