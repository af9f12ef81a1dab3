//! One container and where it stands.

use bedplate_boot::control::{Container, State};
use bedplate_boot::{Host, OnFailure, Ready, Restart, Service, Unit};

use super::Millis;
use super::backoff::Backoff;

/// Which container, by its place in the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(pub usize);

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs once, before the services.
    Onboot,
    /// Runs as long as the host does.
    Service,
    /// Runs once, when the host goes down.
    Onshutdown,
}

impl Role {
    /// As the control protocol and the layout of the host have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Onboot => "onboot",
            Self::Service => "service",
            Self::Onshutdown => "onshutdown",
        }
    }
}

/// Where a container stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// To be started when its turn comes.
    Waiting,
    /// The runtime makes it; its first process waits.
    Creating,
    /// The runtime lets its first process go.
    Launching,
    /// Its first process runs.
    Running {
        /// Is it ready?
        ready: bool,
    },
    /// Its first process ended; the runtime cleans up.
    Deleting,
    /// Waits to be started again.
    Delayed {
        /// Until then.
        until: Millis,
    },
    /// Does not run and is not started again by itself.
    Ended {
        /// Did it end with an error?
        failed: bool,
    },
}

/// A container, its rules and its present.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: String,
    pub role: Role,
    /// Directory of its OCI bundle.
    pub bundle: String,
    pub on_failure: OnFailure,
    pub restart: Restart,
    /// Services that must be ready first.
    pub after: Vec<UnitId>,
    pub ready: Option<Ready>,

    pub phase: Phase,
    /// Its first process, from creation until it has been reaped.
    pub pid: Option<u32>,
    /// Status of the last run.
    pub exit: Option<i32>,
    pub restarts: u32,
    /// Counts runs, so that an answer to an earlier run's probe is known as such.
    pub run: u32,
    pub(super) started: Millis,
    pub(super) backoff: Backoff,
    /// Asked to stop; SIGKILL follows at this time.
    pub(super) kill_at: Option<Millis>,
    /// Start it again as soon as it has ended, whatever its rules.
    pub(super) again: bool,
    /// Stopped on request: its rules do not start it again.
    pub(super) held: bool,
    /// Was ended because it did not become ready in time, or could not be started.
    pub(super) broken: bool,
    pub(super) probe_at: Option<Millis>,
    pub(super) give_up_at: Option<Millis>,
}

impl Entry {
    fn new(name: &str, role: Role, bundle: &str) -> Self {
        Self {
            name: name.to_owned(),
            role,
            bundle: bundle.to_owned(),
            on_failure: OnFailure::Stop,
            restart: Restart::No,
            after: Vec::new(),
            ready: None,
            phase: Phase::Waiting,
            pid: None,
            exit: None,
            restarts: 0,
            run: 0,
            started: 0,
            backoff: Backoff::default(),
            kill_at: None,
            again: false,
            held: false,
            broken: false,
            probe_at: None,
            give_up_at: None,
        }
    }

    fn from_unit(unit: &Unit, role: Role) -> Self {
        Self {
            on_failure: unit.on_failure,
            ..Self::new(&unit.name, role, &unit.bundle)
        }
    }

    fn from_service(service: &Service) -> Self {
        Self {
            restart: service.restart,
            ready: service.ready.clone(),
            ..Self::new(&service.name, Role::Service, &service.bundle)
        }
    }

    /// The id that the runtime knows it by: names are unique only within a role.
    pub fn runtime_id(&self) -> String {
        match self.role {
            Role::Service => self.name.clone(),
            // The number in the directory's name tells two onboot containers of one name apart.
            Role::Onboot | Role::Onshutdown => {
                let directory = self.bundle.rsplit('/').next().unwrap_or(&self.name);
                format!("{}-{directory}", self.role.word())
            }
        }
    }

    /// Its log file, without `.log`: as the runtime's id, with LinuxKit's dot.
    pub fn log_name(&self) -> String {
        match self.role {
            Role::Service => self.name.clone(),
            Role::Onboot | Role::Onshutdown => self.runtime_id().replacen('-', ".", 1),
        }
    }

    /// Does nothing of it exist?
    pub fn is_at_rest(&self) -> bool {
        matches!(
            self.phase,
            Phase::Waiting | Phase::Delayed { .. } | Phase::Ended { .. }
        )
    }

    /// What follows a run: another one, now or later, or none.
    pub(super) fn phase_after_run(&mut self, going_down: bool, now: Millis) -> Phase {
        self.kill_at = None;
        let failed = std::mem::take(&mut self.broken) || self.exit.is_none_or(|code| code != 0);
        let restarts = match self.restart {
            Restart::No => false,
            Restart::OnFailure => failed,
            Restart::Always => true,
        };
        if std::mem::take(&mut self.again) && !going_down {
            self.restarts += 1;
            Phase::Waiting
        } else if self.role != Role::Service {
            Phase::Ended { failed }
        } else if self.held || going_down {
            Phase::Ended { failed: false }
        } else if restarts {
            self.restarts += 1;
            let delay = self.backoff.after_run_of(now.saturating_sub(self.started));
            Phase::Delayed {
                until: now.saturating_add(delay),
            }
        } else {
            Phase::Ended { failed }
        }
    }

    /// May what comes after it start?
    pub(super) fn satisfies(&self) -> bool {
        match self.phase {
            Phase::Running { ready } => ready && self.kill_at.is_none(),
            Phase::Ended { failed } => !failed && !self.held,
            _ => false,
        }
    }

    /// As the control protocol has it.
    pub fn container(&self) -> Container {
        let state = match self.phase {
            Phase::Waiting => State::Waiting,
            Phase::Creating | Phase::Launching | Phase::Running { ready: false } => State::Starting,
            Phase::Running { ready: true } => State::Ready,
            Phase::Deleting | Phase::Delayed { .. } => State::Restarting,
            Phase::Ended { failed: false } => State::Stopped,
            Phase::Ended { failed: true } => State::Failed,
        };
        Container {
            name: self.name.clone(),
            role: self.role.word().to_owned(),
            state,
            pid: self.pid,
            exit: self.exit,
            restarts: self.restarts,
        }
    }
}

/// The containers of a host. A name in `after` that is none of its services is passed over: the builder
/// refuses those, and a host must boot.
pub(super) fn entries(host: &Host) -> Vec<Entry> {
    let onboot = host
        .onboot
        .iter()
        .map(|unit| Entry::from_unit(unit, Role::Onboot));
    let services = host.services.iter().map(Entry::from_service);
    let onshutdown = host
        .onshutdown
        .iter()
        .map(|unit| Entry::from_unit(unit, Role::Onshutdown));
    let mut entries: Vec<Entry> = onboot.chain(services).chain(onshutdown).collect();
    let first_service = host.onboot.len();
    for (at, service) in host.services.iter().enumerate() {
        let place = |name: &String| host.services.iter().position(|other| other.name == *name);
        let after = service
            .after
            .iter()
            .filter_map(place)
            .map(|place| UnitId(first_service + place));
        entries[first_service + at].after = after.collect();
    }
    entries
}
