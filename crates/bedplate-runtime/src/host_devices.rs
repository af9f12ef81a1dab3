//! The host's `/dev` in a container.
//!
//! libcontainer puts its default nodes and links into whatever is at `/dev`: with the host's own there, it fails
//! at the first that exists, and would replace the host's `/dev/ptmx`. runc leaves a `/dev` that is bound alone. So
//! libcontainer gets a fresh tmpfs, and once the container is made the host's `/dev` covers it, below what else
//! the container has mounted there:
//!
//! ```text
//! libcontainer     /dev tmpfs          /dev/pts   /dev/shm …
//! afterwards       /dev the host's     /dev/pts   /dev/shm …     (the same mounts, moved up)
//! ```

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use bedplate_sys::mounting::{self, Below, flag};
use bedplate_sys::namespaces;
use serde_json::{Value, json};

/// What is to be at `/dev`.
#[derive(Debug, PartialEq, Eq)]
pub struct HostDevices {
    source: PathBuf,
    options: mounting::Options,
}

/// Takes the mount of the host's `/dev` out of a configuration, and leaves a tmpfs in its place.
pub fn take(config: &mut Value) -> Option<HostDevices> {
    let mounts = config.get_mut("mounts")?.as_array_mut()?;
    let mount = mounts.iter_mut().rev().find(|mount| {
        let destination = mount
            .get("destination")
            .and_then(Value::as_str)
            .unwrap_or_default();
        destination.trim_end_matches('/') == "/dev"
    })?;
    let text = |key| mount.get(key).and_then(Value::as_str).unwrap_or_default();
    let words = mount
        .get("options")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let words: Vec<&str> = words.filter_map(Value::as_str).collect();
    let mut options = mounting::parse_options(&words);
    let source = match text("type") {
        // There is one devtmpfs: every mount of it is the host's.
        "devtmpfs" => "/dev",
        "bind" => text("source"),
        _ if options.flags & flag::BIND != 0 => text("source"),
        _ => return None,
    };
    if text("type") == "bind" {
        options.flags |= flag::BIND;
    }
    let taken = HostDevices {
        source: source.into(),
        options,
    };
    *mount = json!({
        "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]
    });
    Some(taken)
}

/// Puts it in place, in the container of this process. This process stays there: it has nothing left to do.
pub fn put(devices: &HostDevices, pid: u32) -> io::Result<()> {
    let below = if devices.options.flags & flag::REC == 0 {
        Below::LeftOut
    } else {
        Below::Included
    };
    let copy = mounting::copy(&devices.source, below)?;
    let table = fs::read_to_string(format!("/proc/{pid}/mountinfo"))?;
    namespaces::enter_mounts_of(pid)?;
    let dev = Path::new("/dev");
    // What is in the table and cannot be reached was hidden by a later mount.
    let reachable = mounts_below_dev(&table)
        .into_iter()
        .filter(|place| place.exists());
    let own: Vec<(PathBuf, OwnedFd)> = reachable
        .map(|place| mounting::copy(&place, Below::Included).map(|copy| (place, copy)))
        .collect::<io::Result<_>>()?;
    mounting::attach(&copy, dev)?;
    // Nothing that is mounted here may reach the host's own `/dev`.
    mounting::mount("", dev, "", &mounting::parse_options(&["rslave"]))?;
    for (place, copy) in &own {
        // The host's `/dev` may lack the place; then the container cannot have the mount there.
        if place.exists() {
            mounting::attach(copy, place)?;
        }
    }
    apply_options(&devices.options, dev)
}

/// Is the container's own `/dev` to be read-only? libcontainer has to fill it, and leaves it writable.
pub fn is_own_and_readonly(config: &Value) -> bool {
    let mounts = config
        .get("mounts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let text = |mount: &Value, key| {
        mount
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut own = mounts
        .filter(|mount| text(mount, "destination") == "/dev" && text(mount, "type") == "tmpfs");
    own.any(|mount| {
        let words = mount
            .get("options")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let words: Vec<&str> = words.filter_map(Value::as_str).collect();
        mounting::parse_options(&words).flags & flag::RDONLY != 0
    })
}

/// Makes it read-only, in the container of this process. This process stays there.
pub fn make_readonly(pid: u32) -> io::Result<()> {
    namespaces::enter_mounts_of(pid)?;
    apply_options(
        &mounting::parse_options(&["ro", "nosuid"]),
        Path::new("/dev"),
    )
}

fn apply_options(options: &mounting::Options, dev: &Path) -> io::Result<()> {
    let per_mount = options.flags & flag::PER_MOUNT;
    if per_mount != 0 {
        let flags = flag::REMOUNT | flag::BIND | per_mount;
        mounting::mount(
            "",
            dev,
            "",
            &mounting::Options {
                flags,
                ..mounting::Options::default()
            },
        )?;
    }
    if options.propagation != 0 {
        let propagation = options.propagation;
        mounting::mount(
            "",
            dev,
            "",
            &mounting::Options {
                propagation,
                ..mounting::Options::default()
            },
        )?;
    }
    Ok(())
}

/// Mount points right below `/dev` in the text of `/proc/PID/mountinfo`; what is mounted below those comes along.
fn mounts_below_dev(table: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for place in table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from)
    {
        let inside = place.starts_with("/dev") && place != Path::new("/dev");
        if inside && !found.iter().any(|known| place.starts_with(known)) {
            found.push(place);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(mount: Value) -> Value {
        json!({"mounts": [{"destination": "/proc", "type": "proc"}, mount, {"destination": "/dev/pts", "type": "devpts"}]})
    }

    #[test]
    fn only_the_hosts_own_dev_is_taken() {
        let mut bound = config(
            json!({"destination": "/dev", "type": "bind", "source": "/dev", "options": ["rbind", "rshared", "ro"]}),
        );
        let taken = take(&mut bound).unwrap();
        assert_eq!(taken.source, Path::new("/dev"));
        assert_eq!(taken.options.flags, flag::BIND | flag::REC | flag::RDONLY);
        assert_eq!(bound["mounts"][1]["type"], "tmpfs");
        assert!(take(&mut bound).is_none());
        assert!(
            take(&mut config(
                json!({"destination": "/dev/", "type": "devtmpfs"})
            ))
            .is_some()
        );
        assert!(
            take(&mut config(
                json!({"destination": "/devices", "type": "bind", "source": "/dev"})
            ))
            .is_none()
        );
        assert!(take(&mut json!({})).is_none());
    }

    #[test]
    fn a_read_only_dev_is_known_by_its_options() {
        let with = |options: Value| {
            is_own_and_readonly(&config(
                json!({"destination": "/dev", "type": "tmpfs", "options": options}),
            ))
        };
        assert!(with(json!(["nosuid", "ro"])));
        assert!(!with(json!(["nosuid"])));
    }

    #[test]
    fn mounts_right_below_dev_are_found() {
        let table = "1 0 0:1 / / rw - x\n2 1 0:2 / /dev rw - x\n3 2 0:3 / /dev/pts rw - x\n4 3 0:4 / /dev/pts/a rw - x\n\
            5 1 0:5 / /devices rw - x\n6 2 0:6 / /dev/shm rw - x\n";
        assert_eq!(
            mounts_below_dev(table),
            [Path::new("/dev/pts"), Path::new("/dev/shm")]
        );
    }
}
