//! PID 1 of a host, and its control tool: one program that is what it is called.
//!
//! ```text
//! PID 1                        boots the host and runs it (boot, then engine), or finds its root (boot, then finding)
//! bedctl                       talks to PID 1 (bedctl)
//! poweroff, reboot, halt       bedctl poweroff, bedctl reboot
//! modprobe                     loads modules for the kernel (machine::modules)
//! ```

mod bedctl;
mod boot;
mod console;
mod containers;
mod control;
mod engine;
mod finding;
mod logs;
mod machine;
mod supervision;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    match name {
        "modprobe" => boot::load_for_kernel(&rest),
        "poweroff" | "halt" => bedctl::run(&["poweroff".to_owned()]),
        "reboot" => bedctl::run(&["reboot".to_owned()]),
        _ if std::process::id() == 1 => boot::boot(&rest),
        _ => bedctl::run(&rest),
    }
}
