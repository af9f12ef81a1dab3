//! Several servers with the same file: which one is asked next, and when it is time to give up.
//!
//! One that gives something is asked on; one that fails gives way to the next, and is asked again after a pause
//! that grows; one that cannot ever have the file is not asked again.

use std::time::Duration;

/// The longest pause before a server is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// What may come of asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It gave something, and then failed.
    AfterProgress,
    /// It may be better later: a server that restarts, a network that is not there yet.
    Transient,
    /// It will stay so: the file is not there, or is another one.
    Permanent,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask this one, after a pause.
    Ask {
        /// Its number, from 0.
        mirror: usize,
        /// How long to wait before.
        pause: Duration,
    },
    /// Nobody can help.
    GiveUp,
}

/// The state of all servers. Times count from any beginning, the same in each call.
#[derive(Debug)]
pub struct Mirrors {
    mirrors: Vec<Mirror>,
    patience: Duration,
    progress: Duration,
}

#[derive(Debug, Clone, Default)]
struct Mirror {
    failures: u32,
    ready: Duration,
    given_up: bool,
}

impl Mirrors {
    /// So many servers, in order of preference. After `patience` without progress, all are given up.
    pub fn new(count: usize, patience: Duration, now: Duration) -> Self {
        Self {
            mirrors: vec![Mirror::default(); count],
            patience,
            progress: now,
        }
    }

    /// Who is asked next?
    pub fn next(&self, now: Duration) -> Next {
        let alive = self
            .mirrors
            .iter()
            .enumerate()
            .filter(|(_, mirror)| !mirror.given_up);
        let soonest = alive.min_by_key(|(_, mirror)| (mirror.ready.max(now), mirror.failures));
        match soonest {
            Some((number, mirror)) => {
                let pause = mirror.ready.saturating_sub(now);
                match now + pause > self.progress + self.patience {
                    true => Next::GiveUp,
                    false => Next::Ask {
                        mirror: number,
                        pause,
                    },
                }
            }
            None => Next::GiveUp,
        }
    }

    /// A server failed.
    pub fn failed(&mut self, number: usize, failure: Failure, now: Duration) {
        let mirror = &mut self.mirrors[number];
        match failure {
            Failure::AfterProgress => {
                (mirror.failures, mirror.ready, self.progress) = (0, now, now);
            }
            Failure::Transient => {
                let pause = Duration::from_secs(1 << mirror.failures.min(8)).min(LONGEST_PAUSE);
                mirror.failures += 1;
                mirror.ready = now + pause;
            }
            Failure::Permanent => mirror.given_up = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Who is asked and when, if each failure takes no time.
    fn asked(mirrors: &mut Mirrors, failures: &[Failure]) -> Vec<(usize, u64)> {
        let mut now = Duration::ZERO;
        let mut asked = Vec::new();
        let mut failures = failures.iter().copied();
        while let Next::Ask { mirror, pause } = mirrors.next(now) {
            now += pause;
            asked.push((mirror, now.as_secs()));
            let Some(failure) = failures.next() else {
                return asked;
            };
            mirrors.failed(mirror, failure, now);
        }
        asked
    }

    #[test]
    fn a_failure_makes_way_for_the_next() {
        use Failure::Transient;
        let mut two = Mirrors::new(2, PATIENCE, at(0));
        assert_eq!(
            asked(&mut two, &[Transient; 100]),
            [
                (0, 0),
                (1, 0),
                (0, 1),
                (1, 1),
                (0, 3),
                (1, 3),
                (0, 7),
                (1, 7)
            ]
        );
    }

    #[test]
    fn one_that_gives_something_is_asked_on() {
        use Failure::{AfterProgress, Permanent, Transient};
        let mut two = Mirrors::new(2, PATIENCE, at(0));
        let failures = [
            Permanent,
            AfterProgress,
            AfterProgress,
            Transient,
            AfterProgress,
        ];
        assert_eq!(
            asked(&mut two, &failures),
            [(0, 0), (1, 0), (1, 0), (1, 0), (1, 1), (1, 1)]
        );
    }

    #[test]
    fn what_stays_missing_is_given_up_at_once() {
        let mut two = Mirrors::new(2, PATIENCE, at(0));
        assert_eq!(asked(&mut two, &[Failure::Permanent; 9]), [(0, 0), (1, 0)]);
        assert_eq!(Mirrors::new(0, PATIENCE, at(0)).next(at(0)), Next::GiveUp);
    }
}
