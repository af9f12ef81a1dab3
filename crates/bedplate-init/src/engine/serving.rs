//! Answers to what clients ask.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bedplate_boot::control::{Call, Event, Reply, Request, Stream as Which};
use bedplate_boot::text_from_bytes;
use bedplate_sys::children::{self, Output, Signal};
use bedplate_sys::machine::Ending;
use bedplate_sys::polling::{self, Chunk, Found};

use super::children::Child;
use super::{Engine, hello, now};
use crate::containers::runtime_calls;
use crate::control::Kind;
use crate::logs;
use crate::supervision::{Happening, Role, Stage, UnitId};

/// A command that a client asked for.
pub struct Job {
    /// Whose.
    pub connection: u64,
    call: u64,
    pid: u32,
    out: Option<OwnedFd>,
    err: Option<OwnedFd>,
}

impl Job {
    /// Its standard output.
    pub fn out(&self) -> Option<BorrowedFd<'_>> {
        self.out.as_ref().map(AsFd::as_fd)
    }

    /// Its standard error.
    pub fn err(&self) -> Option<BorrowedFd<'_>> {
        self.err.as_ref().map(AsFd::as_fd)
    }
}

impl Engine {
    pub(super) fn serve(&mut self, number: u64, found: Found) {
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        let mut gone = found.writable && !connection.flush();
        let mut calls = Vec::new();
        if found.readable {
            let received = connection.receive();
            gone |= received.gone;
            calls = received.calls;
        }
        let kind = connection.kind();
        for call in calls {
            self.call(number, call);
        }
        match (gone, kind) {
            (true, Kind::Socket) => self.hang_up(number),
            (true, Kind::Port) => {
                if let Some(connection) = self.connections.get_mut(&number) {
                    connection.resting_until = Some(now() + 1000);
                }
            }
            (false, _) => {}
        }
    }

    fn hang_up(&mut self, number: u64) {
        self.connections.remove(&number);
        for job in self.jobs.values().filter(|job| job.connection == number) {
            // It may have ended in this very moment.
            let _ = children::signal(job.pid, Signal::TERM);
        }
    }

