//! The control protocol: one JSON value a line, on the socket in the host and on the control port.
//!
//! ```text
//! client  {"id":7,"request":{"exec":{"container":"web","command":["cat","/etc/hosts"]}}}
//! host    {"id":7,"reply":{"output":{"stream":"out","bytes":"127.0.0.1 localhost\n"}}}
//! host    {"id":7,"reply":{"exit":{"code":0}}}
//! host    {"event":{"container":{"name":"web","state":"ready",…}}}
//! ```
//!
//! Every request is answered by zero or more [`Reply::Output`] lines and exactly one other reply, which
//! ends it. Events come at any time, on connections that asked for them ([`Request::Watch`]) and on
//! the control port from the start. A line that is not JSON of these shapes is skipped by both sides:
//! a serial port may carry noise.

use serde::{Deserialize, Serialize};

/// A line from client to host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Chosen by the client; comes back in every answer.
    pub id: u64,
    /// What is asked.
    pub request: Request,
}

/// A line from host to client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Message {
    /// Part of the answer to a call.
    Answer {
        /// The call's id.
        id: u64,
        /// What is answered.
        reply: Reply,
    },
    /// Something happened.
    Event {
        /// What.
        event: Event,
    },
}

/// What can be asked of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// All containers and their states: [`Reply::Containers`].
    List,
    /// Starts a service that is stopped.
    Start {
        /// Its name.
        name: String,
    },
    /// Stops a service: SIGTERM, after 10 s SIGKILL.
    Stop {
        /// Its name.
        name: String,
    },
    /// Stops, then starts.
    Restart {
        /// Its name.
        name: String,
    },
    /// The log of a container as [`Reply::Output`], then [`Reply::Done`].
    Logs {
        /// Its name.
        name: String,
        /// Only this many lines from the end; all that are kept where absent.
        #[serde(default)]
        lines: Option<usize>,
        /// Go on with what is logged later, until the client closes the connection.
        #[serde(default)]
        follow: bool,
    },
    /// Runs a command without input; output comes as it is made, then [`Reply::Exit`].
    Exec {
        /// In this service's container; in the host's own root where absent.
        #[serde(default)]
        container: Option<String>,
        /// Program and arguments.
        command: Vec<String>,
    },
    /// Sends events on this connection from now on: [`Reply::Done`], then the present as events (the state
    /// of each container, [`Event::Up`] or [`Event::BootFailed`] if it came to that), then what happens.
    Watch,
    /// Shuts down cleanly and powers off. While the host goes down already, it no longer waits for
    /// onshutdown containers.
    Poweroff,
    /// Shuts down cleanly and reboots.
    Reboot,
}

/// What a host answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It is done.
    Done,
    /// Some output; more replies follow.
    Output {
        /// Where it was written.
        stream: Stream,
        /// The bytes, as [`text_from_bytes`](crate::text_from_bytes).
        bytes: String,
    },
    /// The command ended: its exit status, or 128 and the number of the signal that ended it.
    Exit {
        /// Exit status.
        code: i32,
    },
    /// What [`Request::List`] asked for.
    Containers(Vec<Container>),
    /// It could not be done.
    Error {
        /// Why, as a sentence.
        message: String,
    },
}

/// Where output was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A container of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Its name.
    pub name: String,
    /// `onboot`, `service` or `onshutdown`.
    pub role: String,
    /// Where it stands.
    pub state: State,
    /// Process id of its first process, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Exit status of its last run, signals as 128 and their number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// How often it was started again.
    #[serde(default)]
    pub restarts: u32,
}

/// Where a container stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not started yet, or waiting for what it comes after.
    Waiting,
    /// Started, not ready yet.
    Starting,
    /// Runs and is ready.
    Ready,
    /// Ended; will be started again after a delay.
    Restarting,
    /// Ended as it should, or was stopped.
    Stopped,
    /// Ended with an error, and is not started again.
    Failed,
}

/// What a host tells by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// PID 1 runs and the control port is open.
    Hello {
        /// Version of `bedplate-init`.
        version: String,
    },
    /// A container changed its state.
    Container(Container),
    /// onboot is through, and every service is ready, stopped or failed, or waits for one that failed
    /// or was stopped.
    Up {
        /// Since the kernel started, in milliseconds.
        uptime_ms: u64,
    },
    /// The boot stopped.
    BootFailed {
        /// Why.
        message: String,
    },
    /// The last line before the machine goes down: the host's exit state. 0 unless the boot failed.
    Down {
        /// `poweroff` or `reboot`.
        how: String,
        /// Exit state.
        code: i32,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_is_as_documented() {
        let call = Call {
            id: 7,
            request: Request::Exec {
                container: Some("web".into()),
                command: vec!["true".into()],
            },
        };
        let line = serde_json::to_string(&call).unwrap();
        assert_eq!(
            line,
            r#"{"id":7,"request":{"exec":{"container":"web","command":["true"]}}}"#
        );
        let event: Message =
            serde_json::from_str(r#"{"event":{"down":{"how":"poweroff","code":0}}}"#).unwrap();
        assert_eq!(
            event,
            Message::Event {
                event: Event::Down {
                    how: "poweroff".into(),
                    code: 0
                }
            }
        );
    }
}
