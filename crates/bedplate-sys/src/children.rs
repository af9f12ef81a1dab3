//! Child processes of an event loop: started here, reaped by number, never waited for one by one.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::process::{Pid, WaitOptions, WaitStatus};

pub use rustix::process::Signal;

/// A process that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its number.
    pub pid: u32,
    /// Its exit status, or 128 and the number of the signal that ended it.
    pub code: i32,
}

/// Where a child's output goes.
#[derive(Debug)]
pub enum Output {
    /// Both streams into one descriptor, in the order in which they were written.
    Joined(OwnedFd),
    /// Each into its own.
    Apart(OwnedFd, OwnedFd),
    /// Nowhere.
    Discarded,
    /// Where the parent's goes.
    Inherited,
}

/// Starts `program` with an environment of `PATH` only and gives its number. Whoever calls this must [`reap`].
pub fn spawn<A: AsRef<OsStr>>(program: &OsStr, arguments: &[A], output: Output) -> io::Result<u32> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .current_dir("/")
        .stdin(Stdio::null());
    match output {
        Output::Joined(descriptor) => {
            command.stdout(descriptor.try_clone()?).stderr(descriptor);
        }
        Output::Apart(out, err) => {
            command.stdout(out).stderr(err);
        }
        Output::Discarded => {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        Output::Inherited => {}
    }
    command.spawn().map(|child| child.id())
}

/// Starts `program` as the leader of a session that owns `terminal`.
#[allow(
    unsafe_code,
    reason = "a controlling terminal can only be taken between fork and exec"
)]
pub fn spawn_on_terminal(program: &OsStr, terminal: OwnedFd) -> io::Result<u32> {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .env("TERM", "linux")
        .env("HOME", "/root")
        .current_dir("/");
    command
        .stdin(terminal.try_clone()?)
        .stdout(terminal.try_clone()?)
        .stderr(terminal);
    // SAFETY: setsid(2) and ioctl(2) are async-signal-safe and touch no memory of the parent.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            Ok(())
        });
    }
    command.spawn().map(|child| child.id())
}

/// `PATH` of what is started here.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Takes the exit status of one process that has ended, any child or adopted orphan; `None` if there is none now.
pub fn reap() -> Option<Ended> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                if let Some(code) = exit_code(status) {
                    return Some(Ended {
                        pid: pid.as_raw_nonzero().get().unsigned_abs(),
                        code,
                    });
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Waits for the end of one child. For a process that does not [`reap`]; orphans that end meanwhile are reaped.
pub fn wait_for(pid: u32) {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((ended, _))) if ended.as_raw_nonzero().get().unsigned_abs() == pid => return,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

fn exit_code(status: WaitStatus) -> Option<i32> {
    status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|signal| 128 + signal))
}

/// The signal that asks a process to end. The kernel keeps a signal from the first process of a pid namespace
/// unless the process catches it: one that does not would only be waited for in vain, and is ended at once.
pub fn terminating_signal(pid: u32) -> Signal {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    if is_deaf_to(&status, Signal::TERM) {
        Signal::KILL
    } else {
        Signal::TERM
    }
}

/// Would the kernel drop this signal for the process of this `/proc/PID/status`?
fn is_deaf_to(status: &str, signal: Signal) -> bool {
    let field = |key: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .map(str::trim)
    };
    let first_in_namespace =
        field("NSpid:").is_some_and(|pids| pids.split_whitespace().skip(1).last() == Some("1"));
    let bit = 1_u64 << (signal.as_raw() - 1);
    let has = |key: &str| {
        field(key)
            .and_then(|mask| u64::from_str_radix(mask, 16).ok())
            .is_none_or(|mask| mask & bit != 0)
    };
    first_in_namespace && !has("SigCgt:") && !has("SigBlk:")
}

/// Sends a signal to a process.
pub fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::kill_process(pid, signal)?)
}

/// Does this process exist, if only as a zombie?
pub fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

/// Sends a signal to every process but PID 1 and kernel threads.
#[allow(unsafe_code, reason = "kill(-1) has no safe form")]
pub fn signal_all(signal: Signal) {
    // SAFETY: kill(2) touches no memory. That nothing is left to signal is no error.
    unsafe {
        libc::kill(-1, signal.as_raw());
    }
}

/// A pipe whose read end does not block; neither end leaks into children.
pub fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read_end, write_end) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&read_end, true)?;
    Ok((read_end, write_end))
}

/// Has this process any child, running or waiting to be reaped?
pub fn any() -> bool {
    let how = rustix::process::WaitIdOptions::EXITED
        | rustix::process::WaitIdOptions::NOWAIT
        | rustix::process::WaitIdOptions::NOHANG;
    !matches!(
        rustix::process::waitid(rustix::process::WaitId::All, how),
        Err(rustix::io::Errno::CHILD)
    )
}

/// Makes this process `program`, looked up in `PATH`, with the environment that it has. Returns only if that
/// fails. Signals that the Rust runtime ignores get their defaults back.
pub fn become_program<A: AsRef<OsStr>>(program: &OsStr, arguments: &[A]) -> io::Error {
    use std::os::unix::process::CommandExt;
    Command::new(program).args(arguments).exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_first_process_that_does_not_listen_is_deaf() {
        let status = |pids: &str, caught: &str, blocked: &str| {
            format!("Name:\tx\nNSpid:\t{pids}\nSigBlk:\t{blocked}\nSigIgn:\t0\nSigCgt:\t{caught}\n")
        };
        let none = "0000000000000000";
        let term = "0000000000004000";
        assert!(is_deaf_to(&status("310\t1", none, none), Signal::TERM));
        assert!(!is_deaf_to(&status("310\t1", term, none), Signal::TERM));
        assert!(!is_deaf_to(&status("310\t1", none, term), Signal::TERM));
        assert!(!is_deaf_to(&status("310", none, none), Signal::TERM));
        assert!(!is_deaf_to(&status("310\t7", none, none), Signal::TERM));
        assert!(!is_deaf_to("", Signal::TERM));
    }
}
