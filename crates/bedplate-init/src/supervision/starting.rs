//! The way up: onboot containers one after another, then services as what they come after is ready.

use bedplate_boot::OnFailure;

use super::deciding::{Action, ended};
use super::entry::{Phase, Role, UnitId};
use super::{Millis, Stage, Supervisor};

impl Supervisor {
    /// Starts what may start now.
    pub(super) fn advance(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if self.stage == Stage::Onboot {
            self.next_onboot(actions);
        }
        if self.stage == Stage::Services {
            self.next_services(actions);
        }
        self.advance_down(now, actions);
    }

    fn next_onboot(&mut self, actions: &mut Vec<Action>) {
        for id in self.ids(Role::Onboot) {
            let entry = &self.entries[id.0];
            match entry.phase {
                Phase::Waiting => return self.create(id, actions),
                Phase::Ended { failed: true } if entry.on_failure == OnFailure::Stop => {
                    let how = entry.exit.map_or("could not be started".to_owned(), ended);
                    let message = format!("onboot container `{}` {how}", entry.name);
                    self.stage = Stage::Stopped;
                    actions.push(Action::StopBoot(message));
                    return;
                }
                Phase::Ended { .. } => {}
                _ => return,
            }
        }
        self.stage = Stage::Services;
    }

    fn next_services(&mut self, actions: &mut Vec<Action>) {
        let services = self.ids(Role::Service);
        for &id in &services {
            let entry = &self.entries[id.0];
            let may_start = entry
                .after
                .iter()
                .all(|before| self.entries[before.0].satisfies());
            if entry.phase == Phase::Waiting && may_start {
                self.create(id, actions);
            }
        }
        let settled = |id: &UnitId| match self.entries[id.0].phase {
            Phase::Running { ready } => ready,
            Phase::Ended { .. } => true,
            // What it comes after has failed or was stopped, and is not started again by itself.
            Phase::Waiting => self.waits_in_vain(*id, 0),
            _ => false,
        };
        if !self.up && services.iter().all(settled) {
            self.up = true;
            actions.push(Action::Up);
        }
    }

    fn waits_in_vain(&self, id: UnitId, depth: usize) -> bool {
        let in_vain = |before: &UnitId| {
            let before_entry = &self.entries[before.0];
            match before_entry.phase {
                Phase::Ended { .. } => !before_entry.satisfies(),
                // The builder refuses circles; a depth that no chain reaches ends one all the same.
                Phase::Waiting => {
                    depth > self.entries.len() || self.waits_in_vain(*before, depth + 1)
                }
                _ => false,
            }
        };
        self.entries[id.0].after.iter().any(in_vain)
    }

    pub(super) fn create(&mut self, id: UnitId, actions: &mut Vec<Action>) {
        self.entries[id.0].exit = None;
        self.set(id, Phase::Creating, actions);
        actions.push(Action::Create(id));
    }
}
