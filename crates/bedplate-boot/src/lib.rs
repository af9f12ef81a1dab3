//! The boot contract: what the builder writes into a host and what PID 1 finds there.
//!
//! Level 1: types and text only. Both sides use these types, so a host and the tool that built it
//! cannot disagree. Where things lie in the root of a host that `bedplate-init` boots:
//!
//! ```text
//! /init                                 bedplate-init, PID 1 (also /usr/bin/bedctl, by link)
//! /usr/lib/bedplate/runtime             the OCI runtime that PID 1 starts for each container
//! /etc/bedplate/host.json               Host: what to run, in which order
//! /etc/bedplate/xattrs.json             XattrTable: what a cpio archive cannot carry (absent if empty)
//! /containers/onboot/NNN-NAME/          config.json, runtime.json, rootfs or lower+rootfs (LinuxKit's layout)
//! /containers/services/NAME/            the same
//! /containers/onshutdown/NNN-NAME/      the same
//! /containers/volumes/NAME/             lower, and merged (+ tmp when writable)
//! /zz-bedplate-complete                 Marker: the last entry of the archive; absent if unpacking failed
//! /run/bedplate/control.sock            control protocol, newline-delimited JSON
//! ```
//!
//! A host whose root lies apart from its initramfs has [`root`] to find it.

mod cmdline;
pub mod control;
mod document;
mod host;
pub mod root;
mod runtime;
pub mod trust;
mod xattrs;

pub use cmdline::{CMDLINE_EXTRA, CommandLine};
pub use document::UnknownVersion;
pub use host::{Host, OnFailure, Probe, Ready, Restart, Service, Unit, Volume};
pub use runtime::{IdMapping, Interface, Mount, Namespaces, Runtime};
pub use xattrs::{XattrTable, bytes_from_text, text_from_bytes};

/// Where the [`Host`] document lies.
pub const HOST_DOCUMENT: &str = "/etc/bedplate/host.json";
/// Where the [`XattrTable`] lies.
pub const XATTR_TABLE: &str = "/etc/bedplate/xattrs.json";
/// PID 1.
pub const INIT: &str = "/init";
/// The OCI runtime that PID 1 starts.
pub const RUNTIME: &str = "/usr/lib/bedplate/runtime";
/// The control tool inside the host.
pub const CONTROL_TOOL: &str = "/usr/bin/bedctl";
/// The control socket inside the host.
pub const CONTROL_SOCKET: &str = "/run/bedplate/control.sock";
/// The marker of a complete root. Its name sorts after every other in the root directory of the
/// archives that we write, so it is the last to be unpacked; it holds [`Host::VERSION`] as text.
pub const COMPLETE_MARKER: &str = "/zz-bedplate-complete";
