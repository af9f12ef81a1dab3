//! A boot that stopped: what is said, and what comes then.

use std::ffi::OsStr;
use std::path::Path;

use bedplate_boot::CommandLine;
use bedplate_boot::control::Event;
use bedplate_sys::machine::Ending;
use bedplate_sys::{children, terminal};

use super::children::Child;
use super::{Engine, now};
use crate::console;

/// Shells that a host may bring.
const SHELLS: &[&str] = &["/bin/sh", "/usr/bin/sh", "/bin/bash"];

/// What follows a boot that stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aftermath {
    /// A person looks for the fault.
    Shell(&'static str),
    /// A program waits at the control port for the exit state.
    Poweroff,
    /// A try again, after so many milliseconds.
    RebootAfter(u64),
    /// The message stands, and the control socket is served.
    Stay,
}

/// What follows; `has_port` if a program listens at the control port.
pub fn aftermath(line: &CommandLine, shell: Option<&'static str>, has_port: bool) -> Aftermath {
    match (shell.filter(|_| line.debug), has_port, line.panic) {
        (Some(shell), _, _) => Aftermath::Shell(shell),
        (None, true, _) => Aftermath::Poweroff,
        (None, false, Some(seconds @ 1..)) => {
            Aftermath::RebootAfter(seconds.unsigned_abs().saturating_mul(1000))
        }
        (None, false, Some(..0)) => Aftermath::RebootAfter(0),
        (None, false, Some(0) | None) => Aftermath::Stay,
    }
}

/// A shell, if the host brings one.
pub fn find_shell() -> Option<&'static str> {
    SHELLS
        .iter()
        .copied()
        .find(|shell| Path::new(shell).exists())
}

impl Engine {
    pub(super) fn stop_boot(&mut self, message: String) {
        console::write("\n");
        console::say("THE BOOT STOPPED");
        console::say(&message);
        self.tell(&Event::BootFailed {
            message: message.clone(),
        });
        self.failure = Some(message);
        match aftermath(&self.command_line, find_shell(), self.has_port()) {
            Aftermath::Shell(shell) => self.start_shell(shell),
            Aftermath::Poweroff => self.go_down(Ending::Poweroff),
            Aftermath::RebootAfter(millis) => {
                console::say(format_args!("rebooting in {} s", millis / 1000));
                self.reboot_at = Some(now().saturating_add(millis));
            }
            Aftermath::Stay => console::say(
                "nothing more is started; `bedctl` shows the containers and their logs",
            ),
        }
    }

    fn start_shell(&mut self, shell: &str) {
        console::say(format_args!(
            "here is `{shell}`, because of `bedplate.debug`"
        ));
        let device = self
            .command_line
            .consoles
            .last()
            .map_or("console", String::as_str);
        let terminal = terminal::open_console(&Path::new("/dev").join(device));
        match terminal.and_then(|terminal| children::spawn_on_terminal(OsStr::new(shell), terminal))
        {
            Ok(pid) => drop(self.children.insert(pid, Child::Shell)),
            Err(error) => console::warn(format_args!("start `{shell}`"), &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_boot_does_what_the_command_line_says() {
        let line = |text: &str| CommandLine::parse(text);
        let sh = Some("/bin/sh");
        assert_eq!(
            aftermath(&line("bedplate.debug panic=5"), sh, true),
            Aftermath::Shell("/bin/sh")
        );
        assert_eq!(
            aftermath(&line("bedplate.debug panic=5"), None, true),
            Aftermath::Poweroff
        );
        assert_eq!(
            aftermath(&line("panic=5"), sh, false),
            Aftermath::RebootAfter(5000)
        );
        assert_eq!(
            aftermath(&line("panic=-1"), sh, false),
            Aftermath::RebootAfter(0)
        );
        assert_eq!(aftermath(&line("panic=0"), sh, false), Aftermath::Stay);
        assert_eq!(aftermath(&line(""), sh, false), Aftermath::Stay);
    }
}
