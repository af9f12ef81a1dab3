//! What the guest wrote to its console, as far back as is worth keeping.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many bytes are kept at least, and twice as many at most.
const KEPT: usize = 512 << 10;

/// The text of a console, which grows while the guest runs. Clones are the same console.
#[derive(Debug, Clone, Default)]
pub struct Console(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    closed: bool,
}

impl Console {
    /// Adds what was written.
    pub(crate) fn push(&self, bytes: &[u8]) {
        let mut state = self.lock();
        state.bytes.extend_from_slice(bytes);
        if state.bytes.len() > 2 * KEPT {
            let excess = state.bytes.len() - KEPT;
            state.bytes.drain(..excess);
        }
        self.0.changed.notify_all();
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.0.changed.notify_all();
    }

    /// All that is kept.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    /// Is `pattern` in what is kept?
    pub fn contains(&self, pattern: &str) -> bool {
        contains(&self.lock().bytes, pattern)
    }

    /// Waits until `pattern` is there: `false` if it is not within `limit`, or the console closed.
    pub fn wait_for(&self, pattern: &str, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if contains(&state.bytes, pattern) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                return false;
            }
            state = self
                .0
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// The last `lines` lines.
    pub fn tail(&self, lines: usize) -> String {
        let text = self.text();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn contains(bytes: &[u8], pattern: &str) -> bool {
    pattern.is_empty()
        || bytes
            .windows(pattern.len())
            .any(|window| window == pattern.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_when_the_text_comes_or_the_console_closes() {
        let console = Console::default();
        let writer = console.clone();
        let thread = std::thread::spawn(move || {
            writer.push(b"one\ntw");
            writer.push(b"o\nthree");
            writer.close();
        });
        assert!(console.wait_for("two", Duration::from_secs(10)));
        assert!(!console.wait_for("four", Duration::from_secs(10)));
        thread.join().unwrap();
        assert_eq!(console.tail(2), "two\nthree");
    }

    #[test]
    fn a_long_run_keeps_the_end_only() {
        let console = Console::default();
        for _ in 0..40 {
            console.push(&[b'x'; 64 << 10]);
        }
        console.push(b"end");
        assert!(console.text().len() <= 2 * KEPT);
        assert!(console.contains("end"));
    }
}
