//! A machine that runs a built host, for tests: every wait has a deadline, and failing shows the console's end.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bedplate_boot::bytes_from_text;
use bedplate_boot::control::{Container, Event, Reply, Request, Stream};
use bedplate_run::{
    Accelerator, Firmware, HttpUrl, Machine, MachineEvent, Memory, Prepared, Response, RunOptions,
    get,
};

/// For each thing that is waited for. Far more than it takes: a busy machine without KVM is slow.
const DEADLINE: Duration = Duration::from_secs(180);
const TAIL: usize = 60;

/// What a test asks of a machine; all but the image has a default.
#[derive(Debug, Clone)]
pub struct VmOptions(RunOptions);

impl VmOptions {
    /// A machine for the host in `image` (as [`RunOptions::image`]).
    pub fn new(image: &Path) -> Self {
        let mut options = RunOptions::new(image);
        options.cache = Some(std::env::temp_dir().join("bedplate-test-cache"));
        if let Ok(accelerator) = std::env::var("BEDPLATE_TEST_ACCEL") {
            options.accelerator = accelerator
                .parse()
                .expect("BEDPLATE_TEST_ACCEL is auto, kvm or tcg");
        }
        Self(options)
    }

    /// Forwards a free TCP port to this one of the guest.
    pub fn publish(mut self, guest: u16) -> Self {
        self.0.publish.push(
            guest
                .to_string()
                .parse()
                .expect("a number is a port to publish"),
        );
        self
    }

    /// So much memory, whether it is enough or not.
    pub fn memory(mut self, mib: u64) -> Self {
        self.0.memory = Memory::Forced(bedplate_types::ByteSize(mib << 20));
        self
    }

    /// Boots it by this firmware.
    pub fn firmware(mut self, firmware: Firmware) -> Self {
        self.0.firmware = Some(firmware);
        self
    }

    /// Appends to the kernel command line.
    pub fn cmdline(mut self, words: &str) -> Self {
        self.0.cmdline_append = format!("{} {words}", self.0.cmdline_append);
        self
    }

    /// Attaches a disk, as `bedplate run --disk` has it.
    pub fn disk(mut self, disk: &str) -> Self {
        self.0
            .disks
            .push(disk.parse().unwrap_or_else(|error| panic!("{error}")));
        self
    }

    /// Several processors.
    pub fn cpus(mut self, cpus: u32) -> Self {
        self.0.cpus = cpus;
        self
    }

    /// Starts the machine.
    pub fn boot(self) -> Vm {
        Vm::boot(&self.0)
    }
}

/// A running machine; many threads may use it. It is killed when this is dropped, and when the tests end.
pub struct Vm {
    machine: Machine,
    log: Arc<Log>,
    prepared: Prepared,
}

#[derive(Default)]
struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    events: Vec<Event>,
    qemu: Vec<String>,
    ended: bool,
}

