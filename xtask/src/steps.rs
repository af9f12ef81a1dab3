//! Steps that are announced, timed, and run programs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Context, Error, Result};

/// Does `work`, and prints what it was and how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {what}");
    let began = Instant::now();
    let result = work();
    let took = seconds(began.elapsed());
    match &result {
        Ok(_) => println!("    done in {took}"),
        Err(_) => println!("    failed after {took}"),
    }
    result
}

/// `1.23 s`
pub fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// Runs `command`, its output going where ours goes.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .context(format!("start {}", name(command)))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::from(format!(
            "`{}` failed ({status})",
            line(command)
        ))),
    }
}

/// Runs `command` and gives what it wrote to standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context(format!("start {}", name(command)))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Error::from(format!(
            "`{}` failed ({})",
            line(command),
            output.status
        ))),
    }
}

/// Is `program` in `PATH`?
pub fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|dir| dir.join(program).is_file())
}

/// The cargo that runs us, in the repository's root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::root());
    command
}

/// The length of a file for people: `63.9 MB`.
pub fn length(path: &Path) -> Result<String> {
    let bytes = std::fs::metadata(path)
        .context(format!("look at {}", path.display()))?
        .len();
    Ok(megabytes(bytes))
}

/// `63.9 MB`
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
