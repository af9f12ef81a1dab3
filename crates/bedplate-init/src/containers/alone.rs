//! One container under a PID 1 that is not ours: what systemd starts for a container of a spec.
//!
//! ```text
//! container run NAME BUNDLE       makes it, lets it go, waits for it, takes it away; ends with its status
//! container shared                mounts the volumes of the host document
//! ```
//!
//! The same preparation, runtime and attachments as under `bedplate-init`. Output goes where this program's
//! goes, which is the journal. Whoever starts it decides when, and whether again.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bedplate_boot::{HOST_DOCUMENT, Host};
use bedplate_sys::children::{self, Ended};
use bedplate_sys::polling::{self, Interest};
use bedplate_sys::signals::{Signal, Signals};

use super::preparation::{self, Step, Turn};
use super::{attaching, read_runtime, runtime_calls};
use crate::console;
use crate::machine::volumes;

/// How long a container that was asked to end may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the program by its arguments.
pub fn run(arguments: &[String]) -> ExitCode {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["run", name, bundle] => container(name, bundle),
        ["shared"] => shared().map(|()| 0),
        _ => {
            console::say("usage: container run NAME BUNDLE, or container shared");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(message) => {
            console::say(message);
            ExitCode::FAILURE
        }
    }
}

fn shared() -> Result<(), String> {
    let json = fs::read(HOST_DOCUMENT)
        .map_err(|error| format!("cannot read `{HOST_DOCUMENT}`: {error}"))?;
    let host = Host::parse(&json).map_err(|error| console::chain(&error))?;
    volumes::mount_all(&host.volumes);
    Ok(())
}

/// A container from its bundle to its end.
fn container(name: &str, bundle: &str) -> Result<i32, String> {
    let runtime = read_runtime(bundle).map_err(|error| console::chain(&error))?;
    let path = Path::new(bundle);
    // Mounts of an earlier run outside of the bundle stand: they are found, not stacked.
    let turn = match was_prepared(bundle) {
        true => Turn::Again,
        false => Turn::First,
    };
    let steps = preparation::plan(path, &runtime, turn).map_err(|error| console::chain(&error))?;
    let signals = Signals::catch(&[Signal::CHILD, Signal::TERM, Signal::INT, Signal::HUP])
        .and_then(|signals| children::adopt_orphans().map(|()| signals))
        .map_err(|error| format!("cannot watch over `{name}`: {error}"))?;
    let watch = Watch { signals };
    let result = preparation::apply(&steps)
        .map_err(|error| console::chain(&error))
        .and_then(|()| {
            note_prepared(bundle);
            let attach = attaching::plan(&runtime).map_err(|error| console::chain(&error))?;
            watch.live(name, bundle, &attach)
        });
    take_away(&watch, name, path, &steps);
    result
}

/// Whatever is left of it.
fn take_away(watch: &Watch, name: &str, bundle: &Path, steps: &[Step]) {
    if let Ok(pid) = runtime_calls::delete(name) {
        watch.wait_for(pid, None);
    }
    preparation::undo(bundle, steps);
}

/// A file in `/run` says that a container was prepared in this boot.
fn was_prepared(bundle: &str) -> bool {
    mark(bundle).exists()
}

fn note_prepared(bundle: &str) {
    let mark = mark(bundle);
    let noted = fs::create_dir_all("/run/bedplate/prepared").and_then(|()| fs::write(&mark, ""));
    if let Err(error) = noted {
        console::warn(format_args!("write `{}`", mark.display()), &error);
    }
}

fn mark(bundle: &str) -> std::path::PathBuf {
    Path::new("/run/bedplate/prepared").join(bundle.trim_matches('/').replace('/', "-"))
}

struct Watch {
    signals: Signals,
}

impl Watch {
    /// Made, attached, let go and waited for; its exit status.
    fn live(&self, name: &str, bundle: &str, attach: &[attaching::Step]) -> Result<i32, String> {
        let cannot_run = |error: io::Error| format!("cannot run the container runtime: {error}");
        let making = output()
            .and_then(|output| runtime_calls::create(name, bundle, output))
            .map_err(cannot_run)?;
        if self.wait_for(making, None) != 0 {
            return Err(format!("the container `{name}` could not be made"));
        }
        let first = runtime_calls::first_process(name)
            .ok_or_else(|| format!("the first process of `{name}` is gone"))?;
        attaching::apply(attach, first).map_err(|error| console::chain(&error))?;
        let starting = output()
            .and_then(|output| runtime_calls::start(name, output))
            .map_err(cannot_run)?;
        if self.wait_for(starting, Some(first)) != 0 {
            return Err(format!("the container `{name}` could not be started"));
        }
        Ok(self.wait_for(first, Some(first)))
    }

    /// Waits for a process, reaping all others. A signal to end is passed on to `first`, and repeated as one
    /// that cannot be refused if it is not heeded.
    fn wait_for(&self, pid: u32, first: Option<u32>) -> i32 {
        let mut patience = None;
        loop {
            while let Some(Ended { pid: ended, code }) = children::reap() {
                if ended == pid {
                    return code;
                }
            }
            let waited = [(self.signals.descriptor(), Interest::Read)];
            let woken = polling::wait(&waited, patience).is_ok_and(|found| found[0].readable);
            let ending = self
                .signals
                .take()
                .iter()
                .any(|&signal| signal != Signal::CHILD);
            let Some(first) = first else { continue };
            if ending {
                let signal = children::terminating_signal(first);
                // It may have ended in this very moment.
                let _ = children::signal(first, signal);
                patience = Some(PATIENCE);
            } else if !woken && patience.is_some() {
                let _ = children::signal(first, Signal::KILL);
            }
        }
    }
}

/// Our own standard output, for the runtime and the container.
fn output() -> io::Result<OwnedFd> {
    io::stdout().as_fd().try_clone_to_owned()
}