/// What a command in the host wrote and ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Exit status, signals as 128 and their number.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Vm {
    fn boot(options: &RunOptions) -> Self {
        let mut prepared =
            Prepared::new(options).unwrap_or_else(|error| panic!("{}", chain(&error)));
        let vm = Self::start(prepared.clone());
        if prepared.machine.accelerator == Accelerator::Kvm
            && !vm.machine.console().wait_for("Linux version", DEADLINE / 9)
        {
            // The probe's guest lived under KVM, and a kernel does not.
            prepared.machine.accelerator = Accelerator::Tcg;
            return Self::start(prepared);
        }
        vm
    }

    fn start(prepared: Prepared) -> Self {
        let (sender, events) = mpsc::channel();
        let machine = Machine::start(&prepared.machine, sender)
            .unwrap_or_else(|error| panic!("{}", chain(&error)));
        let log = Arc::new(Log::default());
        let writer = Arc::clone(&log);
        thread::spawn(move || {
            for event in events {
                writer.note(event);
            }
        });
        Self {
            machine,
            log,
            prepared,
        }
    }

    /// Waits until the console shows `pattern`.
    pub fn wait_console(&self, pattern: &str) {
        if !self.machine.console().wait_for(pattern, DEADLINE) {
            self.fail(&format!("the console did not show `{pattern}`"));
        }
    }

    /// Types text at the console.
    pub fn type_text(&self, text: &str) {
        let input = self.machine.console_input();
        let typed = input.and_then(|mut input| input.write_all(text.as_bytes()));
        if let Err(error) = typed {
            self.fail(&format!("cannot type at the console: {error}"));
        }
    }

    /// All that the console showed.
    pub fn console(&self) -> String {
        self.machine.console().text()
    }

    /// Waits for an event that `wanted` likes, also an earlier one; `what` says which that is.
    pub fn wait_event(&self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + DEADLINE;
        let mut state = self
            .log
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(event) = state.events.iter().find(|event| wanted(event)) {
                return event.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.ended {
                drop(state);
                self.fail(&format!("the host did not tell {what}"));
            }
            state = self
                .log
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// All events so far.
    pub fn events(&self) -> Vec<Event> {
        self.log
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .events
            .clone()
    }

    /// Waits until the host is up.
    pub fn wait_up(&self) {
        let settled = |event: &Event| matches!(event, Event::Up { .. } | Event::BootFailed { .. });
        if let Event::BootFailed { message } = self.wait_event("that it is up", settled) {
            self.fail(&format!("the boot stopped: {message}"));
        }
    }

    /// Sends a request: its output, and the reply that ended it.
    pub fn request(&self, request: Request) -> (Vec<u8>, Vec<u8>, Reply) {
        self.wait_event("hello", |event| matches!(event, Event::Hello { .. }));
        let what = format!("{request:?}");
        let pending = self.machine.control().call(request);
        let pending =
            pending.unwrap_or_else(|error| self.fail(&format!("cannot send {what}: {error}")));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        loop {
            match pending.next(DEADLINE) {
                Ok(Some(Reply::Output { stream, bytes })) => {
                    let bytes = bytes_from_text(&bytes).unwrap_or_default();
                    match stream {
                        Stream::Out => out.extend(bytes),
                        Stream::Err => err.extend(bytes),
                    }
                }
                Ok(Some(reply)) => return (out, err, reply),
                Ok(None) => self.fail(&format!("the machine ended before it answered {what}")),
                Err(_) => self.fail(&format!("the host did not answer {what}")),
            }
        }
    }

    /// Runs a command in the container of a service, or in the host's own root.
    pub fn exec(&self, container: Option<&str>, command: &[&str]) -> ExecOutput {
        let container = container.map(str::to_owned);
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        let what = command.join(" ");
        let (out, err, reply) = self.request(Request::Exec { container, command });
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        match reply {
            Reply::Exit { code } => ExecOutput {
                code,
                out: text(out),
                err: text(err),
            },
            other => self.fail(&format!("`{what}` was not run: {other:?}")),
        }
    }

    /// All containers and their states.
    pub fn containers(&self) -> Vec<Container> {
        match self.request(Request::List).2 {
            Reply::Containers(containers) => containers,
            other => self.fail(&format!("no list came, but {other:?}")),
        }
    }

    /// One container.
    pub fn container(&self, name: &str) -> Container {
        let found = self
            .containers()
            .into_iter()
            .find(|container| container.name == name);
        found.unwrap_or_else(|| self.fail(&format!("there is no container `{name}`")))
    }

    /// Everything that a container logged.
    pub fn logs(&self, name: &str) -> String {
        let request = Request::Logs {
            name: name.to_owned(),
            lines: None,
            follow: false,
        };
        match self.request(request) {
            (out, _, Reply::Done) => String::from_utf8_lossy(&out).into_owned(),
            (_, _, other) => self.fail(&format!("no log of `{name}` came, but {other:?}")),
        }
    }

    /// The port here that leads to this one of the guest.
    pub fn port(&self, guest: u16) -> u16 {
        let forward = self
            .prepared
            .machine
            .forwards
            .iter()
            .find(|forward| forward.guest == guest);
        forward
            .unwrap_or_else(|| panic!("port {guest} is not published"))
            .host
            .port()
    }

    /// Fetches `path` from a port of the guest, as soon as it answers at all.
    pub fn get(&self, guest: u16, path: &str) -> Response {
        let url = HttpUrl {
            host: "127.0.0.1".to_owned(),
            port: self.port(guest),
            path: path.to_owned(),
        };
        let deadline = Instant::now() + DEADLINE;
        loop {
            match get(&url, Duration::from_secs(5)) {
                Ok(response) => return response,
                Err(error) if Instant::now() > deadline => {
                    self.fail(&format!("{url} does not answer: {error}"))
                }
                // Not up yet; the machine's end is noticed within this pause.
                Err(_) if !self.machine.wait(Duration::from_millis(50)) => {}
                Err(error) => self.fail(&format!(
                    "the machine ended and {url} did not answer: {error}"
                )),
            }
        }
    }

    /// Asks the host to power off and waits for its end: its exit state.
    pub fn power_off(&self) -> i32 {
        let pending = self.machine.control().call(Request::Poweroff);
        if let Err(error) = pending {
            self.fail(&format!("cannot ask the host to power off: {error}"));
        }
        self.wait_down()
            .unwrap_or_else(|| self.fail("the host did not say that it goes down"))
    }

    /// Presses the power button.
    pub fn press_power_button(&self) {
        self.machine.press_power_button();
    }

    /// Waits until the machine has ended: the host's exit state, if it told one.
    pub fn wait_down(&self) -> Option<i32> {
        let deadline = Instant::now() + DEADLINE;
        let mut state = self
            .log
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                self.fail("the machine did not end");
            }
            state = self
                .log
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.events.iter().find_map(|event| match event {
            Event::Down { code, .. } => Some(*code),
            _ => None,
        })
    }

    fn fail(&self, what: &str) -> ! {
        let qemu = self
            .log
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .qemu
            .join("\n");
        let console = self.machine.console().tail(TAIL);
        panic!("{what}\n--- QEMU said\n{qemu}\n--- end of the console\n{console}\n---");
    }
}

impl Log {
    fn note(&self, event: MachineEvent) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            MachineEvent::Host(event) => state.events.push(event),
            MachineEvent::Qemu(line) => state.qemu.push(line),
            MachineEvent::Ended => state.ended = true,
            MachineEvent::Console(_) => return,
        }
        self.changed.notify_all();
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("\n  caused by: {error}"));
        cause = error.source();
    }
    text
}
