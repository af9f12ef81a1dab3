//! One machine from its start to its end.

use std::fs::File;
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use bedplate_boot::bytes_from_text;
use bedplate_boot::control::{Event, Reply, Request};
use bedplate_sys::qemu::{self, Accelerator};
use bedplate_types::ByteSize;

use super::answer::Asker;
use super::prepare::Prepared;
use crate::error::RunError;
use crate::event::{End, RunEvent, RunOutcome};
use crate::machine::{Machine, MachineEvent};
use crate::options::{ConsoleTo, Exec, RunOptions};

/// So long may a host take to go down before it is killed.
const GOING_DOWN: Duration = Duration::from_secs(60);
/// The same for a host that does not speak the control protocol: it may not know the power button.
const GOING_DOWN_UNASKED: Duration = Duration::from_secs(10);
/// How often everything is looked at when nothing happens.
const TICK: Duration = Duration::from_millis(50);
/// Lines of the console in an error.
const TAIL: usize = 30;

/// What came of a session.
pub(super) enum Finished {
    /// The machine ran and ended.
    Outcome(RunOutcome),
    /// The guest died of its accelerator.
    AcceleratorFailed(String),
    /// QEMU could not listen on a port.
    PortTaken(String),
}

/// What is known of the machine.
#[derive(Default)]
struct Known {
    hello: bool,
    up: bool,
    boot_failure: Option<String>,
    down: Option<(String, i32)>,
    said: Vec<String>,
    console_began: bool,
    ended: bool,
    exec: Option<i32>,
    interrupted: bool,
    killed: bool,
    /// Ended by us, as nothing else ends a host that does not know the power button.
    let_go: bool,
}

pub(super) struct Session<'a> {
    options: &'a RunOptions,
    machine: &'a Machine,
    accelerator: Accelerator,
    memory: ByteSize,
    url: Option<crate::http::HttpUrl>,
    events: Receiver<MachineEvent>,
    on_event: &'a mut dyn FnMut(RunEvent),
    console_file: Option<File>,
    known: Known,
}

/// Why the work of a session stopped before its end.
enum Stop {
    /// The machine ended, the boot failed, or the user interrupted: the outcome tells.
    Early,
    /// The work could not be done.
    Error(RunError),
}

impl From<RunError> for Stop {
    fn from(error: RunError) -> Self {
        Self::Error(error)
    }
}

impl<'a> Session<'a> {
    pub fn new(
        options: &'a RunOptions,
        prepared: &Prepared,
        machine: &'a Machine,
        events: Receiver<MachineEvent>,
        on_event: &'a mut dyn FnMut(RunEvent),
    ) -> Result<Self, RunError> {
        let console_file = match &options.console {
            ConsoleTo::File(path) => Some(File::create(path).map_err(RunError::io(format!(
                "write the console to {}",
                path.display()
            )))?),
            _ => None,
        };
        Ok(Self {
            options,
            machine,
            accelerator: prepared.machine.accelerator,
            memory: ByteSize(prepared.machine.memory_mib << 20),
            url: prepared.url(options),
            events,
            on_event,
            console_file,
            known: Known::default(),
        })
    }

    /// Does the work, sees the machine to its end, and says what came of it.
    pub fn drive(mut self) -> Result<Finished, RunError> {
        match self.work() {
            Err(Stop::Error(error)) => return Err(error),
            Ok(()) | Err(Stop::Early) => {
                let done = self.options.is_script() || self.known.interrupted;
                if done && !self.known.ended {
                    self.power_off();
                }
            }
        }
        while !self.known.ended {
            self.pump()?;
            if self.interrupted_anew() {
                self.power_off();
            }
        }
        self.finish()
    }

    fn work(&mut self) -> Result<(), Stop> {
        self.wait_for_answer()?;
        if !self.options.exec.is_empty() {
            self.wait_until("the host was not up", "it was up", |session| {
                session.known.up
            })?;
        }
        let options = self.options;
        for exec in &options.exec {
            let code = self.execute(exec)?;
            self.known.exec = Some(code);
            if code != 0 {
                break;
            }
        }
        Ok(())
    }

