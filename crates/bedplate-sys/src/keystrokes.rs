//! A terminal that hands over what is typed at once and does not echo it: the other end does that.

use std::io::{self, IsTerminal};

use rustix::termios::{LocalModes, OptionalActions, Termios};

/// Standard input as a line to another machine, until this is dropped. Ctrl-C still makes a signal here.
#[derive(Debug)]
pub struct Unbuffered(Termios);

impl Unbuffered {
    /// Switches standard input over; `None` where it is no terminal.
    pub fn standard_input() -> io::Result<Option<Self>> {
        let input = io::stdin();
        if !input.is_terminal() {
            return Ok(None);
        }
        let before = rustix::termios::tcgetattr(&input)?;
        let mut settings = before.clone();
        settings.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        rustix::termios::tcsetattr(&input, OptionalActions::Now, &settings)?;
        Ok(Some(Self(before)))
    }
}

impl Drop for Unbuffered {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _ = rustix::termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
