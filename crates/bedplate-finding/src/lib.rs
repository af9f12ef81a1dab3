//! How an initramfs finds its root: the parsers of outside bytes, and the decisions.
//!
//! ```text
//! command line ──address──► Addressing ──dhcp──► Lease           the network
//! URL ──http──► request;  bytes ──http──► Head, Body             a server;  mirrors: which one, when
//! blocks ──media──► label, partition GUID, verity superblock     a medium
//! firmware ──machine──► memory, hostid                           the machine
//! text of zpool and zfs ──pool──► system pool, file systems      state
//! ```
//!
//! Level 2, pure: no file, socket or clock. Time comes as a [`Duration`](std::time::Duration) since some
//! beginning. What is read here was written by strangers, and nobody has vouched for it: each reader has
//! limits, and any bytes are answered.

pub mod address;
pub mod dhcp;
pub mod http;
pub mod machine;
pub mod media;
pub mod mirrors;
pub mod pool;
