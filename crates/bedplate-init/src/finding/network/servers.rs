//! Asking several servers until one gives what is wanted.

use std::time::Duration;

use bedplate_boot::CommandLine;
use bedplate_finding::http::Url;
use bedplate_finding::mirrors::{Failure, Mirrors, Next};
use bedplate_sys::machine as system;

use super::connection::Client;
use crate::console;
use crate::finding::stopping::Stop;

/// After so many seconds without progress all servers are given up, unless the command line says.
const PATIENCE: u64 = 90;

/// How servers are asked.
#[derive(Debug)]
pub struct Servers<'a> {
    /// What asks them.
    pub client: &'a Client,
    patience: Duration,
}

/// Why one attempt failed, and whether another may do better.
pub struct Attempt {
    /// What may come of asking again.
    pub failure: Failure,
    /// Why, as a sentence.
    pub why: String,
}

impl<'a> Servers<'a> {
    /// As the command line says.
    pub fn new(client: &'a Client, line: &CommandLine) -> Self {
        Self {
            client,
            patience: Duration::from_secs(line.wait.map_or(PATIENCE, |wait| wait * 3)),
        }
    }

    /// Tries `attempt` with one URL after another, until one succeeds or all are given up. `what` is wanted.
    pub fn ask<T>(
        &self,
        what: &str,
        urls: &[Url],
        mut attempt: impl FnMut(&Url) -> Result<T, Attempt>,
    ) -> Result<T, Stop> {
        let mut mirrors = Mirrors::new(urls.len(), self.patience, system::uptime());
        let mut reasons = vec![None; urls.len()];
        loop {
            let Next::Ask { mirror, pause } = mirrors.next(system::uptime()) else {
                let reasons = urls
                    .iter()
                    .zip(&reasons)
                    .filter_map(|(url, reason)| Some(format!("{url}: {}", reason.as_deref()?)));
                let reasons: Vec<String> = reasons.collect();
                return Err(Stop::new(format!(
                    "no server gave {what}: {}",
                    reasons.join("; ")
                )));
            };
            std::thread::sleep(pause);
            match attempt(&urls[mirror]) {
                Ok(value) => return Ok(value),
                Err(Attempt { failure, why }) => {
                    if reasons[mirror].as_deref() != Some(why.as_str()) {
                        console::say(format_args!("{}: {why}", urls[mirror]));
                    }
                    reasons[mirror] = Some(why);
                    mirrors.failed(mirror, failure, system::uptime());
                }
            }
        }
    }
}
