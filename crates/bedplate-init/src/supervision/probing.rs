//! Readiness, and other things that time brings.

use super::deciding::Action;
use super::entry::{Phase, UnitId};
use super::{Millis, Supervisor};

impl Supervisor {
    pub(super) fn probed(
        &mut self,
        id: UnitId,
        run: u32,
        passed: bool,
        now: Millis,
        actions: &mut Vec<Action>,
    ) {
        let entry = &mut self.entries[id.0];
        if entry.run != run
            || entry.phase != (Phase::Running { ready: false })
            || entry.give_up_at.is_none()
        {
            return;
        }
        if passed {
            entry.probe_at = None;
            entry.give_up_at = None;
            self.set(id, Phase::Running { ready: true }, actions);
        } else {
            let interval = entry
                .ready
                .as_ref()
                .map_or(1000, |ready| ready.interval_ms.max(10));
            entry.probe_at = Some(now.saturating_add(interval));
        }
    }

    /// Does what has become due.
    pub(super) fn pass_time(&mut self, now: Millis, actions: &mut Vec<Action>) {
        for id in (0..self.entries.len()).map(UnitId) {
            let entry = &mut self.entries[id.0];
            let due = |time: Option<Millis>| time.is_some_and(|time| time <= now);
            if let Phase::Delayed { until } = entry.phase
                && until <= now
            {
                entry.phase = Phase::Waiting;
            }
            if due(entry.kill_at) {
                let overdue = match entry.phase {
                    Phase::Running { .. } => Some(Action::Kill(id)),
                    Phase::Creating | Phase::Launching => Some(Action::Abandon(id)),
                    _ => None,
                };
                // Once is enough: nothing survives it but a process that the kernel itself holds.
                entry.kill_at = Some(Millis::MAX);
                actions.extend(overdue);
            }
            if due(entry.give_up_at) {
                self.give_up(id, now, actions);
            } else if due(entry.probe_at) {
                entry.probe_at = None;
                actions.push(Action::Probe(id));
            }
        }
    }

    fn give_up(&mut self, id: UnitId, now: Millis, actions: &mut Vec<Action>) {
        let entry = &mut self.entries[id.0];
        entry.give_up_at = None;
        entry.probe_at = None;
        entry.broken = true;
        let waited = now.saturating_sub(entry.started);
        actions.push(Action::Say(format!(
            "`{}` did not become ready within {waited} ms",
            entry.name
        )));
        entry.kill_at = Some(now.saturating_add(super::GRACE));
        actions.push(Action::Terminate(id));
    }
}
