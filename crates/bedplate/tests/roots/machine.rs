//! A machine that boots an initramfs, its console and its monitor.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use bedplate_sys::child::TiedChild;
use bedplate_sys::qemu::{Accelerator, Boot, Disk, MachineConfig};
use bedplate_sys::tool::Tool;

use super::kit;

/// For each thing that is waited for: far more than it takes.
const DEADLINE: Duration = Duration::from_secs(180);

/// A kernel's test of its timer fails where an emulated machine has to wait for its turn. A machine that stops is
/// to end.
const CMDLINE: &str = "console=ttyS0 no_timer_check panic=-1";

/// What a machine is made of.
pub struct Machine<'a> {
    pub initramfs: &'a Path,
    pub cmdline: &'a str,
    pub disks: &'a [&'a Path],
    pub memory_mib: u64,
    pub more: &'a [&'a str],
}

impl<'a> Machine<'a> {
    pub fn new(initramfs: &'a Path) -> Self {
        Self {
            initramfs,
            cmdline: "",
            disks: &[],
            memory_mib: 512,
            more: &[],
        }
    }

    pub fn cmdline(self, cmdline: &'a str) -> Self {
        Self { cmdline, ..self }
    }

    pub fn disks(self, disks: &'a [&'a Path]) -> Self {
        Self { disks, ..self }
    }

    pub fn memory(self, memory_mib: u64) -> Self {
        Self { memory_mib, ..self }
    }

    pub fn more(self, more: &'a [&'a str]) -> Self {
        Self { more, ..self }
    }

    pub fn boot(self) -> Running {
        let pair = || UnixStream::pair().unwrap();
        let (console, console_theirs) = pair();
        let (control, control_theirs) = pair();
        let (monitor, monitor_theirs) = pair();
        let disk = |file: &&Path| Disk {
            file: file.to_path_buf(),
            format: Default::default(),
        };
        let config = MachineConfig {
            accelerator: Accelerator::Tcg,
            boot: Boot::Kernel {
                kernel: kit().kernel.clone(),
                initrd: Some(self.initramfs.to_path_buf()),
                cmdline: format!("{CMDLINE} {}", self.cmdline),
            },
            memory_mib: self.memory_mib,
            cpus: 2,
            networks: 1,
            forwards: Vec::new(),
            disks: self.disks.iter().map(disk).collect(),
            serials: vec![console_theirs.into(), control_theirs.into()],
            monitor: Some(monitor_theirs.into()),
        };
        let tool = Tool::new("qemu-system-x86_64", "qemu-system-x86");
        let mut tool = tool.args(config.arguments()).args(self.more);
        tool.command()
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        let ends = config.serials.into_iter().chain(config.monitor).collect();
        let child = TiedChild::spawn_with(tool, ends).unwrap();
        let [text, told] = [console, control].map(|port| {
            let text: Arc<(Mutex<Text>, Condvar)> = Arc::default();
            let writer = text.clone();
            std::thread::spawn(move || listen(port, &writer));
            text
        });
        Running {
            child,
            text,
            told,
            monitor,
        }
    }
}

#[derive(Default)]
struct Text {
    text: String,
    ended: bool,
}

fn listen(mut console: UnixStream, into: &(Mutex<Text>, Condvar)) {
    let mut buffer = [0; 4096];
    loop {
        let count = console.read(&mut buffer).unwrap_or(0);
        let mut text = into.0.lock().unwrap();
        text.text
            .push_str(&String::from_utf8_lossy(&buffer[..count]).replace('\r', ""));
        text.ended = count == 0;
        into.1.notify_all();
        if count == 0 {
            return;
        }
    }
}

/// A machine that runs. It is killed when this is dropped.
pub struct Running {
    child: TiedChild,
    text: Arc<(Mutex<Text>, Condvar)>,
    told: Arc<(Mutex<Text>, Condvar)>,
    monitor: UnixStream,
}

impl Running {
    /// Waits until the console shows `pattern`, and gives all that it showed by then.
    #[track_caller]
    pub fn wait_for(&self, pattern: &str) -> String {
        self.wait(&format!("the console to show `{pattern}`"), |text| {
            text.text.contains(pattern)
        })
    }

    /// Waits until the machine has ended, and gives all that the console showed.
    #[track_caller]
    pub fn ended(&self) -> String {
        self.wait("the machine to end", |text| text.ended)
    }

    /// Waits until the machine has ended, and gives what came out of its second serial port.
    pub fn told(&self) -> String {
        self.ended();
        let deadline = |text: &mut Text| !text.ended;
        let told = self
            .told
            .1
            .wait_timeout_while(self.told.0.lock().unwrap(), DEADLINE, deadline);
        told.unwrap().0.text.clone()
    }

    /// A command for QEMU's monitor.
    pub fn monitor(&self, command: &str) {
        (&self.monitor)
            .write_all(format!("{command}\n").as_bytes())
            .unwrap();
    }

    #[track_caller]
    fn wait(&self, what: &str, good: impl Fn(&Text) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut text = self.text.0.lock().unwrap();
        loop {
            if good(&text) {
                return text.text.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !text.ended,
                "waited for {what}; QEMU {:?}; the console:\n{}",
                self.child.ended(),
                text.text
            );
            text = self.text.1.wait_timeout(text, left).unwrap().0;
        }
    }
}
