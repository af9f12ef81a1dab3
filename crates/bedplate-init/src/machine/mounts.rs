//! The file systems of every host, with LinuxKit's sizes and options (pkg/init/cmd/rc.init).

use std::fs;
use std::path::Path;

use bedplate_sys::mounting;

use crate::console;

/// Must it work?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Always,
    IfThere,
}

/// Type, place, options. The place is made where it can be.
const MOUNTS: &[(&str, &str, &str, Need)] = &[
    (
        "proc",
        "/proc",
        "nodev,nosuid,noexec,relatime",
        Need::Always,
    ),
    (
        "tmpfs",
        "/run",
        "nodev,nosuid,noexec,relatime,size=10%,mode=755",
        Need::Always,
    ),
    (
        "tmpfs",
        "/tmp",
        "nodev,nosuid,noexec,relatime,size=10%,mode=1777",
        Need::Always,
    ),
    (
        "tmpfs",
        "/var",
        "nodev,nosuid,noexec,relatime,size=50%,mode=755",
        Need::Always,
    ),
    (
        "devtmpfs",
        "/dev",
        "nosuid,noexec,relatime,mode=755",
        Need::Always,
    ),
    (
        "mqueue",
        "/dev/mqueue",
        "noexec,nosuid,nodev",
        Need::IfThere,
    ),
    (
        "tmpfs",
        "/dev/shm",
        "noexec,nosuid,nodev,mode=1777",
        Need::Always,
    ),
    (
        "devpts",
        "/dev/pts",
        "noexec,nosuid,gid=5,mode=0620,ptmxmode=0666",
        Need::Always,
    ),
    ("sysfs", "/sys", "noexec,nosuid,nodev", Need::Always),
    (
        "securityfs",
        "/sys/kernel/security",
        "noexec,nosuid,nodev",
        Need::IfThere,
    ),
    (
        "debugfs",
        "/sys/kernel/debug",
        "noexec,nosuid,nodev",
        Need::IfThere,
    ),
    (
        "tracefs",
        "/sys/kernel/tracing",
        "noexec,nosuid,nodev",
        Need::IfThere,
    ),
    (
        "configfs",
        "/sys/kernel/config",
        "noexec,nosuid,nodev",
        Need::IfThere,
    ),
    (
        "fusectl",
        "/sys/fs/fuse/connections",
        "noexec,nosuid,nodev",
        Need::IfThere,
    ),
    (
        "selinuxfs",
        "/sys/fs/selinux",
        "noexec,nosuid",
        Need::IfThere,
    ),
    (
        "pstore",
        "/sys/fs/pstore",
        "noexec,nosuid,nodev",
        Need::IfThere,
    ),
    ("bpf", "/sys/fs/bpf", "nodev", Need::IfThere),
    (
        "efivarfs",
        "/sys/firmware/efi/efivars",
        "noexec,nosuid,nodev",
        Need::IfThere,
    ),
    (
        "binfmt_misc",
        "/proc/sys/fs/binfmt_misc",
        "noexec,nosuid,nodev",
        Need::IfThere,
    ),
    (
        "cgroup2",
        "/sys/fs/cgroup",
        "noexec,nosuid,nodev,nsdelegate",
        Need::Always,
    ),
];

/// Directories of a fresh `/var`, and their modes.
const VAR: &[(&str, u32)] = &[
    ("cache", 0o755),
    ("empty", 0o555),
    ("lib", 0o755),
    ("local", 0o755),
    ("lock", 0o755),
    ("log", 0o755),
    ("opt", 0o755),
    ("spool", 0o755),
    ("tmp", 0o1777),
];

/// What an initramfs mounts that looks for a root, as systemd mounts the same.
const SEARCH_MOUNTS: &[(&str, &str, &str)] = &[
    ("proc", "/proc", "nosuid,nodev,noexec"),
    ("sysfs", "/sys", "nosuid,nodev,noexec"),
    ("devtmpfs", "/dev", "nosuid,mode=755"),
    ("tmpfs", "/run", "nosuid,nodev,mode=755,size=20%"),
];

const CGROUPS: &str = "/sys/fs/cgroup";

pub(super) fn mount_all() {
    for (kind, place, options, need) in MOUNTS {
        // Those in sysfs and procfs are there or not; the others may be missing from an odd root.
        let _ = fs::create_dir_all(place);
        let result = mounting::mount(
            kind,
            Path::new(place),
            kind,
            &mounting::parse_options(&[options]),
        );
        match (result, need) {
            (Err(error), Need::Always) => {
                console::warn(format_args!("mount {kind} at `{place}`"), &error)
            }
            (Err(_), Need::IfThere) | (Ok(()), _) => {}
        }
    }
    for (name, mode) in VAR {
        make_directory(&format!("/var/{name}"), *mode);
    }
    if let Err(error) = std::os::unix::fs::symlink("/run", "/var/run") {
        console::warn("link /var/run to /run", &error);
    }
    make_directory("/run/bedplate", 0o700);
}

pub(super) fn mount_for_search() {
    for (kind, place, options) in SEARCH_MOUNTS {
        let options = mounting::parse_options(&[options]);
        let mounted = fs::create_dir_all(place)
            .and_then(|()| mounting::mount(kind, Path::new(place), kind, &options));
        if let Err(error) = mounted {
            console::warn(format_args!("mount {kind} at `{place}`"), &error);
        }
    }
    make_directory("/run/bedplate", 0o755);
}

/// The umask stays what containers should inherit, so the mode is set afterwards.
fn make_directory(path: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let made = fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)));
    if let Err(error) = made {
        console::warn(format_args!("make `{path}`"), &error);
    }
}

/// Lets cgroups below the root limit all that the kernel can limit.
pub(super) fn delegate_controllers() {
    let available = fs::read_to_string(format!("{CGROUPS}/cgroup.controllers")).unwrap_or_default();
    for controller in available.split_whitespace() {
        // One by one: a controller that refuses must not take the others along.
        if let Err(error) = fs::write(
            format!("{CGROUPS}/cgroup.subtree_control"),
            format!("+{controller}"),
        ) {
            console::warn(
                format_args!("enable the cgroup controller `{controller}`"),
                &error,
            );
        }
    }
}
