//! The OCI runtime of a host: libcontainer behind the command line that runc and crun share.
//!
//! PID 1 starts it afresh for each step of a container's life: it does one thing and ends, so nothing of it
//! stays in memory. It has one thread, because it forks. What a `config.json` asks for and this runtime
//! does not do is told on standard error, never dropped in silence (`honouring`).

mod arguments;
mod bundle;
mod devices;
mod honouring;
mod host_devices;
mod network;
mod operations;
mod reporting;
mod workload;

use std::process::ExitCode;

/// As runc and crun have it: a status that commands run by `exec` seldom use themselves.
const FAILED: u8 = 255;

fn main() -> ExitCode {
    reporting::print_errors();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments::parse(&arguments) {
        Ok(invocation) => operations::carry_out(&invocation),
        Err(message) => Err(operations::OperationError::Misused(message)),
    };
    match result {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            reporting::print(&reporting::chain(&error));
            ExitCode::from(FAILED)
        }
    }
}
