//! Asking PID 1 over its socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use bedplate_boot::CONTROL_SOCKET;
use bedplate_boot::bytes_from_text;
use bedplate_boot::control::{Call, Message, Reply, Request, Stream};

use super::arguments::{Command, Invocation};
use super::{print, printing};

/// The host could not be asked, or refused.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No one listens.
    #[error("cannot reach the host at `{CONTROL_SOCKET}`")]
    Unreachable(#[source] io::Error),
    /// The connection broke.
    #[error("the host ended the connection before it answered")]
    Broken,
    /// It said no.
    #[error("{0}")]
    Refused(String),
}

const CALL: u64 = 1;

/// Asks, prints the answer, and gives the exit status.
pub fn carry_out(invocation: &Invocation) -> Result<i32, ClientError> {
    let (request, only) = match &invocation.command {
        Command::Ask(request) => (request.clone(), None),
        Command::Status(name) => (Request::List, Some(name.as_str())),
        Command::Help | Command::Version => return Ok(0),
    };
    let forever = matches!(request, Request::Watch);
    let mut stream = UnixStream::connect(CONTROL_SOCKET).map_err(ClientError::Unreachable)?;
    let mut line =
        serde_json::to_string(&Call { id: CALL, request }).expect("a call is plain data");
    line.push('\n');
    stream
        .write_all(line.as_bytes())
        .map_err(ClientError::Unreachable)?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(|_| ClientError::Broken)?;
        let Ok(message) = serde_json::from_str::<Message>(&line) else {
            continue;
        };
        if invocation.json && only.is_none() {
            print(format!("{line}\n").as_bytes());
        }
        match message {
            Message::Event { event } if !invocation.json => {
                print(printing::event(&event).as_bytes())
            }
            Message::Event { .. } => {}
            Message::Answer {
                reply: Reply::Done, ..
            } if forever => {}
            Message::Answer { reply, .. } => {
                if let Some(code) = take(reply, invocation.json, only)? {
                    return Ok(code);
                }
            }
        }
    }
    if forever {
        Ok(0)
    } else {
        Err(ClientError::Broken)
    }
}

/// Prints one answer; `Some` is the exit status of the last one.
fn take(reply: Reply, json: bool, only: Option<&str>) -> Result<Option<i32>, ClientError> {
    match reply {
        Reply::Done => Ok(Some(0)),
        Reply::Exit { code } => Ok(Some(code)),
        Reply::Error { message } => Err(ClientError::Refused(message)),
        Reply::Output { stream, bytes } => {
            if !json {
                let bytes = bytes_from_text(&bytes).unwrap_or_default();
                match stream {
                    Stream::Out => print(&bytes),
                    // Standard error that is closed has nobody to tell.
                    Stream::Err => drop(io::stderr().write_all(&bytes)),
                }
            }
            Ok(None)
        }
        Reply::Containers(mut containers) => {
            if let Some(name) = only {
                containers.retain(|container| container.name == name);
                if containers.is_empty() {
                    return Err(ClientError::Refused(format!(
                        "there is no container `{name}` on this host"
                    )));
                }
                if json {
                    print(
                        format!(
                            "{}\n",
                            serde_json::to_string(&containers).expect("containers are plain data")
                        )
                        .as_bytes(),
                    );
                }
            }
            if !json {
                print(printing::table(&containers).as_bytes());
            }
            Ok(Some(0))
        }
    }
}
