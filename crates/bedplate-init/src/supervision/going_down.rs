//! The way down: services in reverse order, then onshutdown, then the end.

use super::deciding::Action;
use super::entry::{Phase, Role, UnitId};
use super::{Millis, Stage, Supervisor};

impl Supervisor {
    pub(super) fn go_down(&mut self, now: Millis, actions: &mut Vec<Action>) {
        match self.stage {
            Stage::Onboot | Stage::Services | Stage::Stopped => self.stage = Stage::Stopping,
            Stage::Onshutdown => {
                for id in self.ids(Role::Onshutdown) {
                    self.stop_asked(id, now, actions);
                }
            }
            Stage::Stopping | Stage::Down => {}
        }
    }

    pub(super) fn advance_down(&mut self, now: Millis, actions: &mut Vec<Action>) {
        if self.stage == Stage::Stopping {
            self.stop_what_nothing_needs(now, actions);
            let running = |id: &UnitId| !self.entry(*id).is_at_rest();
            if !self
                .ids(Role::Service)
                .iter()
                .chain(&self.ids(Role::Onboot))
                .any(running)
            {
                self.stage = Stage::Onshutdown;
            }
        }
        if self.stage == Stage::Onshutdown && self.next_onshutdown(actions) {
            self.stage = Stage::Down;
            actions.push(Action::End);
        }
    }

    /// A service is stopped when all that come after it are at rest.
    fn stop_what_nothing_needs(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let services = self.ids(Role::Service);
        for id in services.iter().copied().chain(self.ids(Role::Onboot)) {
            let needed = services.iter().any(|other| {
                self.entry(*other).after.contains(&id) && !self.entry(*other).is_at_rest()
            });
            let stands = !matches!(self.entry(id).phase, Phase::Ended { .. } | Phase::Deleting);
            if stands && !needed && self.entry(id).kill_at.is_none() {
                self.stop_asked(id, now, actions);
            }
        }
    }

    /// Starts the next onshutdown container; `true` when all are through. A failure stops nothing.
    fn next_onshutdown(&mut self, actions: &mut Vec<Action>) -> bool {
        for id in self.ids(Role::Onshutdown) {
            match self.entry(id).phase {
                Phase::Waiting => {
                    self.create(id, actions);
                    return false;
                }
                Phase::Ended { .. } => {}
                _ => return false,
            }
        }
        true
    }
}
