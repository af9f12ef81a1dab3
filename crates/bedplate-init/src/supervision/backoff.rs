//! How long to wait before a service that ended is started again.

use super::Millis;

const FIRST: Millis = 100;
const LONGEST: Millis = 30_000;
/// A run of this length shows that the service works.
const GOOD_RUN: Millis = 60_000;

/// The delay before the next attempt, doubled from attempt to attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The delay after a run that took so long.
    pub fn after_run_of(&mut self, ran: Millis) -> Millis {
        if ran >= GOOD_RUN {
            self.attempts = 0;
        }
        let delay = FIRST
            .saturating_mul(1 << self.attempts.min(20))
            .min(LONGEST);
        self.attempts = self.attempts.saturating_add(1);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_half_a_minute_and_fall_back_after_a_good_run() {
        let mut backoff = Backoff::default();
        let delays: Vec<Millis> = (0..11).map(|_| backoff.after_run_of(5)).collect();
        assert_eq!(
            delays,
            [
                100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000
            ]
        );
        assert_eq!(backoff.after_run_of(59_999), 30_000);
        assert_eq!(backoff.after_run_of(60_000), 100);
    }
}
