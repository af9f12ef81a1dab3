//! Linux, and nothing but Linux: the only crate with `unsafe` code, the only one that starts processes.
//!
//! What is here knows nothing of hosts, images or specs.

pub mod attributes;
pub mod child;
pub mod children;
pub mod device_filter;
pub mod device_mapper;
pub mod keystrokes;
pub mod loop_device;
pub mod machine;
pub mod mounting;
pub mod namespaces;
pub mod netlink;
pub mod old_root;
pub mod polling;
pub mod qemu;
pub mod replace;
pub mod sandbox;
pub mod scratch;
pub mod signals;
pub mod smbios;
pub mod sockets;
pub mod terminal;
pub mod tool;
pub mod usage;
