//! A running machine: QEMU, its console, its control port, and one channel on which all that happens comes out.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bedplate_boot::CMDLINE_EXTRA;
use bedplate_boot::control::Event;
use bedplate_sys::child::TiedChild;
use bedplate_sys::qemu::{self, Accelerator, Boot, Disk, Forward, MachineConfig};

use crate::console::Console;
use crate::control::Control;
use crate::error::RunError;
use crate::event::Forwarded;
use crate::image::HostImage;
use crate::medium::{Firmware, Medium};

/// What a machine is made of.
#[derive(Debug, Clone)]
pub struct MachineOptions {
    /// The host.
    pub image: HostImage,
    /// What starts it; nothing but QEMU, where the medium is a kernel.
    pub firmware: Option<Firmware>,
    /// Its kernel command line, or what is added to that of a medium; the control port, and `panic=-1` where nothing is said of panics, are appended.
    pub cmdline: String,
    /// What executes it.
    pub accelerator: Accelerator,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Processors.
    pub cpus: u32,
    /// How many network interfaces it has.
    pub networks: u32,
    /// Forwarded ports.
    pub forwards: Vec<Forwarded>,
    /// Disks, which exist.
    pub disks: Vec<Disk>,
}

/// Something that a machine did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineEvent {
    /// The guest wrote to its console.
    Console(Vec<u8>),
    /// The host told something.
    Host(Event),
    /// QEMU wrote a line to its standard error.
    Qemu(String),
    /// QEMU ended, and all that it wrote has been told. The last event.
    Ended,
}

/// A running machine. Dropping it kills it.
#[derive(Debug)]
pub struct Machine {
    child: Arc<TiedChild>,
    console: Console,
    console_input: UnixStream,
    control: Control,
    monitor: UnixStream,
    started: Instant,
}

/// UEFI firmware, where the package `ovmf` of Debian and Ubuntu puts it.
pub(crate) const FIRMWARE: &str = "/usr/share/ovmf/OVMF.fd";

/// The longest line that is taken from a port, in bytes: what is longer is cut into several.
const LONGEST_LINE: u64 = 1 << 20;

impl Machine {
    /// Starts a machine; what it does comes out of `events`' other end.
    pub fn start(
        options: &MachineOptions,
        events: mpsc::Sender<MachineEvent>,
    ) -> Result<Self, RunError> {
        let pair = || UnixStream::pair().map_err(RunError::io("make a pair of sockets"));
        let (
            (console_ours, console_theirs),
            (control_ours, control_theirs),
            (monitor, monitor_theirs),
        ) = (pair()?, pair()?, pair()?);
        let config = configure(
            options,
            [console_theirs.into(), control_theirs.into()],
            monitor_theirs.into(),
        );
        let started = Instant::now();
        let mut child = config.spawn()?;
        let stderr = child.take_stderr();
        let clone =
            |stream: &UnixStream| stream.try_clone().map_err(RunError::io("share a socket"));
        let (console_input, control_output) = (clone(&console_ours)?, clone(&control_ours)?);
        let machine = Self {
            child: Arc::new(child),
            console: Console::default(),
            console_input,
            control: Control::new(control_output),
            monitor,
            started,
        };
        machine.listen(console_ours, control_ours, stderr, events);
        Ok(machine)
    }

    /// What the guest wrote to its console.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// The control port. Nobody answers before [`Event::Hello`] has come.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Process id of QEMU.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// When QEMU was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Where console input is written.
    pub fn console_input(&self) -> io::Result<UnixStream> {
        self.console_input.try_clone()
    }

    /// Presses the power button, for hosts that do not speak the control protocol.
    pub fn press_power_button(&self) {
        // If QEMU is gone, the power is off.
        let _ = (&self.monitor).write_all(b"system_powerdown\n");
    }

    /// Waits until QEMU has ended: `false` if it has not within `limit`.
    pub fn wait(&self, limit: Duration) -> bool {
        self.child.wait(limit).is_some()
    }

