//! `logs`: what containers write, sent to a syslog server as it is written.
//!
//! The logs are the files `NAME.log` of a directory, each line with a time before it. They are read from their
//! beginnings, and turn over while they are read. A line counts as sent when the system took it: after a restart lines
//! may come twice, and over UDP any may be lost.

mod following;
mod message;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::error::Error;
use crate::options::Options;
use crate::{Result, say};
use following::Followed;

/// Where to (`udp://HOST:PORT`, `tcp://HOST:PORT`), from which directory, under which name of the host.
pub const OPTIONS: &[&str] = &["to", "from", "hostname"];

const PAUSE: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Does it, for as long as the host runs.
pub fn run(options: &Options) -> Result<()> {
    let target = Target::parse(options.need("to")?)?;
    let directory = Path::new(options.get("from").unwrap_or("/var/log"));
    let mut forwarder = Forwarder {
        target,
        connection: None,
        hostname: options.get("hostname").map(str::to_owned),
        logs: BTreeMap::new(),
    };
    let mut pause = PAUSE;
    let mut is_well = true;
    loop {
        match forwarder.turn(directory) {
            Ok(()) => {
                if !is_well {
                    say(format!("{} takes logs again", forwarder.target));
                }
                (is_well, pause) = (true, PAUSE);
            }
            Err(error) => {
                // Once for each outage: this, too, is a log that is sent.
                if is_well {
                    say(Error::io(format!("send logs to {}", forwarder.target))(error).chain());
                }
                forwarder.connection = None;
                is_well = false;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        thread::sleep(pause);
    }
}

/// A server, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// One datagram a message (RFC 5426).
    Udp(String),
    /// Messages with their lengths before them (RFC 6587, 3.4.1).
    Tcp(String),
}

impl Target {
    fn parse(text: &str) -> Result<Self> {
        let is_address = |rest: &str| {
            let port = rest.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
        };
        match text.split_once("://") {
            Some(("udp", rest)) if is_address(rest) => Ok(Self::Udp(rest.to_owned())),
            Some(("tcp", rest)) if is_address(rest) => Ok(Self::Tcp(rest.to_owned())),
            _ => Err(Error::Usage(format!(
                "`{text}` is not udp://HOST:PORT or tcp://HOST:PORT"
            ))),
        }
    }

    fn connect(&self) -> io::Result<Connection> {
        let (Self::Udp(name) | Self::Tcp(name)) = self;
        let address = name
            .to_socket_addrs()?
            .next()
            .ok_or(io::ErrorKind::AddrNotAvailable)?;
        match self {
            Self::Udp(_) => {
                let any = if address.is_ipv4() {
                    "0.0.0.0:0"
                } else {
                    "[::]:0"
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                Ok(Connection::Udp(socket))
            }
            Self::Tcp(_) => {
                let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Connection::Tcp(stream))
            }
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Udp(name) => write!(f, "udp://{name}"),
            Self::Tcp(name) => write!(f, "tcp://{name}"),
        }
    }
}

enum Connection {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Connection {
    fn send(&mut self, message: &str) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(message.as_bytes()).map(drop),
            Self::Tcp(stream) => {
                stream.write_all(format!("{} {message}", message.len()).as_bytes())
            }
        }
    }
}

struct Forwarder {
    target: Target,
    connection: Option<Connection>,
    hostname: Option<String>,
    logs: BTreeMap<PathBuf, Followed>,
}

impl Forwarder {
    /// Sends all that was written since the last turn.
    fn turn(&mut self, directory: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log")
                && !self.logs.contains_key(&path)
            {
                self.logs.insert(path.clone(), Followed::new(path));
            }
        }
        let hostname = match &self.hostname {
            Some(name) => name.clone(),
            None => bedplate_sys::machine::hostname(),
        };
        for (path, log) in &mut self.logs {
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            log.each_line(|line| {
                let connection = match &mut self.connection {
                    Some(connection) => connection,
                    none => none.insert(self.target.connect()?),
                };
                connection.send(&message::render(&hostname, &name, line))
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_a_protocol_and_a_port() {
        for good in [
            "udp://10.0.2.2:514",
            "tcp://logs.example.org:6514",
            "udp://[::1]:514",
        ] {
            assert_eq!(Target::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "udp://",
            "udp://host",
            "host:514",
            "tls://host:6514",
            "tcp://:514",
            "tcp://host:0",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}
