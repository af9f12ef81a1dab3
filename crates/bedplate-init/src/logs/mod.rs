//! What containers write: a file for each, and the console.
//!
//! ```text
//! /var/log/NAME.log      2026-11-21T03:33:06.123Z LINE     (the youngest; then NAME.log.1, NAME.log.2)
//! console                [NAME] LINE                       (a flood is cut short)
//! ```

mod flood;
mod kept;
mod lines;
mod stamp;

use std::time::SystemTime;

use flood::Flood;
pub use kept::{KeptLog, tail};
use lines::LineSplitter;

use crate::supervision::Millis;

/// The log of a container while it runs.
#[derive(Debug)]
pub struct Log {
    name: String,
    splitter: LineSplitter,
    kept: KeptLog,
    flood: Flood,
}

/// What came of some output.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Logged {
    /// As it went into the file.
    pub kept: String,
    /// For the console.
    pub console: String,
}

impl Log {
    /// The log of the container `name`, whose files are called `file`.
    pub fn new(name: &str, file: &str) -> Self {
        Self {
            name: name.to_owned(),
            splitter: LineSplitter::default(),
            kept: KeptLog::open(file),
            flood: Flood::default(),
        }
    }

    /// Takes output.
    pub fn write(&mut self, bytes: &[u8], now: Millis) -> Logged {
        let lines = self.splitter.split(bytes);
        self.log(lines, now)
    }

    /// Takes what is left of a line that never ended.
    pub fn finish(&mut self, now: Millis) -> Logged {
        let lines = self.splitter.rest().into_iter().collect();
        let mut logged = self.log(lines, now);
        if let Some(count) = self.flood.take_held_back() {
            logged.console.push_str(&held_back(&self.name, count));
        }
        logged
    }

    fn log(&mut self, lines: Vec<String>, now: Millis) -> Logged {
        let mut logged = Logged::default();
        if lines.is_empty() {
            return logged;
        }
        let stamp = stamp::utc(SystemTime::now());
        for line in lines {
            logged.kept.push_str(&format!("{stamp} {line}\n"));
            if self.flood.lets_pass(now) {
                if let Some(count) = self.flood.take_held_back() {
                    logged.console.push_str(&held_back(&self.name, count));
                }
                logged
                    .console
                    .push_str(&format!("[{}] {}\n", self.name, lines::shorten(&line)));
            }
        }
        self.kept.append(logged.kept.as_bytes());
        logged
    }
}

fn held_back(name: &str, count: u64) -> String {
    format!("[{name}] … {count} lines are not shown here; see `bedctl logs {name}`\n")
}
