//! One client, on the socket or at the control port.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bedplate_boot::control::{Call, Event, Message, Reply};
use bedplate_sys::polling::{self, Chunk, Interest};

use crate::supervision::{Millis, UnitId};

/// A longer line is not a call.
const LONGEST_CALL: usize = 1 << 20;
/// A client that leaves this much unread gets no more events, and its commands wait.
const MOST_UNREAD: usize = 256 * 1024;

/// What carries a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The socket: its end is the client's end.
    Socket,
    /// A serial port: clients come and go unseen.
    Port,
}

/// A client.
#[derive(Debug)]
pub struct Connection {
    descriptor: OwnedFd,
    kind: Kind,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Does it get events?
    pub watching: bool,
    /// Logs that it follows: the call's id, and of which container.
    pub follows: Vec<(u64, UnitId)>,
    /// A port that was found dead is left alone until then.
    pub resting_until: Option<Millis>,
}

/// What came in.
#[derive(Debug, Default)]
pub struct Received {
    /// Calls, in order.
    pub calls: Vec<Call>,
    /// Has the client gone?
    pub gone: bool,
}

impl Connection {
    pub(super) fn new(descriptor: OwnedFd, kind: Kind) -> Self {
        Self {
            descriptor,
            kind,
            input: Vec::new(),
            output: Vec::new(),
            watching: false,
            follows: Vec::new(),
            resting_until: None,
        }
    }

    /// What carries it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// To wait on.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// What to wait for.
    pub fn interest(&self) -> Interest {
        if self.output.is_empty() {
            Interest::Read
        } else {
            Interest::Both
        }
    }

    /// Has it room for more output of a command?
    pub fn has_room(&self) -> bool {
        self.output.len() < MOST_UNREAD
    }

    /// Reads what is there.
    pub fn receive(&mut self) -> Received {
        let mut received = Received::default();
        let mut buffer = [0_u8; 4096];
        loop {
            match polling::read(&self.descriptor, &mut buffer) {
                Chunk::Bytes(count) => self.input.extend_from_slice(&buffer[..count]),
                Chunk::Nothing => break,
                Chunk::End => {
                    received.gone = true;
                    break;
                }
            }
            self.take_calls(&mut received.calls);
        }
        received
    }

    fn take_calls(&mut self, calls: &mut Vec<Call>) {
        while let Some(end) = self.input.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.input.drain(..=end).collect();
            // A serial port may carry noise: what is no call is passed over.
            calls.extend(serde_json::from_slice::<Call>(&line).ok());
        }
        if self.input.len() > LONGEST_CALL {
            self.input.clear();
        }
    }

    /// Answers a call.
    pub fn answer(&mut self, id: u64, reply: Reply) {
        self.send(&Message::Answer { id, reply });
    }

    /// Tells of an event, if the client wants to know and reads what it is told.
    pub fn tell(&mut self, event: &Event) {
        if self.watching && self.has_room() {
            self.send(&Message::Event {
                event: event.clone(),
            });
        }
    }

    fn send(&mut self, message: &Message) {
        serde_json::to_writer(&mut self.output, message)
            .expect("a message is plain data, and a Vec takes it");
        self.output.push(b'\n');
        self.flush();
    }

    /// Writes what can be written; `false` if the client has gone.
    pub fn flush(&mut self) -> bool {
        while !self.output.is_empty() {
            match polling::write(&self.descriptor, &self.output) {
                Ok(0) => return true,
                Ok(count) => drop(self.output.drain(..count)),
                Err(_) => {
                    self.output.clear();
                    return false;
                }
            }
        }
        true
    }

    /// Is anything still to be written?
    pub fn is_flushed(&self) -> bool {
        self.output.is_empty()
    }

    /// Waits until a port has sent everything.
    pub fn drain(&self) {
        if self.kind == Kind::Port {
            bedplate_sys::terminal::drain(&self.descriptor);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use bedplate_boot::control::Request;

    use super::*;

    fn pair() -> (UnixStream, Connection) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        (ours, Connection::new(theirs.into(), Kind::Socket))
    }

    #[test]
    fn calls_come_out_of_pieces_and_noise() {
        let (mut client, mut connection) = pair();
        client
            .write_all(b"\x00login: \n{\"id\":1,\"request\":\"list\"}\n{\"id\":2,\"req")
            .unwrap();
        let received = connection.receive();
        assert_eq!(
            received.calls,
            [Call {
                id: 1,
                request: Request::List
            }]
        );
        client.write_all(b"uest\":\"poweroff\"}\n").unwrap();
        drop(client);
        let received = connection.receive();
        assert_eq!(
            received.calls,
            [Call {
                id: 2,
                request: Request::Poweroff
            }]
        );
        assert!(received.gone);
    }

    #[test]
    fn a_client_that_does_not_read_gets_no_more_events() {
        let (mut client, mut connection) = pair();
        connection.watching = true;
        for _ in 0..100_000 {
            connection.tell(&Event::Up { uptime_ms: 1 });
        }
        assert!(connection.output.len() < MOST_UNREAD + 100);
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"{");
    }
}
