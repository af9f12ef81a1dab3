//! `bedctl`: lists, starts, stops and reads the logs of what PID 1 runs.

mod arguments;
mod client;
mod printing;

use std::io::Write;
use std::process::ExitCode;

use arguments::{Command, HELP, Invocation};

/// A host said no, or could not be asked.
const FAILED: u8 = 1;
/// The command line was wrong.
const MISUSED: u8 = 2;

/// Does what the arguments say.
pub fn run(arguments: &[String]) -> ExitCode {
    match arguments::parse(arguments) {
        Ok(Invocation {
            command: Command::Help,
            ..
        }) => {
            print(HELP.as_bytes());
            ExitCode::SUCCESS
        }
        Ok(Invocation {
            command: Command::Version,
            ..
        }) => {
            print(concat!("bedctl ", env!("CARGO_PKG_VERSION"), "\n").as_bytes());
            ExitCode::SUCCESS
        }
        Ok(invocation) => match client::carry_out(&invocation) {
            Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(FAILED)),
            Err(error) => complain(&crate::console::chain(&error), FAILED),
        },
        Err(message) => complain(&format!("{message}\nhint: see `bedctl --help`"), MISUSED),
    }
}

fn complain(message: &str, code: u8) -> ExitCode {
    crate::console::write(&format!("bedctl: {message}\n"));
    ExitCode::from(code)
}

/// Writes to standard output. Whoever closed it wants no more.
fn print(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}
