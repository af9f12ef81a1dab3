//! How many lines of one container the console gets: bursts pass, floods do not.

use crate::supervision::Millis;

const BURST: u64 = 200;
const PER_SECOND: u64 = 20;

/// A bucket of lines that fills with time.
#[derive(Debug)]
pub struct Flood {
    /// Lines that may pass now, in thousandths.
    left: u64,
    filled: Millis,
    held_back: u64,
}

impl Default for Flood {
    fn default() -> Self {
        Self {
            left: BURST * 1000,
            filled: 0,
            held_back: 0,
        }
    }
}

impl Flood {
    /// May one more line pass?
    pub fn lets_pass(&mut self, now: Millis) -> bool {
        let fresh = now.saturating_sub(self.filled).saturating_mul(PER_SECOND);
        self.left = self.left.saturating_add(fresh).min(BURST * 1000);
        self.filled = now;
        if self.left < 1000 {
            self.held_back += 1;
            return false;
        }
        self.left -= 1000;
        true
    }

    /// How many did not pass since this was asked last.
    pub fn take_held_back(&mut self) -> Option<u64> {
        let count = std::mem::take(&mut self.held_back);
        (count > 0).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_flood_is_counted() {
        let mut flood = Flood::default();
        let passed = (0..1000).filter(|_| flood.lets_pass(5)).count();
        assert_eq!(passed, 200);
        assert_eq!(flood.take_held_back(), Some(800));
        assert_eq!(flood.take_held_back(), None);
        assert!(!flood.lets_pass(6));
        assert!(flood.lets_pass(60));
    }
}
