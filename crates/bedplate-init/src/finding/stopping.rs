//! A boot that stopped before there was a root: what is said, and what comes then.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use bedplate_boot::CommandLine;
use bedplate_boot::control::{Event, Message};
use bedplate_sys::machine::{self, Ending};
use bedplate_sys::{children, terminal};

use crate::console;
use crate::engine::failing::{Aftermath, aftermath, find_shell};

/// Why the boot stops: a sentence, and its cause.
#[derive(Debug)]
pub struct Stop {
    sentence: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Stop {
    /// A sentence that says all.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            cause: None,
        }
    }

    /// What was being done, and why it did not work.
    pub fn because(
        sentence: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            sentence: sentence.into(),
            cause: Some(cause.into()),
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl Error for Stop {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// Says why, and does what the command line wants then.
pub fn stop(stop: &Stop, line: &CommandLine) -> ! {
    let message = console::chain(stop);
    console::write("\n");
    console::say("THE BOOT STOPPED");
    console::say(&message);
    let told = line
        .control
        .as_deref()
        .is_some_and(|port| tell(port, message));
    match aftermath(line, find_shell(), told) {
        Aftermath::Shell(shell) => run_shell(shell, line),
        Aftermath::Poweroff => end(Ending::Poweroff),
        Aftermath::RebootAfter(millis) => {
            console::say(format_args!("rebooting in {} s", millis / 1000));
            std::thread::sleep(Duration::from_millis(millis));
            end(Ending::Reboot);
        }
        Aftermath::Stay => console::say(
            "nothing more is done; `bedplate.debug` on the kernel command line asks for a shell",
        ),
    }
    loop {
        std::thread::park();
    }
}

/// Tells a program at the control port, in the words of the control protocol; `false` if there is no port.
fn tell(port: &str, message: String) -> bool {
    let Ok(port) = terminal::open_raw(&Path::new("/dev").join(port)) else {
        return false;
    };
    let events = [
        Event::Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        Event::BootFailed { message },
        Event::Down {
            how: "poweroff".to_owned(),
            code: 1,
        },
    ];
    for event in events {
        let line = serde_json::to_string(&Message::Event { event });
        let mut bytes = line.expect("events are plain data").into_bytes();
        bytes.insert(0, b'\n');
        bytes.push(b'\n');
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            match bedplate_sys::polling::write(&port, rest) {
                Ok(0) | Err(_) => break,
                Ok(count) => rest = &rest[count..],
            }
        }
    }
    terminal::drain(&port);
    true
}

/// A shell on the console, again and again.
fn run_shell(shell: &'static str, line: &CommandLine) {
    console::say(format_args!(
        "here is `{shell}`, because of `bedplate.debug`"
    ));
    let device = line.consoles.last().map_or("console", String::as_str);
    let terminal = terminal::open_console(&Path::new("/dev").join(device));
    let started =
        terminal.and_then(|terminal| children::spawn_on_terminal(OsStr::new(shell), terminal));
    match started {
        Ok(pid) => {
            children::wait_for(pid);
            console::say("the shell ended");
            end(Ending::Reboot);
        }
        Err(error) => console::warn(format_args!("start `{shell}`"), &error),
    }
}

fn end(ending: Ending) {
    machine::sync();
    console::warn("end the machine", &machine::end(ending));
}
