//! The policy of `bedplate run`: prepare, start, wait, execute, power off.

mod answer;
mod keyboard;
mod prepare;
mod session;

use std::sync::mpsc;

use bedplate_sys::qemu::{self, Accelerator, AcceleratorChoice};

use crate::error::RunError;
use crate::event::{RunEvent, RunOutcome};
use crate::machine::Machine;
use crate::options::{ConsoleTo, RunOptions};
use crate::ports;
use keyboard::Keyboard;
pub use prepare::Prepared;
use session::{Finished, Session};

/// So often is a port chosen anew that somebody else took meanwhile.
const PORT_ATTEMPTS: usize = 5;

/// Runs a host until it has gone down, and tells `on_event` what happens.
///
/// # Errors
/// When the host cannot be started, is not up or does not answer in time, or ends too early. What the host itself
/// ends with, a failed boot or a failed command, is no error but part of the outcome.
pub fn run(
    options: &RunOptions,
    on_event: &mut dyn FnMut(RunEvent),
) -> Result<RunOutcome, RunError> {
    let mut prepared = Prepared::new(options)?;
    let keyboard = match options.console {
        ConsoleTo::Stdio if !options.is_script() => Some(Keyboard::attach()?),
        _ => None,
    };
    let mut ports_left = PORT_ATTEMPTS;
    loop {
        let (sender, events) = mpsc::channel();
        let machine = Machine::start(&prepared.machine, sender)?;
        if let Some(keyboard) = &keyboard {
            keyboard.lead_to(&machine)?;
        }
        on_event(prepared.started(&machine));
        let fallback = options.accelerator == AcceleratorChoice::Auto;
        let session = Session::new(options, &prepared, &machine, events, on_event)?;
        match session.drive() {
            Ok(Finished::Outcome(outcome)) => return Ok(outcome),
            Ok(Finished::AcceleratorFailed(message)) if fallback => {
                options
                    .cache
                    .iter()
                    .for_each(|cache| qemu::remember_failure(cache));
                on_event(RunEvent::AcceleratorFailed { message });
                prepared.machine.accelerator = Accelerator::Tcg;
                prepared.reason = "guests die under kvm".to_owned();
            }
            Ok(Finished::AcceleratorFailed(message)) => {
                return Err(RunError::NotStarted { message });
            }
            Ok(Finished::PortTaken(_)) if ports_left > 0 && prepared.chose_ports(options) => {
                ports_left -= 1;
                prepared.machine.forwards =
                    ports::settle(&options.publish).map_err(RunError::io("find a free port"))?;
            }
            Ok(Finished::PortTaken(message)) => {
                return Err(RunError::option(
                    message,
                    "publish another port, or leave the port here out",
                ));
            }
            Err(error) => return Err(error),
        }
    }
}
