//! Standard output. A reader that has gone, as `head` does, ends the program without a complaint.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::exit;

/// `println!`, by way of [`print`].
macro_rules! say {
    ($($text:tt)*) => {
        $crate::output::print(format_args!("{}\n", format_args!($($text)*)))
    };
}
pub(crate) use say;

/// Prints `text` as it is.
pub fn print(text: impl Display) {
    let mut out = io::stdout().lock();
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit(0),
        Err(error) => {
            eprintln!("error: cannot write to standard output\n  caused by: {error}");
            exit(6);
        }
    }
}
