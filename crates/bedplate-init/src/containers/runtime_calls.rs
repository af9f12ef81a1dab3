//! The command lines of the OCI runtime. They are those that runc, crun and youki share, so that any of
//! them can stand in the runtime's place.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;

use bedplate_boot::RUNTIME;
use bedplate_sys::children::{Output, spawn};

/// Where the runtime keeps what it knows of its containers.
const STATE: &str = "/run/bedplate/runtime";
/// Where it leaves the number of a container's first process.
const PIDS: &str = "/run/bedplate/pids";

/// Has the runtime make a container; its output, and the container's, goes to `output`.
pub fn create(id: &str, bundle: &str, output: OwnedFd) -> io::Result<u32> {
    std::fs::create_dir_all(PIDS)?;
    call(
        &[
            "create",
            "--bundle",
            bundle,
            "--pid-file",
            &pid_file(id),
            id,
        ],
        Output::Joined(output),
    )
}

/// The number of the first process of a container that was made.
pub fn first_process(id: &str) -> Option<u32> {
    std::fs::read_to_string(pid_file(id))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Has the runtime let a container go.
pub fn start(id: &str, output: OwnedFd) -> io::Result<u32> {
    call(&["start", id], Output::Joined(output))
}

/// Has the runtime forget a container, whatever is left of it.
pub fn delete(id: &str) -> io::Result<u32> {
    // What it never knew of need not be told: PID 1 also calls this when a container could not be made.
    let _ = std::fs::remove_file(pid_file(id));
    call(&["delete", "--force", id], Output::Discarded)
}

/// Runs a command in a container; the runtime ends when it does, with its status.
pub fn exec(id: &str, command: &[String], output: Output) -> io::Result<u32> {
    let mut arguments = vec!["exec", id];
    arguments.extend(command.iter().map(String::as_str));
    call(&arguments, output)
}

fn call(arguments: &[&str], output: Output) -> io::Result<u32> {
    let arguments: Vec<&str> = ["--root", STATE].iter().chain(arguments).copied().collect();
    spawn(OsStr::new(RUNTIME), &arguments, output)
}

fn pid_file(id: &str) -> String {
    format!("{PIDS}/{id}")
}
