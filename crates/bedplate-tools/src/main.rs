//! What system containers of a host run: one program, whose first argument is what it does.
//!
//! ```text
//! format     makes a file system on an empty disk                   (disks)
//! extend     grows a file system to the end of its disk             (disks)
//! mount      mounts a file system where the host sees it            (disks)
//! swap       swaps to a file                                        (disks)
//! metadata   asks the cloud for name, keys and user data            (metadata)
//! logs       sends the logs of containers to a syslog server        (logs)
//! ```
//!
//! Each runs in a container that a fragment describes, under any init. What distributions make better (mkfs, sshd, a
//! clock) comes from packages, and is started by name where it is needed.

mod disks;
mod error;
mod logs;
mod metadata;
mod options;

use std::process::ExitCode;

use error::Error;
use options::Options;

type Result<T> = std::result::Result<T, Error>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let word = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    match run(&word, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format!("error: {}", error.chain()));
            if let Some(hint) = error.hint() {
                say(format!("hint: {hint}"));
            }
            match error {
                Error::Usage(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run(word: &str, arguments: &[String]) -> Result<()> {
    match word {
        "format" => disks::format::run(&Options::parse(arguments, disks::format::OPTIONS)?),
        "extend" => disks::extend::run(&Options::parse(arguments, disks::extend::OPTIONS)?),
        "mount" => disks::mount::run(&Options::parse(arguments, disks::mount::OPTIONS)?),
        "swap" => disks::swap::run(&Options::parse(arguments, disks::swap::OPTIONS)?),
        "metadata" => metadata::run(&Options::parse(arguments, metadata::OPTIONS)?),
        "logs" => logs::run(&Options::parse(arguments, logs::OPTIONS)?),
        _ => Err(Error::Usage(format!(
            "`{word}` is not one of format, extend, mount, swap, metadata and logs"
        ))),
    }
}

/// A line for whoever reads the container's log.
#[allow(
    clippy::print_stderr,
    reason = "a program's messages go to its container's log"
)]
fn say(line: impl std::fmt::Display) {
    eprintln!("{line}");
}