    fn wait_for_answer(&mut self) -> Result<(), Stop> {
        let Some(url) = self.url.clone() else {
            return Ok(());
        };
        let asker = Asker::start(url.clone());
        let mut status = None;
        self.wait_until(
            &format!("`{url}` did not answer"),
            &format!("`{url}` answered"),
            |_| {
                status = asker.answer();
                status.is_some()
            },
        )?;
        let after_ms =
            u64::try_from(self.machine.started().elapsed().as_millis()).unwrap_or(u64::MAX);
        let status = status.unwrap_or_default();
        (self.on_event)(RunEvent::Answered {
            url: url.to_string(),
            status,
            after_ms,
        });
        Ok(())
    }

    fn wait_until(
        &mut self,
        missing: &str,
        expected: &str,
        mut there: impl FnMut(&Self) -> bool,
    ) -> Result<(), Stop> {
        while !there(self) {
            self.pump()?;
            if self.known.boot_failure.is_some() || self.interrupted_anew() {
                return Err(Stop::Early);
            }
            if self.known.ended {
                return Err(self.ended_before(expected));
            }
            if let Some(after) = self
                .options
                .timeout
                .filter(|&limit| self.machine.started().elapsed() > limit)
            {
                let console = self.machine.console().tail(TAIL);
                return Err(RunError::Timeout {
                    what: missing.to_owned(),
                    after,
                    console,
                }
                .into());
            }
        }
        Ok(())
    }

    /// An end that a fresh attempt may mend, or that the outcome explains, is not an error here.
    fn ended_before(&self, expected: &str) -> Stop {
        let explained = self.known.down.is_some() || self.panicked() || !self.known.console_began;
        if explained || self.accelerator_failure().is_some() {
            return Stop::Early;
        }
        let console = self.machine.console().tail(TAIL);
        Stop::Error(RunError::Ended {
            before: expected.to_owned(),
            console,
        })
    }

    fn execute(&mut self, exec: &Exec) -> Result<i32, Stop> {
        let command = exec.command.join(" ");
        (self.on_event)(RunEvent::ExecBegins {
            command: command.clone(),
        });
        let request = Request::Exec {
            container: exec.container.clone(),
            command: exec.command.clone(),
        };
        let pending = self
            .machine
            .control()
            .call(request)
            .map_err(RunError::io("write to the control port"))?;
        loop {
            match pending.next(TICK) {
                Ok(Some(Reply::Output { stream, bytes })) => {
                    let bytes = bytes_from_text(&bytes).unwrap_or_else(|| bytes.into_bytes());
                    (self.on_event)(RunEvent::ExecOutput { stream, bytes });
                }
                Ok(Some(Reply::Exit { code })) => {
                    (self.on_event)(RunEvent::ExecEnded { code });
                    return Ok(code);
                }
                Ok(Some(Reply::Error { message })) => {
                    return Err(RunError::Refused { message }.into());
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    let console = self.machine.console().tail(TAIL);
                    return Err(RunError::Ended {
                        before: format!("`{command}` had ended"),
                        console,
                    }
                    .into());
                }
                Err(_) => {}
            }
            while let Ok(event) = self.events.try_recv() {
                self.note(event)?;
            }
            if self.interrupted_anew() {
                return Err(Stop::Early);
            }
        }
    }

    /// Asks the host to go down, and kills it if it does not.
    fn power_off(&mut self) {
        (self.on_event)(RunEvent::PoweringOff);
        let limit = if self.known.hello {
            // A port that is closed belongs to a machine that has ended.
            let _ = self.machine.control().call(Request::Poweroff);
            GOING_DOWN
        } else {
            self.machine.press_power_button();
            GOING_DOWN_UNASKED
        };
        let asked = Instant::now();
        while !self.known.ended {
            if self.pump().is_err() || asked.elapsed() > limit || self.interrupted_anew() {
                // A host that was never heard of cannot say that it goes down: that is no failure.
                self.known.killed = self.known.hello || self.options.interrupts.count() > 1;
                self.known.let_go = !self.known.killed;
                self.machine.kill();
                break;
            }
        }
    }

