//! What people see: messages of PID 1 on the console, each one write, so that lines stay whole.
//!
//! The console is standard error. Nothing is buffered, and a console that cannot be written is no failure.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Makes [`detail`] write too (`bedplate.debug`).
pub fn be_verbose() {
    VERBOSE.store(true, Ordering::Relaxed);
}

/// A message that everyone should see.
pub fn say(message: impl std::fmt::Display) {
    write(&format!("bedplate: {message}\n"));
}

/// A message for whoever looks for a fault.
pub fn detail(message: impl std::fmt::Display) {
    if VERBOSE.load(Ordering::Relaxed) {
        write(&format!("bedplate: {message}\n"));
    }
}

/// Tells of a failure that does not stop anything: what was being done, and why it did not work.
pub fn warn(doing: impl std::fmt::Display, error: &dyn std::error::Error) {
    say(format!("cannot {doing}: {}", chain(error)));
}

/// Text as it is.
pub fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// An error and its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
