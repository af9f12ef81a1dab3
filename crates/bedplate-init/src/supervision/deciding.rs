//! What happens, and what is to be done about it.

use bedplate_boot::control::Container;

use super::entry::{Entry, Phase, Role, UnitId};
use super::{Millis, Stage, Supervisor};

/// What the world tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// The host may begin.
    Begin,
    /// The runtime made a container, or not; its first process.
    Created(UnitId, Result<u32, String>),
    /// The runtime let the first process go, or not.
    Launched(UnitId, Result<(), String>),
    /// The first process ended.
    Exited(UnitId, i32),
    /// The runtime cleaned up.
    Deleted(UnitId),
    /// A probe of this run of the container passed, or not.
    Probed(UnitId, u32, bool),
    /// Someone asks for a start.
    Start(UnitId),
    /// Someone asks for a stop.
    Stop(UnitId),
    /// Someone asks for a stop and a start.
    Restart(UnitId),
    /// Someone asks for the end. Asked again, the way down waits for no onshutdown container.
    GoDown,
    /// Time went by.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Prepare its file system and have the runtime make it: [`Happening::Created`] follows.
    Create(UnitId),
    /// Give it its interfaces and have the runtime let it go: [`Happening::Launched`] follows.
    Launch(UnitId),
    /// Ask its first process to end.
    Terminate(UnitId),
    /// End its first process.
    Kill(UnitId),
    /// End the runtime, which has been making or starting it for too long.
    Abandon(UnitId),
    /// Have the runtime clean up: [`Happening::Deleted`] follows.
    Delete(UnitId),
    /// Find out whether it is ready: [`Happening::Probed`] follows.
    Probe(UnitId),
    /// Tell who listens that its state changed.
    Report(Container),
    /// Tell people.
    Say(String),
    /// Tell who listens that every service is settled.
    Up,
    /// The boot stopped.
    StopBoot(String),
    /// Nothing of the containers is left: end the machine.
    End,
}

impl Supervisor {
    /// Takes note of what happened and says what is to be done.
    pub fn decide(&mut self, happening: Happening, now: Millis) -> Vec<Action> {
        let mut actions = Vec::new();
        match happening {
            Happening::Begin | Happening::Tick => {}
            Happening::Created(id, Ok(pid)) => self.created(id, pid, &mut actions),
            Happening::Launched(id, Ok(())) => self.launched(id, now, &mut actions),
            Happening::Created(id, Err(message)) | Happening::Launched(id, Err(message)) => {
                self.not_started(id, &message, now, &mut actions);
            }
            Happening::Exited(id, code) => self.exited(id, code, now, &mut actions),
            Happening::Deleted(id) => self.deleted(id, now, &mut actions),
            Happening::Probed(id, run, passed) => self.probed(id, run, passed, now, &mut actions),
            Happening::Start(id) => self.start_asked(id, &mut actions),
            Happening::Stop(id) => self.stop_asked(id, now, &mut actions),
            Happening::Restart(id) => {
                self.stop_asked(id, now, &mut actions);
                self.start_asked(id, &mut actions);
            }
            Happening::GoDown => self.go_down(now, &mut actions),
        }
        self.pass_time(now, &mut actions);
        self.advance(now, &mut actions);
        actions
    }

    /// When [`Happening::Tick`] is due next.
    pub fn next_deadline(&self) -> Option<Millis> {
        let of_entry = |entry: &Entry| {
            let delay = match entry.phase {
                Phase::Delayed { until } => Some(until),
                _ => None,
            };
            [delay, entry.kill_at, entry.probe_at, entry.give_up_at]
                .into_iter()
                .flatten()
                .min()
        };
        self.entries.iter().filter_map(of_entry).min()
    }

    pub(super) fn ids(&self, role: Role) -> Vec<UnitId> {
        (0..self.entries.len())
            .filter(|&at| self.entries[at].role == role)
            .map(UnitId)
            .collect()
    }

    pub(super) fn set(&mut self, id: UnitId, phase: Phase, actions: &mut Vec<Action>) {
        self.entries[id.0].phase = phase;
        actions.push(Action::Report(self.entries[id.0].container()));
    }

    fn created(&mut self, id: UnitId, pid: u32, actions: &mut Vec<Action>) {
        let entry = &mut self.entries[id.0];
        entry.pid = Some(pid);
        if entry.kill_at.is_some() {
            // It was asked to stop while it was made.
            entry.phase = Phase::Running { ready: false };
            actions.push(Action::Kill(id));
        } else {
            entry.phase = Phase::Launching;
            actions.push(Action::Launch(id));
        }
    }

