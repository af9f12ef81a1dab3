//! Programs of the build machine, each known with the package that brings it.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, ExitStatus, Output, Stdio};

/// A program that is about to be run, with its arguments.
#[derive(Debug)]
pub struct Tool {
    program: &'static str,
    package: &'static str,
    command: Command,
}

/// Why a program did not do what it was started for.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It is not installed.
    #[error("`{program}` is not installed")]
    Missing {
        /// Its name.
        program: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// It could not be started.
    #[error("cannot start `{program}`")]
    Start {
        /// Its name.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It ended with an error.
    #[error("`{program}` failed ({status}): {message}")]
    Failed {
        /// Its name.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it wrote to standard error.
        message: String,
        /// What it wrote to standard output.
        output: String,
    },
}

impl ToolError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { package, .. } => Some(format!("install it: apt-get install {package}")),
            _ => None,
        }
    }
}

impl Tool {
    /// `program`, looked up in `PATH` and in the `sbin` directories; `package` is what brings it on Debian.
    pub fn new(program: &'static str, package: &'static str) -> Self {
        let in_sbin = ["/usr/sbin", "/sbin"]
            .iter()
            .map(|dir| format!("{dir}/{program}"));
        let in_path = std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
        });
        let found = in_sbin
            .into_iter()
            .find(|path| !in_path && std::path::Path::new(path).is_file());
        let mut command = Command::new(found.as_deref().unwrap_or(program));
        command.stdin(Stdio::null());
        Self {
            program,
            package,
            command,
        }
    }

    /// Its name.
    pub fn program(&self) -> &'static str {
        self.program
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The command as built so far, for what this type does not offer.
    pub fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// Runs it to its end and gives what it wrote to standard output. It does not outlive this program.
    pub fn output(mut self) -> Result<Vec<u8>, ToolError> {
        crate::child::die_with_this_thread(&mut self.command);
        let Output {
            status,
            stdout,
            stderr,
        } = self
            .command
            .output()
            .map_err(|source| self.not_started(source))?;
        if status.success() {
            return Ok(stdout);
        }
        let text = String::from_utf8_lossy(&stderr);
        let lines: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
        let message = lines[lines.len().saturating_sub(5)..].join("; ");
        Err(ToolError::Failed {
            program: self.program,
            status,
            message,
            output: String::from_utf8_lossy(&stdout).into_owned(),
        })
    }

    /// Starts it.
    pub fn spawn(mut self) -> Result<std::process::Child, ToolError> {
        self.command
            .spawn()
            .map_err(|source| self.not_started(source))
    }

    fn not_started(&self, source: io::Error) -> ToolError {
        match source.kind() {
            io::ErrorKind::NotFound => ToolError::Missing {
                program: self.program,
                package: self.package,
            },
            _ => ToolError::Start {
                program: self.program,
                source,
            },
        }
    }
}