    /// Did QEMU end by a signal, or with an error?
    pub fn crashed(&self) -> bool {
        self.child.ended().is_some_and(|status| !status.success())
    }

    /// Kills it.
    pub fn kill(&self) {
        self.child.kill();
    }

    fn listen(
        &self,
        console: UnixStream,
        control: UnixStream,
        stderr: Option<std::process::ChildStderr>,
        events: mpsc::Sender<MachineEvent>,
    ) {
        let (text, client, child) = (
            self.console.clone(),
            self.control.clone(),
            Arc::clone(&self.child),
        );
        let of_console = events.clone();
        let console = thread::spawn(move || read_console(console, &text, &of_console));
        let of_control = events.clone();
        let control = thread::spawn(move || {
            let told = |line: Vec<u8>| client.receive(&line).map(MachineEvent::Host);
            read_lines(control, told, &of_control);
            client.close();
        });
        let of_stderr = events.clone();
        let stderr = thread::spawn(move || {
            let told = |line: Vec<u8>| {
                Some(MachineEvent::Qemu(
                    String::from_utf8_lossy(&line).into_owned(),
                ))
            };
            stderr.map(|stderr| read_lines(stderr, told, &of_stderr))
        });
        thread::spawn(move || {
            while child.wait(Duration::from_secs(3600)).is_none() {}
            let _ = (console.join(), control.join(), stderr.join());
            let _ = events.send(MachineEvent::Ended);
        });
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}

fn configure(options: &MachineOptions, serials: [OwnedFd; 2], monitor: OwnedFd) -> MachineConfig {
    let forward = |one: &Forwarded| Forward {
        transport: one.transport,
        host: one.host,
        guest: one.guest,
    };
    let cmdline = cmdline(&options.cmdline);
    let by_firmware = |medium| Boot::Firmware {
        uefi: (options.firmware == Some(Firmware::Uefi)).then(|| FIRMWARE.into()),
        medium,
        oem_strings: vec![format!("{CMDLINE_EXTRA}{cmdline}")],
    };
    let boot = match options.image.medium.clone() {
        Medium::Kernel { kernel, initrd } => Boot::Kernel {
            kernel,
            initrd,
            cmdline: cmdline.clone(),
        },
        Medium::Disk { disk, .. } => by_firmware(qemu::Medium::Disk(disk)),
        Medium::Optical { file, .. } => by_firmware(qemu::Medium::Optical(file)),
        Medium::Program(file) => by_firmware(qemu::Medium::Program(file)),
    };
    MachineConfig {
        accelerator: options.accelerator,
        boot,
        memory_mib: options.memory_mib,
        cpus: options.cpus,
        networks: options.networks,
        forwards: options.forwards.iter().map(forward).collect(),
        disks: options.disks.clone(),
        serials: serials.into(),
        monitor: Some(monitor),
    }
}

/// A kernel that panics must end the machine, not hang: with `-no-reboot` a reset does.
fn cmdline(host: &str) -> String {
    let panic = if host
        .split_whitespace()
        .any(|word| word.starts_with("panic="))
    {
        ""
    } else {
        " panic=-1"
    };
    format!("{host}{panic} bedplate.control=ttyS1")
        .trim_start()
        .to_owned()
}

fn read_console(mut stream: UnixStream, console: &Console, events: &mpsc::Sender<MachineEvent>) {
    let mut buffer = [0; 16 << 10];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        console.push(&buffer[..count]);
        // The machine goes on if nobody listens any more.
        let _ = events.send(MachineEvent::Console(buffer[..count].to_vec()));
    }
    console.close();
}

fn read_lines(
    stream: impl Read,
    told: impl Fn(Vec<u8>) -> Option<MachineEvent>,
    events: &mpsc::Sender<MachineEvent>,
) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        match (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if let Some(event) = told(line.trim_ascii().to_vec()) {
            let _ = events.send(event);
        }
    }
}
