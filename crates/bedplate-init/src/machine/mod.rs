//! From what the kernel leaves to a machine that containers can run on.
//!
//! Runs once, at boot, before anything else is started. What a kernel or a machine may lack is passed
//! over; what it should have and fails is told on the console, and the boot goes on.

pub mod buttons;
mod clock;
mod devices;
pub mod modules;
mod mounts;
mod naming;
mod root;
pub mod unmounting;
pub mod volumes;
pub mod xattrs;

pub use root::{check_completeness, enter_own_mount};

use bedplate_sys::{machine, mounting};

use crate::console;

/// Open files that a process may have, as on LinuxKit.
const OPEN_FILES: u64 = 1_048_576;

/// Mounts what every process expects, and makes the device nodes.
pub fn mount_system() {
    mounts::mount_all();
    devices::make_nodes();
    mounts::delegate_controllers();
}

/// Mounts what looking for a root takes. The init of that root mounts the rest.
pub fn mount_for_search() {
    mounts::mount_for_search();
    devices::make_nodes();
}

/// Sets a clock that the kernel did not set.
pub fn set_clock() {
    clock::set_if_unset();
}

/// Closes the root for writing, and lets mounts made later be seen in containers.
pub fn seal_root() {
    let root = std::path::Path::new("/");
    let sealed = mounting::parse_options(&["remount", "bind", "ro"]);
    let shared = mounting::parse_options(&["rshared"]);
    for (doing, options) in [
        ("make the root read-only", sealed),
        ("share mounts below the root", shared),
    ] {
        if let Err(error) = mounting::mount("", root, "", &options) {
            console::warn(doing, &error);
        }
    }
}

/// Limits, clock, name, loopback.
pub fn settle() {
    if let Err(error) = machine::set_limits(OPEN_FILES, None) {
        console::warn("set the limits of processes", &error);
    }
    if let Err(error) = machine::catch_ctrl_alt_del() {
        console::warn("catch Ctrl-Alt-Del", &error);
    }
    clock::set_if_unset();
    naming::prepare_resolv_conf();
    naming::bring_loopback_up();
    naming::set_hostname();
}
