//! Which container runs when: a state machine that decides and never acts.
//!
//! It is told what happened ([`Happening`]) and the time, and answers with what is to be done
//! ([`Action`]). It starts nothing, reads no clock and no file: the tests drive it with a list.

mod backoff;
mod deciding;
mod entry;
mod going_down;
mod probing;
mod starting;
#[cfg(test)]
mod tests;

use bedplate_boot::Host;
use bedplate_boot::control::Container;

pub use deciding::{Action, Happening};
pub use entry::{Entry, Role, UnitId};

/// Milliseconds since the kernel started.
pub type Millis = u64;

/// Between SIGTERM and SIGKILL.
pub const GRACE: Millis = 10_000;

/// How far the host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Onboot containers run, one after another.
    Onboot,
    /// Services run.
    Services,
    /// An onboot container failed: nothing more is started.
    Stopped,
    /// Services are being stopped.
    Stopping,
    /// Onshutdown containers run, one after another.
    Onshutdown,
    /// All is done.
    Down,
}

/// All containers of a host and where they stand.
#[derive(Debug)]
pub struct Supervisor {
    entries: Vec<Entry>,
    stage: Stage,
    /// Were all services settled once?
    up: bool,
}

impl Supervisor {
    /// A host of which nothing runs yet.
    pub fn new(host: &Host) -> Self {
        Self {
            entries: entry::entries(host),
            stage: Stage::Onboot,
            up: false,
        }
    }

    /// How far the host is.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// A container.
    pub fn entry(&self, id: UnitId) -> &Entry {
        &self.entries[id.0]
    }

    /// The container of this name; a service before others.
    pub fn find(&self, name: &str) -> Option<UnitId> {
        let named = |role: Option<Role>| {
            self.entries
                .iter()
                .position(|entry| entry.name == name && role.is_none_or(|role| entry.role == role))
        };
        named(Some(Role::Service))
            .or_else(|| named(None))
            .map(UnitId)
    }

    /// The container whose first process has this number.
    pub fn find_process(&self, pid: u32) -> Option<UnitId> {
        self.entries
            .iter()
            .position(|entry| entry.pid == Some(pid))
            .map(UnitId)
    }

    /// Is the first process of some container not known yet?
    pub fn any_creating(&self) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.phase == entry::Phase::Creating)
    }

    /// All containers, as the control protocol has them.
    pub fn containers(&self) -> Vec<Container> {
        self.entries.iter().map(Entry::container).collect()
    }
}
