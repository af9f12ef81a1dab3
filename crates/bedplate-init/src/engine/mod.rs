//! The loop of PID 1: waits for everything at once, tells the supervisor, does what it decides.
//!
//! One thread does all of it. Others only probe services and load modules for new devices; they report
//! back, and touch nothing here.

mod acting;
mod children;
mod ending;
pub mod failing;
mod probes;
mod serving;
mod streams;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use bedplate_boot::control::Event;
use bedplate_boot::{CommandLine, Host};
use bedplate_sys::machine::{self, Ending};
use bedplate_sys::polling::{self, Found, Interest};
use bedplate_sys::signals::{Signal, Signals};

use crate::console;
use crate::containers::preparation::Step;
use crate::control::{self, Connection, Kind, Listener};
use crate::machine::xattrs::Attributes;
use crate::supervision::{Happening, Millis, Supervisor, UnitId};
use children::Child;
use probes::Answers;
use serving::Job;
use streams::Stream;

/// What PID 1 holds while the host runs.
pub struct Engine {
    command_line: CommandLine,
    supervisor: Supervisor,
    attributes: Attributes,
    /// What happened and was not decided on yet.
    queue: VecDeque<Happening>,
    signals: Signals,
    answers: Answers,
    listener: Option<Listener>,
    /// By number; numbers are never used again.
    connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    children: BTreeMap<u32, Child>,
    /// Processes that were reaped before it was known whose they were.
    strays: Vec<bedplate_sys::children::Ended>,
    streams: BTreeMap<UnitId, Stream>,
    jobs: BTreeMap<u64, Job>,
    next_job: u64,
    /// Containers that were prepared once, and what was done the last time.
    prepared: BTreeSet<UnitId>,
    steps: BTreeMap<UnitId, Vec<Step>>,
    ending: Ending,
    failure: Option<String>,
    reboot_at: Option<Millis>,
    over: bool,
    up_at: Option<Millis>,
}

/// What a descriptor of the loop belongs to.
#[derive(Clone, Copy)]
enum Source {
    Signals,
    Answers,
    Listener,
    Connection(u64),
    Stream(UnitId),
    JobOut(u64),
    JobErr(u64),
}

impl Engine {
    /// A host that is about to begin.
    pub fn new(
        host: &Host,
        command_line: CommandLine,
        attributes: Attributes,
    ) -> std::io::Result<Self> {
        let caught = [
            Signal::CHILD,
            Signal::TERM,
            Signal::INT,
            Signal::USR1,
            Signal::USR2,
            Signal::HUP,
            Signal::PIPE,
            Signal::POWER,
        ];
        let mut engine = Self {
            command_line,
            supervisor: Supervisor::new(host),
            attributes,
            queue: VecDeque::new(),
            signals: Signals::catch(&caught)?,
            answers: Answers::new()?,
            listener: None,
            connections: BTreeMap::new(),
            next_connection: 0,
            children: BTreeMap::new(),
            strays: Vec::new(),
            streams: BTreeMap::new(),
            jobs: BTreeMap::new(),
            next_job: 0,
            prepared: BTreeSet::new(),
            steps: BTreeMap::new(),
            ending: Ending::Poweroff,
            failure: None,
            reboot_at: None,
            over: false,
            up_at: None,
        };
        engine.open_control();
        Ok(engine)
    }

    fn open_control(&mut self) {
        match Listener::open() {
            Ok(listener) => self.listener = Some(listener),
            Err(error) => console::warn("open the control socket", &error),
        }
        if let Some(device) = self.command_line.control.clone() {
            match control::open_port(&device) {
                Ok(port) => self.add_connection(port),
                Err(error) => {
                    console::warn(format_args!("open the control port `{device}`"), &error)
                }
            }
        }
        self.tell(&hello());
    }

    fn add_connection(&mut self, connection: Connection) {
        self.connections.insert(self.next_connection, connection);
        self.next_connection += 1;
    }

    /// Runs the host, from its first container to its end; `failure` is why it must not even begin.
    pub fn run(mut self, failure: Option<String>) -> ! {
        match failure {
            Some(message) => self.stop_boot(message),
            None => self.happen(Happening::Begin),
        }
        while !self.over {
            self.turn();
        }
        self.end()
    }

    /// Notes what happened and does what follows from it, until nothing more does.
    fn happen(&mut self, happening: Happening) {
        self.queue.push_back(happening);
        while let Some(happening) = self.queue.pop_front() {
            for action in self.supervisor.decide(happening, now()) {
                self.act(action);
            }
        }
    }

