//! The machine as a whole: its name, clock, limits, modules, and its end.

use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::process::{Resource, Rlimit};
use rustix::system::RebootCommand;
use rustix::time::{ClockId, Timespec};

/// What happens to the machine in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Power off.
    Poweroff,
    /// Start again.
    Reboot,
    /// Stop, with the power on.
    Halt,
}

/// Ends the machine now. Returns only if that fails.
pub fn end(ending: Ending) -> io::Error {
    let command = match ending {
        Ending::Poweroff => RebootCommand::PowerOff,
        Ending::Reboot => RebootCommand::Restart,
        Ending::Halt => RebootCommand::Halt,
    };
    match rustix::system::reboot(command) {
        Ok(()) => io::Error::other("the kernel went on"),
        Err(error) => error.into(),
    }
}

/// Makes Ctrl-Alt-Del a SIGINT to PID 1 rather than a reset.
pub fn catch_ctrl_alt_del() -> io::Result<()> {
    Ok(rustix::system::reboot(RebootCommand::CadOff)?)
}

/// Writes what is not yet on the disks.
pub fn sync() {
    rustix::fs::sync();
}

/// Sets the host's name.
pub fn set_hostname(name: &str) -> io::Result<()> {
    Ok(rustix::system::sethostname(name.as_bytes())?)
}

/// The host's name.
pub fn hostname() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// The kernel's release, as in `/lib/modules/RELEASE`.
pub fn kernel_release() -> String {
    rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned()
}

/// Since the kernel started, sleep included.
pub fn uptime() -> Duration {
    let now = rustix::time::clock_gettime(ClockId::Boottime);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

/// Fills a buffer with random bytes; waits until the kernel has some.
pub fn random(bytes: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = &mut bytes[filled..];
        match rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Sets the clock, in seconds since 1970.
pub fn set_clock(seconds: u64) -> io::Result<()> {
    let time = Timespec {
        tv_sec: i64::try_from(seconds).unwrap_or(i64::MAX),
        tv_nsec: 0,
    };
    Ok(rustix::time::clock_settime(ClockId::Realtime, time)?)
}

/// Open files and processes for this process and what it starts; `None` is no limit.
pub fn set_limits(files: u64, processes: Option<u64>) -> io::Result<()> {
    rustix::process::setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(files),
            maximum: Some(files),
        },
    )?;
    Ok(rustix::process::setrlimit(
        Resource::Nproc,
        Rlimit {
            current: processes,
            maximum: processes,
        },
    )?)
}

/// Has the kernel swap to a file or device that is swap space.
#[allow(unsafe_code, reason = "rustix does not have swapon(2)")]
pub fn swap_on(path: &std::path::Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_encoded_bytes())?;
    // SAFETY: the path is a text that ends in NUL and lives as long as the call; no other memory is touched.
    match unsafe { libc::swapon(path.as_ptr(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Loads a kernel module from an open file; the kernel itself expands a compressed one, if it can.
/// One that is loaded already is no error.
pub fn load_module(file: impl AsFd, compressed: bool, parameters: &str) -> io::Result<()> {
    /// `MODULE_INIT_COMPRESSED_FILE` (linux/module.h).
    const COMPRESSED_FILE: i32 = 4;
    let parameters = CString::new(parameters)?;
    let flags = if compressed { COMPRESSED_FILE } else { 0 };
    match rustix::system::finit_module(file, &parameters, flags) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
