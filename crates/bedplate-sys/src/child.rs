//! A child process that never outlives this one.
//!
//! The kernel kills it when the thread that started it ends (`PR_SET_PDEATHSIG`), so a thread of its
//! own starts it and stays until it has ended. Signals go through a pidfd: they can never hit a
//! process that merely got the same number later.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use rustix::process::{
    Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, set_parent_process_death_signal,
};

use crate::tool::{Tool, ToolError};

/// A running child, in a process group of its own (a terminal's Ctrl-C does not reach it). Dropping
/// this kills it.
#[derive(Debug)]
pub struct TiedChild {
    id: u32,
    handle: OwnedFd,
    stderr: Option<ChildStderr>,
    end: Arc<End>,
}

#[derive(Debug, Default)]
struct End {
    status: Mutex<Option<ExitStatus>>,
    changed: Condvar,
}

impl End {
    fn lock(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TiedChild {
    /// Starts `tool`.
    pub fn spawn(tool: Tool) -> Result<Self, ToolError> {
        Self::spawn_with(tool, Vec::new())
    }

    /// Starts `tool` with `inherited` open in it, under the numbers that they have here.
    pub fn spawn_with(mut tool: Tool, inherited: Vec<OwnedFd>) -> Result<Self, ToolError> {
        tie(&mut tool, inherited);
        let end = Arc::new(End::default());
        let (started, start) = mpsc::channel();
        let keeper_end = Arc::clone(&end);
        std::thread::spawn(move || keep(tool, &started, &keeper_end));
        let (id, handle, stderr) = start.recv().expect("the keeper reports before it ends")?;
        Ok(Self {
            id,
            handle,
            stderr,
            end,
        })
    }

    /// Its process id, for messages.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The pipe of its standard error, where the tool was given one; the first call only.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.stderr.take()
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        *self.end.lock()
    }

    /// Waits for its end, `limit` at most.
    pub fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        let waited = self
            .end
            .changed
            .wait_timeout_while(self.end.lock(), limit, |status| status.is_none());
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Kills it, if it still runs, and waits for its end.
    pub fn kill(&self) {
        // An error says that it has ended, which is what we want.
        let _ = pidfd_send_signal(&self.handle, Signal::KILL);
        self.wait(Duration::from_secs(10));
    }
}

impl Drop for TiedChild {
    fn drop(&mut self) {
        self.kill();
    }
}

type Started = Result<(u32, OwnedFd, Option<ChildStderr>), ToolError>;

fn keep(tool: Tool, started: &mpsc::Sender<Started>, end: &End) {
    let program = tool.program();
    let mut child = match tool.spawn() {
        Ok(child) => child,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let pid = Pid::from_child(&child);
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => {
            let _ = started.send(Ok((child.id(), handle, child.stderr.take())));
        }
        Err(errno) => {
            let _ = child.kill();
            let _ = started.send(Err(ToolError::Start {
                program,
                source: errno.into(),
            }));
        }
    }
    let status = child.wait().unwrap_or_default();
    *end.lock() = Some(status);
    end.changed.notify_all();
}

#[allow(unsafe_code)]
fn tie(tool: &mut Tool, inherited: Vec<OwnedFd>) {
    let command = tool.command();
    command.process_group(0);
    die_with_this_thread(command);
    let in_child = move || {
        for descriptor in &inherited {
            rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty())?;
        }
        Ok(())
    };
    // SAFETY: only system calls between fork and exec; nothing is allocated and no lock is taken.
    unsafe { command.pre_exec(in_child) };
}

/// Has the kernel kill what `command` starts when the thread that starts it ends.
#[allow(unsafe_code)]
pub(crate) fn die_with_this_thread(command: &mut Command) {
    let parent = rustix::process::getpid();
    let in_child = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // This process may have died before the call above took effect.
        match rustix::process::getppid() {
            Some(now) if now == parent => Ok(()),
            _ => Err(io::Error::from(io::ErrorKind::Interrupted)),
        }
    };
    // SAFETY: only system calls between fork and exec; nothing is allocated and no lock is taken.
    unsafe { command.pre_exec(in_child) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_child_is_seen() {
        let child = TiedChild::spawn(Tool::new("false", "coreutils")).unwrap();
        let status = child.wait(Duration::from_secs(10)).unwrap();
        assert_eq!(status.code(), Some(1));
        assert_eq!(child.ended(), Some(status));
    }

    #[test]
    fn a_dropped_child_is_killed() {
        let child = TiedChild::spawn(Tool::new("sleep", "coreutils").arg("600")).unwrap();
        let end = Arc::clone(&child.end);
        assert_eq!(child.ended(), None);
        drop(child);
        assert!(end.lock().is_some_and(|status| !status.success()));
    }

    #[test]
    fn a_child_lives_on_when_the_thread_that_asked_for_it_ends() {
        let spawn = || TiedChild::spawn(Tool::new("sleep", "coreutils").arg("600")).unwrap();
        let child = std::thread::spawn(spawn).join().unwrap();
        assert_eq!(child.wait(Duration::from_millis(50)), None);
    }

    #[test]
    fn a_missing_program_is_an_error_with_a_hint() {
        let error = TiedChild::spawn(Tool::new("no-such-program", "no-such-package")).unwrap_err();
        assert_eq!(
            error.hint().unwrap(),
            "install it: apt-get install no-such-package"
        );
    }
}
