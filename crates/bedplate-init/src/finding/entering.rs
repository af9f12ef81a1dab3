//! Into the root: an overlay above the image, and that becomes `/`.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bedplate_boot::CommandLine;
use bedplate_sys::children;
use bedplate_sys::mounting;
use bedplate_sys::old_root::OldRoot;

use super::devices::Devices;
use super::stopping::Stop;
use super::{handing_over, image, pool};
use crate::boot::LOADER;
use crate::console;

/// The most that changes to the root may take, unless the command line says.
const OVERLAY_SIZE: &str = "50%";
const OVERLAY: &str = "/run/bedplate/overlay";
/// Where the new root is put together.
const NEW_ROOT: &str = "/sysroot";
/// What the root's init finds mounted.
const MOVED: &[&str] = &["dev", "proc", "sys", "run"];
/// What loads modules in a root (the kernel's default).
const MODPROBE: &str = "/sbin/modprobe";
const INIT: &str = "/sbin/init";

/// Becomes the root's init.
pub fn enter(
    devices: &mut Devices,
    line: &CommandLine,
    arguments: &[String],
) -> Result<Infallible, Stop> {
    lay_over(line.overlay.as_deref().unwrap_or(OVERLAY_SIZE), devices)
        .map_err(|error| Stop::because("cannot lay a writable file system over the root", error))?;
    if let Err(error) = handing_over::write_hostid(Path::new(NEW_ROOT)) {
        console::warn("write `/etc/hostid` of the root", &error);
    }
    switch().map_err(|error| Stop::because("cannot enter the root", error))?;
    pool::prepare(devices, line)?;
    let init = line.init.as_deref().unwrap_or(INIT);
    console::say(format_args!(
        "entering the root after {:.1} s",
        bedplate_sys::machine::uptime().as_secs_f32()
    ));
    let error = children::become_program(OsStr::new(init), arguments);
    Err(Stop::because(
        format!("cannot start `{init}` of the root"),
        error,
    ))
}

fn lay_over(size: &str, devices: &Devices) -> io::Result<()> {
    devices.load(&["overlay"]);
    fs::create_dir_all(OVERLAY)?;
    fs::create_dir_all(NEW_ROOT)?;
    let options = mounting::parse_options(&["nodev,mode=755", &format!("size={size}")]);
    mounting::mount("tmpfs", Path::new(OVERLAY), "tmpfs", &options)?;
    let [upper, work] = ["upper", "work"].map(|name| format!("{OVERLAY}/{name}"));
    for directory in [&upper, &work] {
        fs::create_dir(directory)?;
    }
    // The root of an overlay is that of its upper layer.
    let mode = fs::metadata(image::PLACE)?.permissions().mode();
    fs::set_permissions(&upper, Permissions::from_mode(mode))?;
    let layers = format!("lowerdir={},upperdir={upper},workdir={work}", image::PLACE);
    let options = mounting::parse_options(&[layers]);
    mounting::mount("overlay", Path::new(NEW_ROOT), "overlay", &options)
}

/// As switch_root(8) does it: rootfs cannot be left by pivot_root(2), so the root is moved over it, and what it
/// held is removed.
fn switch() -> io::Result<()> {
    let old = OldRoot::hold()?;
    for name in MOVED {
        let place = Path::new(NEW_ROOT).join(name);
        fs::create_dir_all(&place)?;
        mounting::move_mount(&Path::new("/").join(name), &place)?;
    }
    std::env::set_current_dir(NEW_ROOT)?;
    mounting::move_mount(Path::new("."), Path::new("/"))?;
    mounting::enter_root_here()?;
    // What the kernel called to load a module lay in the initramfs. A kernel without modules called nothing.
    let _ = fs::write("/proc/sys/kernel/modprobe", MODPROBE).and_then(|()| fs::remove_file(LOADER));
    if let Err(error) = old.empty() {
        console::warn("free the memory of the initramfs", &error);
    }
    Ok(())
}
