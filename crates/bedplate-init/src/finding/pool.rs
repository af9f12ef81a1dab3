//! The system pool of a host with ZFS: imported, found by its mark, its file systems mounted. The root's own
//! programs do it, in the root.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bedplate_boot::CommandLine;
use bedplate_finding::pool::{self, Dataset, Mark};
use bedplate_sys::machine as system;
use bedplate_sys::mounting::{self, Unmount};
use bedplate_sys::tool::{Tool, ToolError};

use super::devices::{Devices, deadline};
use super::stopping::Stop;
use crate::console;

const ZPOOL: &str = "/usr/sbin/zpool";
const PLACE: &str = "/run/bedplate/pool";
const KEPT_NAME: &str = "/run/bedplate/system_pool";
/// Where the pools' devices are looked for: nothing has made other names of them yet.
const DEVICES: &str = "/dev";
/// Disks have settled when none came for so long: a pool that is imported without one of its disks is degraded.
const SETTLED: Duration = Duration::from_millis(500);
/// Without a system pool, a disk that comes within this time is looked at too.
const LATE: Duration = Duration::from_secs(3);

/// Makes the host's state available, where the root has ZFS.
pub fn prepare(devices: &mut Devices, line: &CommandLine) -> Result<(), Stop> {
    if !Path::new(ZPOOL).exists() || line.no_import {
        return Ok(());
    }
    if let Err(error) = run("modprobe", "kmod", &["zfs"]) {
        console::warn("load ZFS", &error);
        return Ok(());
    }
    devices.enter_root();
    let Some((name, mark)) = import(devices, line)? else {
        console::say("there is no system pool");
        return Ok(());
    };
    if reset_is_wanted(&name, line) {
        console::say(format_args!(
            "destroying the system pool `{name}`: a factory reset"
        ));
        return zpool(&["destroy", "-f", &name])
            .map(drop)
            .map_err(|error| Stop::because(format!("cannot destroy the pool `{name}`"), error));
    }
    if mark == Mark::File
        && let Err(error) = zfs(&["set", &format!("{}=true", pool::SYSTEM_POOL), &name])
    {
        console::warn(format_args!("mark the pool `{name}`"), &error);
    }
    console::say(format_args!("the system pool is `{name}`"));
    mount_datasets(&name);
    fs::write(KEPT_NAME, format!("{name}\n"))
        .map_err(|error| Stop::because(format!("cannot write `{KEPT_NAME}`"), error))
}

/// Imports all pools, and again when disks come, until one of them is the system pool.
fn import(devices: &mut Devices, line: &CommandLine) -> Result<Option<(String, Mark)>, Stop> {
    let limit = deadline(line);
    while devices.wait_for_block_event(limit.min(system::uptime() + SETTLED)) {}
    loop {
        // That there is nothing to import is no failure for zpool(8); a pool that cannot be is told.
        if let Err(error) = zpool(&["import", "-a", "-N", "-d", DEVICES]) {
            console::warn("import all pools", &error);
        }
        if let Some(found) = system_pool()? {
            return Ok(Some(found));
        }
        if !devices.wait_for_block_event(system::uptime() + LATE) {
            return Ok(None);
        }
    }
}

fn system_pool() -> Result<Option<(String, Mark)>, Stop> {
    let cannot = |error: ToolError| Stop::because("cannot list the pools", error);
    let names = zpool(&["list", "-H", "-o", "name"]).map_err(cannot)?;
    let names: Vec<&str> = names.lines().collect();
    if names.is_empty() {
        return Ok(None);
    }
    let get = ["get", "-H", "-o", "name,value", pool::SYSTEM_POOL];
    let properties = zfs(&[&get[..], &names[..]].concat()).map_err(cannot)?;
    let with_file: Vec<String> = names
        .iter()
        .filter(|name| has_marker(name))
        .map(|&name| name.to_owned())
        .collect();
    pool::system_pool(&properties, &with_file).map_err(|error| {
        Stop::because(
            "cannot tell which pool is the system pool; `noimport=true` boots without one",
            error,
        )
    })
}

/// Has the root file system of a pool the file that marks it? One that cannot be looked into has not.
fn has_marker(pool: &str) -> bool {
    let place = Path::new(PLACE);
    let read_only = mounting::parse_options(&["ro", "nodev", "nosuid", "noexec"]);
    let mounted =
        fs::create_dir_all(place).and_then(|()| mounting::mount(pool, place, "zfs", &read_only));
    let found = mounted.is_ok() && place.join(pool::MARKER).exists();
    if mounted.is_ok()
        && let Err(error) = mounting::unmount(place, Unmount::IfUnused)
    {
        console::warn(format_args!("unmount the pool `{pool}`"), &error);
    }
    found
}

fn reset_is_wanted(name: &str, line: &CommandLine) -> bool {
    let property = zfs(&[
        "get",
        "-H",
        "-o",
        "value",
        pool::FACTORY_RESET,
        &format!("{name}/var"),
    ]);
    // A pool without that file system does not ask for anything.
    line.destroy_pools || property.is_ok_and(|value| pool::asks_for_reset(&value))
}

fn mount_datasets(name: &str) {
    let list = zfs(&[
        "list",
        "-H",
        "-r",
        "-t",
        "filesystem",
        "-o",
        pool::COLUMNS,
        name,
    ]);
    let list = match list {
        Ok(list) => list,
        Err(error) => {
            console::warn(format_args!("list the file systems of `{name}`"), &error);
            return;
        }
    };
    for dataset in pool::datasets(&list) {
        match dataset {
            Dataset::Mount { name, mountpoint } => {
                if let Err(error) = zfs(&["mount", &name]) {
                    console::warn(format_args!("mount `{name}` at `{mountpoint}`"), &error);
                }
            }
            Dataset::Locked { name } => {
                console::say(format_args!(
                    "`{name}` is not mounted: its key is not loaded"
                ));
            }
        }
    }
}

fn zpool(arguments: &[&str]) -> Result<String, ToolError> {
    run("zpool", "zfsutils-linux", arguments)
}

fn zfs(arguments: &[&str]) -> Result<String, ToolError> {
    run("zfs", "zfsutils-linux", arguments)
}

fn run(
    program: &'static str,
    package: &'static str,
    arguments: &[&str],
) -> Result<String, ToolError> {
    let output = Tool::new(program, package).args(arguments).output()?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}