    fn launched(&mut self, id: UnitId, now: Millis, actions: &mut Vec<Action>) {
        let entry = &mut self.entries[id.0];
        entry.started = now;
        entry.run += 1;
        if entry.pid.is_none() {
            // It had ended before the runtime told that it had begun.
            entry.phase = Phase::Deleting;
            actions.push(Action::Delete(id));
            return;
        }
        let probed = entry.ready.as_ref().map(|ready| ready.timeout_ms);
        entry.probe_at = probed.map(|_| now);
        entry.give_up_at = probed.map(|timeout| now.saturating_add(timeout));
        self.set(
            id,
            Phase::Running {
                ready: probed.is_none(),
            },
            actions,
        );
        if self.entries[id.0].kill_at.is_some() {
            actions.push(Action::Terminate(id));
        }
    }

    fn not_started(&mut self, id: UnitId, message: &str, now: Millis, actions: &mut Vec<Action>) {
        let entry = &mut self.entries[id.0];
        actions.push(Action::Say(format!(
            "cannot start `{}`: {message}",
            entry.name
        )));
        entry.started = now;
        entry.broken = true;
        if entry.pid.is_some() {
            // Made but not let go: its first process is ended, and that brings it to an end.
            entry.phase = Phase::Running { ready: false };
            actions.push(Action::Kill(id));
        } else {
            entry.phase = Phase::Deleting;
            actions.push(Action::Delete(id));
        }
    }

    fn exited(&mut self, id: UnitId, code: i32, now: Millis, actions: &mut Vec<Action>) {
        let entry = &mut self.entries[id.0];
        entry.pid = None;
        entry.exit = Some(code);
        entry.probe_at = None;
        entry.give_up_at = None;
        if let Phase::Running { .. } = entry.phase {
            entry.phase = Phase::Deleting;
            if entry.role == Role::Service && entry.kill_at.is_none() && !entry.broken {
                let ran = now.saturating_sub(entry.started);
                actions.push(Action::Say(format!(
                    "`{}` {} after {}",
                    entry.name,
                    ended(code),
                    seconds(ran)
                )));
            }
            actions.push(Action::Delete(id));
        }
    }

    fn deleted(&mut self, id: UnitId, now: Millis, actions: &mut Vec<Action>) {
        let going_down = !matches!(self.stage, Stage::Onboot | Stage::Services | Stage::Stopped);
        let entry = &mut self.entries[id.0];
        let phase = entry.phase_after_run(going_down, now);
        if phase == (Phase::Ended { failed: true })
            && entry.role != Role::Service
            && let Some(code) = entry.exit
        {
            let (role, name) = (entry.role.word(), &entry.name);
            actions.push(Action::Say(format!(
                "{role} container `{name}` {}",
                ended(code)
            )));
        }
        self.set(id, phase, actions);
    }

    fn start_asked(&mut self, id: UnitId, actions: &mut Vec<Action>) {
        let entry = &mut self.entries[id.0];
        entry.held = false;
        match entry.phase {
            Phase::Ended { .. } | Phase::Delayed { .. } => self.set(id, Phase::Waiting, actions),
            Phase::Deleting => entry.again = true,
            _ if entry.kill_at.is_some() => entry.again = true,
            _ => {}
        }
    }

    pub(super) fn stop_asked(&mut self, id: UnitId, now: Millis, actions: &mut Vec<Action>) {
        let entry = &mut self.entries[id.0];
        entry.held = true;
        entry.again = false;
        match entry.phase {
            Phase::Waiting | Phase::Delayed { .. } => {
                self.set(id, Phase::Ended { failed: false }, actions)
            }
            Phase::Creating | Phase::Launching => {
                entry.kill_at = Some(now.saturating_add(super::GRACE))
            }
            Phase::Running { .. } if entry.kill_at.is_none() => {
                entry.kill_at = Some(now.saturating_add(super::GRACE));
                actions.push(Action::Terminate(id));
            }
            _ => {}
        }
    }
}

/// How a process ended, as a verb.
pub(super) fn ended(code: i32) -> String {
    match code {
        0 => "ended".to_owned(),
        code @ 129..=192 => format!("was ended by signal {}", code - 128),
        code => format!("failed with status {code}"),
    }
}

fn seconds(time: Millis) -> String {
    format!("{}.{} s", time / 1000, time % 1000 / 100)
}
