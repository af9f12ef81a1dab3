//! The keeper: makes the namespaces and starts the worker in them.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Gid, Resource, Rlimit, Signal, Uid};
use rustix::thread::UnshareFlags;

use super::{DONE, WORKER};

/// Exit code where no worker could be started.
const FAILED: i32 = 125;

/// Lives as long as the worker does and ends as it did.
#[allow(
    clippy::print_stderr,
    reason = "its standard error is a pipe to the program that started it"
)]
pub(super) fn keep() -> ! {
    let code = start().unwrap_or_else(|error| {
        eprintln!("{error}");
        FAILED
    });
    std::process::exit(code)
}

fn start() -> io::Result<i32> {
    let parent = rustix::process::getppid();
    unshare()?;
    rustix::io::write(rustix::stdio::stdout(), &[DONE])?;
    let mut byte = [0];
    if rustix::io::read(rustix::stdio::stdin(), &mut byte)? == 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    rustix::thread::set_thread_groups(&[])?;
    let (gid, uid) = (Gid::ROOT, Uid::ROOT);
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    // A process that changes its ids loses this, so it is asked for again.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() != parent {
        return Err(io::Error::from(io::ErrorKind::Interrupted));
    }
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(Resource::Core, none)?;
    let mut worker = Command::new("/proc/self/exe");
    worker.arg0(WORKER).env_clear().current_dir("/");
    die_with_keeper(&mut worker);
    let status = worker.spawn()?.wait()?;
    Ok(status.code().unwrap_or(FAILED))
}

/// Like [`crate::child::die_with_this_thread`]; but who is PID 1 of new namespaces sees no parent.
#[allow(unsafe_code)]
fn die_with_keeper(command: &mut Command) {
    let in_child =
        || rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(Into::into);
    // SAFETY: one system call between fork and exec; nothing is allocated and no lock is taken.
    unsafe { command.pre_exec(in_child) };
}

#[allow(unsafe_code, reason = "unshare(2) can take file descriptors away")]
fn unshare() -> io::Result<()> {
    let flags = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWCGROUP;
    // SAFETY: the table of file descriptors is not among what is unshared.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}