    /// Has the user asked, since this was last looked at, that the run ends?
    fn interrupted_anew(&mut self) -> bool {
        let count = self.options.interrupts.count();
        if count > 0 && !self.known.interrupted {
            self.known.interrupted = true;
            (self.on_event)(RunEvent::Interrupted);
            return true;
        }
        count > 1
    }

    fn pump(&mut self) -> Result<(), RunError> {
        match self.events.recv_timeout(TICK) {
            Ok(event) => self.note(event),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => {
                self.known.ended = true;
                Ok(())
            }
        }
    }

    fn note(&mut self, event: MachineEvent) -> Result<(), RunError> {
        match event {
            MachineEvent::Console(bytes) => {
                self.known.console_began = true;
                if let Some(file) = &mut self.console_file {
                    file.write_all(&bytes)
                        .map_err(RunError::io("write the console to its file"))?;
                } else if self.options.console == ConsoleTo::Stdio {
                    (self.on_event)(RunEvent::Console(bytes));
                }
            }
            MachineEvent::Qemu(line) => {
                if self.accelerator == Accelerator::Kvm && qemu::said_no(&line) {
                    self.machine.kill();
                }
                self.known.said.push(line.clone());
                (self.on_event)(RunEvent::Qemu(line));
            }
            MachineEvent::Host(event) => self.note_host(event),
            MachineEvent::Ended => self.known.ended = true,
        }
        Ok(())
    }

    fn note_host(&mut self, event: Event) {
        match &event {
            Event::Hello { .. } => self.known.hello = true,
            Event::Up { .. } => self.known.up = true,
            Event::BootFailed { message } => self.known.boot_failure = Some(message.clone()),
            Event::Down { how, code } => self.known.down = Some((how.clone(), *code)),
            Event::Container(_) => {}
        }
        (self.on_event)(RunEvent::Host(event));
    }

    fn panicked(&self) -> bool {
        self.machine
            .console()
            .contains("Kernel panic - not syncing")
    }

    fn accelerator_failure(&self) -> Option<String> {
        let tried = self.accelerator == Accelerator::Kvm && !self.known.hello;
        let said = self.known.said.iter().find(|line| qemu::said_no(line));
        let silent = || {
            (self.machine.crashed() && !self.known.console_began)
                .then(|| self.known.said.join("; "))
        };
        if tried {
            said.cloned().or_else(silent)
        } else {
            None
        }
    }

    fn finish(self) -> Result<Finished, RunError> {
        self.machine.wait(TICK);
        let said = self.known.said.join("; ");
        if let Some(message) = self.accelerator_failure() {
            return Ok(Finished::AcceleratorFailed(message));
        }
        if said.contains("Could not set up host forwarding rule") {
            return Ok(Finished::PortTaken(format!(
                "a port to publish is taken: {said}"
            )));
        }
        if self.machine.crashed() && !self.known.console_began && !self.known.interrupted {
            return Err(RunError::NotStarted { message: said });
        }
        let end = match &self.known.down {
            Some((how, code)) => End::Down {
                how: how.clone(),
                code: *code,
            },
            None if self.known.killed => End::Killed,
            None if self.machine.crashed() && !self.known.let_go => End::Died,
            None => End::Silent,
        };
        Ok(Finished::Outcome(RunOutcome {
            end,
            exec: self.known.exec,
            panicked: self.panicked(),
            boot_failure: self.known.boot_failure,
            interrupted: self.known.interrupted,
            took: self.machine.started().elapsed(),
            memory: self.memory,
        }))
    }
}