    fn reply(&mut self, number: u64, call: u64, reply: Reply) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.answer(call, reply);
        }
    }

    fn call(&mut self, number: u64, Call { id: call, request }: Call) {
        let reply = match request {
            Request::List => Reply::Containers(self.supervisor.containers()),
            Request::Start { name } => self.ask_service(&name, Happening::Start),
            Request::Stop { name } => self.ask_service(&name, Happening::Stop),
            Request::Restart { name } => self.ask_service(&name, Happening::Restart),
            Request::Watch => return self.watch(number, call),
            Request::Logs {
                name,
                lines,
                follow,
            } => return self.send_log(number, call, &name, lines, follow),
            Request::Exec { container, command } => {
                match self.exec(number, call, container.as_deref(), &command) {
                    Ok(()) => return,
                    Err(message) => Reply::Error { message },
                }
            }
            Request::Poweroff => return self.end_asked(number, call, Ending::Poweroff),
            Request::Reboot => return self.end_asked(number, call, Ending::Reboot),
        };
        self.reply(number, call, reply);
    }

    fn end_asked(&mut self, number: u64, call: u64, ending: Ending) {
        self.reply(number, call, Reply::Done);
        self.go_down(ending);
    }

    fn find(&self, name: &str) -> Result<UnitId, String> {
        self.supervisor
            .find(name)
            .ok_or_else(|| format!("there is no container `{name}` on this host"))
    }

    fn ask_service(&mut self, name: &str, ask: fn(UnitId) -> Happening) -> Reply {
        let id = match self.find(name) {
            Ok(id) => id,
            Err(message) => return Reply::Error { message },
        };
        let role = self.supervisor.entry(id).role;
        if role != Role::Service {
            return Reply::Error {
                message: format!("`{name}` is no service: it runs once ({})", role.word()),
            };
        }
        if self.supervisor.stage() != Stage::Services {
            return Reply::Error {
                message: "services do not run now: the host boots, goes down, or its boot stopped"
                    .into(),
            };
        }
        self.happen(ask(id));
        Reply::Done
    }

    /// Events from now on; first the present, as events.
    fn watch(&mut self, number: u64, call: u64) {
        let mut events = vec![hello()];
        events.extend(
            self.supervisor
                .containers()
                .into_iter()
                .map(Event::Container),
        );
        events.extend(self.up_at.map(|uptime_ms| Event::Up { uptime_ms }));
        events.extend(
            self.failure
                .clone()
                .map(|message| Event::BootFailed { message }),
        );
        let Some(connection) = self.connections.get_mut(&number) else {
            return;
        };
        connection.watching = true;
        connection.answer(call, Reply::Done);
        for event in &events {
            connection.tell(event);
        }
    }

    fn send_log(&mut self, number: u64, call: u64, name: &str, lines: Option<usize>, follow: bool) {
        let found = self.find(name).and_then(|id| {
            let tail = logs::tail(&self.supervisor.entry(id).log_name(), lines);
            Ok((
                id,
                tail.map_err(|error| format!("cannot read the log of `{name}`: {error}"))?,
            ))
        });
        let (id, tail) = match found {
            Ok(found) => found,
            Err(message) => return self.reply(number, call, Reply::Error { message }),
        };
        // Lines of a sane length: a serial port shares them with everything else.
        for piece in tail.chunks(16 * 1024) {
            self.reply(
                number,
                call,
                Reply::Output {
                    stream: Which::Out,
                    bytes: text_from_bytes(piece),
                },
            );
        }
        match self.connections.get_mut(&number) {
            Some(connection) if follow => connection.follows.push((call, id)),
            Some(connection) => connection.answer(call, Reply::Done),
            None => {}
        }
    }

    fn exec(
        &mut self,
        number: u64,
        call: u64,
        container: Option<&str>,
        command: &[String],
    ) -> Result<(), String> {
        let (program, arguments) = command.split_first().ok_or("there is no command to run")?;
        let pipes = children::output_pipe().and_then(|out| Ok((out, children::output_pipe()?)));
        let ((out, out_writer), (err, err_writer)) =
            pipes.map_err(|error| format!("cannot make a pipe: {error}"))?;
        let output = Output::Apart(out_writer, err_writer);
        let pid = match container {
            Some(name) => {
                let entry = self.supervisor.entry(self.find(name)?);
                entry.pid.ok_or_else(|| format!("`{name}` does not run"))?;
                runtime_calls::exec(&entry.runtime_id(), command, output)
            }
            None => children::spawn(OsStr::new(program), arguments, output),
        };
        let pid = pid.map_err(|error| format!("cannot run `{program}`: {error}"))?;
        self.children.insert(pid, Child::Job(self.next_job));
        self.jobs.insert(
            self.next_job,
            Job {
                connection: number,
                call,
                pid,
                out: Some(out),
                err: Some(err),
            },
        );
        self.next_job += 1;
        Ok(())
    }

    /// Passes on what a command wrote.
    pub(super) fn read_job(&mut self, number: u64) {
        let Some(job) = self.jobs.get_mut(&number) else {
            return;
        };
        let mut buffer = [0_u8; 8192];
        for (which, slot) in [(Which::Out, &mut job.out), (Which::Err, &mut job.err)] {
            let Some(descriptor) = slot else { continue };
            match polling::read(descriptor, &mut buffer) {
                Chunk::Bytes(count) => {
                    let reply = Reply::Output {
                        stream: which,
                        bytes: text_from_bytes(&buffer[..count]),
                    };
                    if let Some(connection) = self.connections.get_mut(&job.connection) {
                        connection.answer(job.call, reply);
                    }
                }
                Chunk::Nothing => {}
                Chunk::End => *slot = None,
            }
        }
    }

    /// A command ended: all that it wrote is in its pipes. What its own children still write is not waited for.
    pub(super) fn job_ended(&mut self, number: u64, code: i32) {
        loop {
            let Some(job) = self.jobs.get(&number) else {
                return;
            };
            let pending = [job.out(), job.err()].into_iter().flatten().any(has_input);
            if !pending {
                break;
            }
            self.read_job(number);
        }
        if let Some(job) = self.jobs.remove(&number) {
            self.reply(job.connection, job.call, Reply::Exit { code });
        }
    }
}

fn has_input(descriptor: BorrowedFd<'_>) -> bool {
    let found = polling::wait(
        &[(descriptor, polling::Interest::Read)],
        Some(std::time::Duration::ZERO),
    );
    found.is_ok_and(|found| found.iter().any(|found| found.readable))
}
