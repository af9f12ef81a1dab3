//! Asking services whether they are ready: each question on a thread of its own, which may enter the
//! service's network namespace and wait, and answers through a channel.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bedplate_boot::Probe;
use bedplate_sys::children::Output;
use bedplate_sys::namespaces;

use super::Engine;
use super::children::Child;
use crate::console;
use crate::containers::runtime_calls;
use crate::supervision::{Happening, UnitId};

/// A service that does not answer in this time is not ready.
const PATIENCE: Duration = Duration::from_secs(2);
const STACK: usize = 128 * 1024;

/// Answers of probes, and what wakes the loop for them.
pub struct Answers {
    sender: Sender<Happening>,
    receiver: Receiver<Happening>,
    wake: UnixStream,
    waker: UnixStream,
}

impl Answers {
    pub fn new() -> io::Result<Self> {
        let (sender, receiver) = channel();
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        Ok(Self {
            sender,
            receiver,
            wake,
            waker,
        })
    }

    /// Readable when an answer waits.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// All answers that wait.
    pub fn take(&mut self) -> Vec<Happening> {
        let mut bytes = [0; 64];
        while self.wake.read(&mut bytes).is_ok_and(|count| count > 0) {}
        self.receiver.try_iter().collect()
    }
}

impl Engine {
    pub(super) fn probe(&mut self, id: UnitId) {
        let entry = self.supervisor.entry(id);
        let run = entry.run;
        let (Some(ready), Some(pid)) = (&entry.ready, entry.pid) else {
            return;
        };
        match ready.probe.clone() {
            Probe::File(path) => {
                let passed = namespaces::exists_in_root_of(pid, path.as_ref()).unwrap_or(false);
                self.queue.push_back(Happening::Probed(id, run, passed));
            }
            Probe::Exec(command) => {
                match runtime_calls::exec(&entry.runtime_id(), &command, Output::Discarded) {
                    Ok(child) => drop(self.children.insert(child, Child::Probe(id, run))),
                    Err(_) => self.queue.push_back(Happening::Probed(id, run, false)),
                }
            }
            probe @ (Probe::Tcp(_) | Probe::Http { .. }) => {
                self.probe_on_thread(id, run, pid, probe)
            }
        }
    }

    fn probe_on_thread(&mut self, id: UnitId, run: u32, pid: u32, probe: Probe) {
        let sender = self.answers.sender.clone();
        let Ok(mut waker) = self.answers.waker.try_clone() else {
            return self.queue.push_back(Happening::Probed(id, run, false));
        };
        let ask = move || {
            let passed = namespaces::enter_network_of(pid)
                .and_then(|()| passes(&probe))
                .unwrap_or(false);
            // The loop lives as long as the machine; a full pipe has woken it already.
            let _ = sender.send(Happening::Probed(id, run, passed));
            let _ = waker.write(&[1]);
        };
        if let Err(error) = std::thread::Builder::new().stack_size(STACK).spawn(ask) {
            console::warn("start a probe", &error);
            self.queue.push_back(Happening::Probed(id, run, false));
        }
    }
}

fn passes(probe: &Probe) -> io::Result<bool> {
    match probe {
        Probe::Tcp(port) => connect(*port).map(|_| true),
        Probe::Http { port, path } => get(*port, path).map(|status| (200..400).contains(&status)),
        Probe::File(_) | Probe::Exec(_) => Ok(false),
    }
}

fn connect(port: u16) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE)
}

fn get(port: u16, path: &str) -> io::Result<u16> {
    let mut stream = connect(port)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: localhost\r\nUser-Agent: bedplate-init\r\nConnection: close\r\n\r\n"
    )?;
    let mut line = Vec::new();
    while line.len() < 256 && !line.ends_with(b"\n") {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            break;
        }
        line.push(byte[0]);
    }
    status(&line).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// `HTTP/1.0 200 OK`
fn status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_whitespace();
    words
        .next()
        .filter(|version| version.starts_with("HTTP/"))?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_status_line_is_read() {
        assert_eq!(status(b"HTTP/1.1 204 No Content\r\n"), Some(204));
        assert_eq!(status(b"SSH-2.0-x\r\n"), None);
        assert_eq!(status(b"HTTP/1.1"), None);
    }

    #[test]
    fn a_server_is_asked_over_loopback() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(passes(&Probe::Tcp(port)).unwrap());
        let answer = std::thread::spawn(move || {
            let mut clients = listener.incoming();
            clients.next();
            let mut client = clients.next().unwrap().unwrap();
            let mut bytes = [0; 16];
            client.read_exact(&mut bytes).unwrap();
            client.write_all(b"HTTP/1.0 302 Found\r\n\r\n").unwrap();
            bytes
        });
        assert!(
            passes(&Probe::Http {
                port,
                path: "/health?x=1".into()
            })
            .unwrap()
        );
        assert_eq!(&answer.join().unwrap(), b"GET /health?x=1 ");
        assert!(passes(&Probe::Tcp(port)).is_err());
    }
}
