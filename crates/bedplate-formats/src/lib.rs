//! Bytes to entries and back: the formats that hosts are made of, archives and disks.
//!
//! ```text
//! tar, deb, cpio, SquashFS, modules --read--> entries, fields, indexes
//! Tree --write--> tar, cpio, FAT, ISO 9660, SquashFS
//! stub, kernel, initrd --write--> Unified Kernel Image --read--> sections, digest to sign
//! partitions --place--> GPT --read--> partitions        data --hash--> dm-verity
//! ```
//!
//! Level 2: readers and writers over [`std::io`]. Nothing here opens a file, knows a host path or
//! looks at the clock. Readers take bytes from strangers: each has stated limits, and what is
//! malformed ends in an error that names the entry. Writers take only a frozen
//! [`Tree`](bedplate_tree::Tree); the same tree gives the same bytes.

pub mod apk;
pub mod compression;
pub mod content;
pub mod cpio;
pub mod deb;
pub mod deb822;
pub mod fat;
pub mod gpt;
pub mod guid;
pub mod iso9660;
pub mod kernel;
pub mod kmod;
pub mod pe;
pub mod read_at;
pub mod squashfs;
pub mod tar;
pub mod verity;
pub mod vhd;

mod input;
