//! What a run tells while it lasts, and what it leaves.

use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bedplate_boot::control::{Event, Stream};
use bedplate_sys::qemu::{Accelerator, Transport};
use bedplate_types::ByteSize;
use serde::Serialize;

/// A port of this machine that leads into the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Forwarded {
    /// Transport.
    #[serde(serialize_with = "as_text")]
    pub transport: Transport,
    /// Address and port here.
    pub host: SocketAddrV4,
    /// Port in the guest.
    pub guest: u16,
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEvent {
    /// QEMU was started.
    Started {
        /// Its process id.
        pid: u32,
        /// The kernel, or the disk.
        kernel: PathBuf,
        /// Accelerator in use.
        #[serde(serialize_with = "as_text")]
        accelerator: Accelerator,
        /// Why it is this one.
        reason: String,
        /// Memory in MiB.
        memory_mib: u64,
        /// Processors.
        cpus: u32,
        /// Ports, those that were chosen here included.
        forwards: Vec<Forwarded>,
    },
    /// The accelerator failed under the guest; it is started again with the translator.
    AcceleratorFailed {
        /// What QEMU said.
        message: String,
    },
    /// Bytes from the guest's console ([`ConsoleTo::Stdio`](crate::ConsoleTo) only).
    #[serde(skip)]
    Console(Vec<u8>),
    /// The host told something by itself.
    Host(Event),
    /// The URL of `--wait-for` answered.
    Answered {
        /// The URL, port filled in.
        url: String,
        /// HTTP status.
        status: u16,
        /// Since the start of the machine, in milliseconds.
        after_ms: u64,
    },
    /// A command of `--exec` begins.
    ExecBegins {
        /// As it was given.
        command: String,
    },
    /// Output of that command.
    ExecOutput {
        /// Where it was written.
        stream: Stream,
        /// The bytes; in JSON as [`text_from_bytes`](bedplate_boot::text_from_bytes).
        #[serde(serialize_with = "as_byte_text")]
        bytes: Vec<u8>,
    },
    /// That command ended.
    ExecEnded {
        /// Its exit status, signals as 128 and their number.
        code: i32,
    },
    /// The host was asked to power off.
    PoweringOff,
    /// The interrupt key was pressed; pressed again, it kills.
    Interrupted,
    /// QEMU wrote to its standard error.
    Qemu(String),
}

/// How a machine ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The host went down and said so.
    Down {
        /// `poweroff` or `reboot`.
        how: String,
        /// Its exit state.
        code: i32,
    },
    /// The machine ended without a word: a panic, a reset, or a host without `bedplate-init`.
    Silent,
    /// QEMU ended by a signal or with an error.
    Died,
    /// It did not go down when asked, or the user would not wait: it was killed.
    Killed,
}

/// What a run leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunOutcome {
    /// How the machine ended.
    pub end: End,
    /// Exit status of the last command of `--exec`; the first that is not 0 is the last.
    pub exec: Option<i32>,
    /// Why the boot stopped, if it did.
    pub boot_failure: Option<String>,
    /// Did the console show a kernel panic?
    pub panicked: bool,
    /// Was the run interrupted?
    pub interrupted: bool,
    /// From the start of QEMU to its end; in JSON in milliseconds.
    #[serde(serialize_with = "as_millis")]
    pub took: Duration,
    /// The most memory that the guest was given, in bytes.
    #[serde(skip)]
    pub memory: ByteSize,
}

impl RunOutcome {
    /// The exit status that a program should end with.
    ///
    /// | status | when |
    /// |---|---|
    /// | 0 | the host went down cleanly, and every command of `--exec` ended with 0 |
    /// | N | the first command of `--exec` that failed ended with N; else the host's own exit state |
    /// | 1 | the boot stopped, or QEMU died |
    /// | 130 | interrupted (the host was powered off cleanly) |
    /// | 137 | killed |
    /// | 141 | the kernel panicked |
    pub fn exit_code(&self) -> u8 {
        let byte = |code: i32| u8::try_from(code).unwrap_or(1);
        match (&self.end, self.exec) {
            (_, Some(code)) if code != 0 => byte(code).max(1),
            (End::Killed, _) => 137,
            _ if self.panicked => 141,
            (End::Down { code, .. }, _) if *code != 0 => byte(*code).max(1),
            (End::Died, _) => 1,
            _ if self.boot_failure.is_some() => 1,
            _ if self.interrupted => 130,
            _ => 0,
        }
    }
}

/// Tells a run that the user wants it to end. Clones are the same bell.
#[derive(Debug, Clone, Default)]
pub struct Interrupts(Arc<AtomicUsize>);

impl Interrupts {
    /// Once for a clean power-off, twice to kill.
    pub fn interrupt(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How often so far.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn as_text<S: serde::Serializer>(
    value: &impl std::fmt::Display,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn as_byte_text<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&bedplate_boot::text_from_bytes(bytes))
}

fn as_millis<S: serde::Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(end: End) -> RunOutcome {
        let memory = ByteSize(0);
        let took = Duration::ZERO;
        RunOutcome {
            end,
            exec: None,
            boot_failure: None,
            panicked: false,
            interrupted: false,
            took,
            memory,
        }
    }

    #[test]
    fn events_are_json_for_programs() {
        let event = RunEvent::ExecOutput {
            stream: Stream::Out,
            bytes: b"hi\n".to_vec(),
        };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"exec-output":{"stream":"out","bytes":"hi\n"}}"#
        );
        let json = serde_json::to_value(outcome(End::Down {
            how: "poweroff".into(),
            code: 0,
        }))
        .unwrap();
        assert_eq!(
            json["end"],
            serde_json::json!({"down": {"how": "poweroff", "code": 0}})
        );
        assert_eq!(json["took"], 0);
    }

    #[test]
    fn the_guests_exit_state_is_the_exit_code() {
        let down = |code| End::Down {
            how: "poweroff".into(),
            code,
        };
        assert_eq!(outcome(down(0)).exit_code(), 0);
        assert_eq!(outcome(down(1)).exit_code(), 1);
        assert_eq!(outcome(down(300)).exit_code(), 1);
        assert_eq!(outcome(End::Silent).exit_code(), 0);
        assert_eq!(outcome(End::Died).exit_code(), 1);
        assert_eq!(outcome(End::Killed).exit_code(), 137);
        assert_eq!(
            RunOutcome {
                exec: Some(7),
                ..outcome(down(0))
            }
            .exit_code(),
            7
        );
        assert_eq!(
            RunOutcome {
                exec: Some(0),
                ..outcome(down(3))
            }
            .exit_code(),
            3
        );
        assert_eq!(
            RunOutcome {
                panicked: true,
                ..outcome(End::Silent)
            }
            .exit_code(),
            141
        );
        assert_eq!(
            RunOutcome {
                interrupted: true,
                ..outcome(down(0))
            }
            .exit_code(),
            130
        );
    }
}
