//! Programs that a worker runs in its root.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::process::{Command, ExitStatus, Stdio};

use rustix::fs::MemfdFlags;

use crate::children::{self, Signal};

/// How much of what a program wrote is kept, in bytes from the end.
const TAIL: u64 = 64 << 10;

/// A program that has ended.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// The end of what it wrote to both its streams.
    pub output: String,
}

/// Runs a program to its own end, whatever it left running, with `input` to read and nothing in its
/// environment but what is named here.
pub fn run(
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
    input: &str,
) -> io::Result<Ran> {
    // A file and not a pipe: what is left running would keep a pipe open.
    let mut output: File = rustix::fs::memfd_create("output", MemfdFlags::CLOEXEC)?.into();
    let stdin = if input.is_empty() {
        Stdio::null()
    } else {
        let mut file: File = rustix::fs::memfd_create("input", MemfdFlags::CLOEXEC)?.into();
        file.write_all(input.as_bytes())?;
        file.rewind()?;
        file.into()
    };
    let status = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir("/")
        .stdin(stdin)
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .status()?;
    let len = output.seek(SeekFrom::End(0))?;
    output.seek(SeekFrom::Start(len.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes)?;
    Ok(Ran {
        status,
        output: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

/// Kills every other process of the sandbox and waits until they are gone. For a worker, which is PID 1.
pub fn end_all_others() {
    children::signal_all(Signal::KILL);
    while children::any() {
        if children::reap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}
