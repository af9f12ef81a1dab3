//! A part of this program in namespaces of its own, where it is root and sees nothing of the machine.
//!
//! ```text
//! this program --/proc/self/exe--> keeper            makes the namespaces; its parent maps the ids
//!                                    |
//!                                    +--> worker     PID 1 in them: mounts, pivots, works
//!                                           stdin, stdout: the caller's; stderr: what went wrong
//! ```
//!
//! User, mount, PID, IPC, UTS, cgroup and network namespaces; the network one stays empty. Inside, 0 is
//! whoever started it, and 1 to 65535 are the subordinate ids that `/etc/subuid` gives them
//! (newuidmap(1)); for root, all ids are themselves. The keeper dies with the thread that started it and
//! the worker with the keeper, and with the worker, being PID 1, all that it started: nothing outlives
//! this program. The root is a tmpfs of the worker's mount namespace, so nothing stays behind either.
//!
//! A program that wants to start sandboxes asks [`is_worker`] before all else.

mod identity;
mod keeping;
mod root;
mod running;

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::io::{Read, Write};
use std::process::{ChildStderr, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::child::TiedChild;
use crate::tool::{Tool, ToolError};

pub use root::{available_memory, enter_memory_root, open_in, unmount_special};
pub use running::{Ran, end_all_others, run};

/// What the keeper is called: `argv[0]`, which no command line of a user sets by accident.
const KEEPER: &str = "bedplate-sandbox-keeper";
/// What the worker is called.
const WORKER: &str = "bedplate-sandbox-worker";
/// The byte by which keeper and parent tell one another that a step is done.
const DONE: u8 = b'.';

static ASKED: AtomicBool = AtomicBool::new(false);

/// Why no sandbox could be made.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The kernel or its configuration forbids it.
    #[error("this machine allows no user namespaces to ordinary users")]
    Forbidden {
        /// What the keeper said.
        source: io::Error,
    },
    /// The user has no subordinate ids.
    #[error("`{user}` has no range of 65535 subordinate ids in `{file}`")]
    NoRange {
        /// Name or number of the user.
        user: String,
        /// `/etc/subuid` or `/etc/subgid`.
        file: &'static str,
    },
    /// Root of a user namespace that has too few ids itself.
    #[error("root has fewer than 65536 ids here, being in a user namespace")]
    NarrowRoot,
    /// A tool that it takes is missing or failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The system refused something else.
    #[error("cannot make a sandbox")]
    Io(#[from] io::Error),
}

impl SandboxError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoRange { user, .. } => Some(format!(
                "give them one, as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
            )),
            Self::Forbidden { .. } => Some(
                "see the sysctls user.max_user_namespaces, kernel.unprivileged_userns_clone and \
                 kernel.apparmor_restrict_unprivileged_userns"
                    .to_owned(),
            ),
            Self::Tool(error) => error.hint(),
            Self::NarrowRoot => Some("be an ordinary user with subordinate ids instead".to_owned()),
            Self::Io(_) => None,
        }
    }
}

/// A sandbox whose worker runs. Dropping it kills everything in it.
#[derive(Debug)]
pub struct Sandbox {
    child: TiedChild,
    /// What the worker reads.
    pub input: Option<File>,
    /// What the worker writes.
    pub output: Option<File>,
    /// What the worker says when something is wrong.
    pub complaints: Option<ChildStderr>,
}

impl Sandbox {
    /// Starts this program once more, as a worker.
    ///
    /// # Panics
    /// Where nobody has asked [`is_worker`]: what would run in the sandbox is all of this program.
    pub fn start() -> Result<Self, SandboxError> {
        assert!(
            ASKED.load(Ordering::Relaxed),
            "a program asks whether it is a worker before it starts one"
        );
        // Asked for before anything is started, so that the message is about the user and not about a tool.
        let ids = identity::Ids::of_this_user()?;
        let (their_input, input) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(io::Error::from)?;
        let (output, their_output) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(io::Error::from)?;
        let mut tool = Tool::new("/proc/self/exe", "bedplate");
        let command = tool.command();
        std::os::unix::process::CommandExt::arg0(command, KEEPER);
        command
            .stdin(their_input)
            .stdout(their_output)
            .stderr(Stdio::piped());
        let mut child = TiedChild::spawn(tool)?;
        let complaints = child.take_stderr();
        let mut sandbox = Self {
            child,
            input: Some(input.into()),
            output: Some(output.into()),
            complaints,
        };
        sandbox.map(&ids)?;
        Ok(sandbox)
    }

    /// Waits for the namespaces, maps the ids, and lets the keeper go on.
    fn map(&mut self, ids: &identity::Ids) -> Result<(), SandboxError> {
        let mut byte = [0];
        let output = self.output.as_mut().expect("nobody has taken it yet");
        if output.read(&mut byte)? == 0 {
            let mut text = String::new();
            if let Some(complaints) = &mut self.complaints {
                complaints.read_to_string(&mut text)?;
            }
            let source = io::Error::other(text.trim().to_owned());
            return Err(SandboxError::Forbidden { source });
        }
        ids.map(self.child.id())?;
        let input = self.input.as_mut().expect("nobody has taken it yet");
        Ok(input.write_all(&[DONE])?)
    }

    /// Waits for its end.
    pub fn wait(self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.wait(Duration::from_secs(3600)) {
                return status;
            }
        }
    }
}

/// Is this process the worker of a sandbox? The keeper of one never comes back from here. Call it first
/// in `main`, while there is one thread.
pub fn is_worker() -> bool {
    ASKED.store(true, Ordering::Relaxed);
    match std::env::args_os().next() {
        Some(name) if name == OsStr::new(WORKER) => true,
        Some(name) if name == OsStr::new(KEEPER) => keeping::keep(),
        _ => false,
    }
}
