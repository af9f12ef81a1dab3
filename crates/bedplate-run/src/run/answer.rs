//! Asks a URL again and again until it answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::http::{self, HttpUrl};

/// A forwarded port accepts connections before anyone listens in the guest: each attempt needs its own limit.
const ATTEMPT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// An asker in a thread of its own, which ends when this is dropped.
pub(super) struct Asker {
    answers: mpsc::Receiver<u16>,
    stop: Arc<AtomicBool>,
}

impl Asker {
    pub fn start(url: HttpUrl) -> Self {
        let (sender, answers) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match http::get(&url, ATTEMPT) {
                    Ok(response) if (200..400).contains(&response.status) => {
                        // Whoever asked may have gone.
                        let _ = sender.send(response.status);
                        return;
                    }
                    _ => thread::sleep(PAUSE),
                }
            }
        });
        Self { answers, stop }
    }

    /// The status, once it answered.
    pub fn answer(&self) -> Option<u16> {
        self.answers.try_recv().ok()
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
