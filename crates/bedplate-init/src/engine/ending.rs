//! The end: what still runs is ended, what is not written is written, and the machine goes down.

use std::time::{Duration, Instant};

use bedplate_boot::control::Event;
use bedplate_sys::children::{self, Signal};
use bedplate_sys::machine::{self, Ending};
use bedplate_sys::polling;

use super::Engine;
use crate::console;
use crate::machine::unmounting::unmount_all;

/// What is left of containers, and commands of clients, get this long to end by themselves.
const LAST_GRACE: Duration = Duration::from_secs(5);
/// Clients get this long to read the last lines.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Engine {
    /// Ends the machine. Containers are down already.
    pub(super) fn end(&mut self) -> ! {
        end_all_processes();
        console::detail("writing what is not yet on the disks");
        machine::sync();
        unmount_all();
        machine::sync();
        let how = match self.ending {
            Ending::Reboot => "reboot",
            Ending::Poweroff | Ending::Halt => "poweroff",
        };
        let code = i32::from(self.failure.is_some());
        console::say(format_args!("{how}, exit state {code}"));
        self.tell(&Event::Down {
            how: how.to_owned(),
            code,
        });
        self.flush_all();
        let error = machine::end(self.ending);
        console::warn(how, &error);
        loop {
            std::thread::park();
        }
    }

    fn flush_all(&mut self) {
        let deadline = Instant::now() + LAST_WORDS;
        for connection in self.connections.values_mut() {
            while connection.flush() && !connection.is_flushed() {
                let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                    break;
                };
                // If waiting itself fails, the deadline still ends this.
                let _ = polling::wait(
                    &[(connection.descriptor(), connection.interest())],
                    Some(left),
                );
            }
            if connection.is_flushed() {
                connection.drain();
            }
        }
    }
}

fn end_all_processes() {
    children::signal_all(Signal::TERM);
    children::signal_all(Signal::CONT);
    let deadline = Instant::now() + LAST_GRACE;
    if !all_ended_by(deadline) {
        children::signal_all(Signal::KILL);
        all_ended_by(Instant::now() + LAST_GRACE);
    }
}

/// Reaps until no child is left, or the time is up.
fn all_ended_by(deadline: Instant) -> bool {
    while children::any() {
        while children::reap().is_some() {}
        if Instant::now() >= deadline {
            return false;
        }
        // A timer, not a wait for a condition: SIGCHLD ends it early.
        let _ = polling::wait(&[], Some(Duration::from_millis(10)));
    }
    true
}
