//! Device nodes and links that devtmpfs does not make by itself.

use std::path::Path;

use bedplate_sys::attributes;

use crate::console;

/// Path, mode, major, minor.
const NODES: &[(&str, u32, u32, u32)] = &[
    ("/dev/console", 0o600, 5, 1),
    ("/dev/tty1", 0o620, 4, 1),
    ("/dev/tty", 0o666, 5, 0),
    ("/dev/null", 0o666, 1, 3),
    ("/dev/kmsg", 0o660, 1, 11),
];

const LINKS: &[(&str, &str)] = &[
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("/proc/kcore", "/dev/kcore"),
];

pub(super) fn make_nodes() {
    for (path, mode, major, minor) in NODES {
        if let Err(error) =
            attributes::ensure_character_device(Path::new(path), *mode, *major, *minor)
        {
            console::warn(format_args!("make the device `{path}`"), &error);
        }
    }
    for (target, path) in LINKS {
        match std::os::unix::fs::symlink(target, path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                console::warn(format_args!("make the link `{path}`"), &error);
            }
            _ => {}
        }
    }
}