    /// Waits once, and sees to what woke it.
    fn turn(&mut self) {
        let (sources, found) = self.wait();
        for (source, found) in sources.into_iter().zip(found) {
            if found != Found::default() {
                self.attend(source, found);
            }
        }
        self.reap();
        if self.reboot_at.is_some_and(|time| time <= now()) {
            self.reboot_at = None;
            self.go_down(Ending::Reboot);
        }
        if self
            .supervisor
            .next_deadline()
            .is_some_and(|deadline| deadline <= now())
        {
            self.happen(Happening::Tick);
        }
    }

    fn wait(&self) -> (Vec<Source>, Vec<Found>) {
        let waited = self.descriptors();
        let deadlines = [
            self.supervisor.next_deadline(),
            self.reboot_at,
            self.port_wakes_at(),
        ];
        let timeout = deadlines.into_iter().flatten().min();
        let timeout = timeout
            .map(|deadline| Duration::from_millis(deadline.saturating_sub(now()).min(3_600_000)));
        let descriptors: Vec<_> = waited
            .iter()
            .map(|(_, descriptor, interest)| (*descriptor, *interest))
            .collect();
        let found = match polling::wait(&descriptors, timeout) {
            Ok(found) => found,
            Err(error) => {
                console::warn("wait for events", &error);
                Vec::new()
            }
        };
        (waited.iter().map(|(source, ..)| *source).collect(), found)
    }

    fn descriptors(&self) -> Vec<(Source, BorrowedFd<'_>, Interest)> {
        let mut all = vec![
            (Source::Signals, self.signals.descriptor(), Interest::Read),
            (Source::Answers, self.answers.descriptor(), Interest::Read),
        ];
        all.extend(
            self.listener
                .iter()
                .map(|listener| (Source::Listener, listener.descriptor(), Interest::Read)),
        );
        let awake = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.resting_until.is_none_or(|t| t <= now()));
        all.extend(
            awake.map(|(number, c)| (Source::Connection(*number), c.descriptor(), c.interest())),
        );
        let streams = self
            .streams
            .iter()
            .filter_map(|(id, stream)| Some((*id, stream.descriptor()?)));
        all.extend(
            streams.map(|(id, descriptor)| (Source::Stream(id), descriptor, Interest::Read)),
        );
        for (number, job) in &self.jobs {
            // A command waits while its client does not read.
            if !self
                .connections
                .get(&job.connection)
                .is_some_and(Connection::has_room)
            {
                continue;
            }
            all.extend(
                job.out()
                    .map(|out| (Source::JobOut(*number), out, Interest::Read)),
            );
            all.extend(
                job.err()
                    .map(|err| (Source::JobErr(*number), err, Interest::Read)),
            );
        }
        all
    }

    fn attend(&mut self, source: Source, found: Found) {
        match source {
            Source::Signals => self.take_signals(),
            Source::Answers => {
                for happening in self.answers.take() {
                    self.happen(happening);
                }
            }
            Source::Listener => {
                if let Some(connection) = self.listener.as_ref().and_then(Listener::accept) {
                    self.add_connection(connection);
                }
            }
            Source::Connection(number) => self.serve(number, found),
            Source::Stream(id) => self.read_stream(id),
            Source::JobOut(number) | Source::JobErr(number) => self.read_job(number),
        }
    }

    fn take_signals(&mut self) {
        for signal in self.signals.take() {
            match signal {
                Signal::USR2 | Signal::POWER => self.go_down(Ending::Poweroff),
                Signal::USR1 => self.go_down(Ending::Halt),
                Signal::TERM | Signal::INT => self.go_down(Ending::Reboot),
                // SIGCHLD: every turn reaps.
                _ => {}
            }
        }
    }

    fn go_down(&mut self, ending: Ending) {
        self.ending = ending;
        self.happen(Happening::GoDown);
    }

    fn tell(&mut self, event: &Event) {
        for connection in self.connections.values_mut() {
            connection.tell(event);
        }
    }

    fn port_wakes_at(&self) -> Option<Millis> {
        let resting = self
            .connections
            .values()
            .filter_map(|connection| connection.resting_until);
        resting.filter(|time| *time > now()).min()
    }

    fn has_port(&self) -> bool {
        self.connections
            .values()
            .any(|connection| connection.kind() == Kind::Port)
    }
}

fn hello() -> Event {
    Event::Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Milliseconds since the kernel started.
fn now() -> Millis {
    Millis::try_from(machine::uptime().as_millis()).unwrap_or(Millis::MAX)
}
