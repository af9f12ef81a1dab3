//! The client's side of the control protocol ([`bedplate_boot::control`]) on a guest's second serial port.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use bedplate_boot::control::{Call, Event, Message, Reply, Request};

/// A control connection. Clones are the same connection.
#[derive(Debug, Clone)]
pub struct Control(Arc<Connection>);

#[derive(Debug)]
struct Connection {
    stream: Mutex<UnixStream>,
    next: AtomicU64,
    /// `None` once the connection is closed.
    pending: Mutex<Option<HashMap<u64, mpsc::Sender<Reply>>>>,
}

/// A request that was sent: where its replies come out.
#[derive(Debug)]
pub struct Pending(mpsc::Receiver<Reply>);

impl Pending {
    /// The next reply; `None` if the connection closed, `TimedOut` if none came within `limit`.
    pub fn next(&self, limit: Duration) -> io::Result<Option<Reply>> {
        match self.0.recv_timeout(limit) {
            Ok(reply) => Ok(Some(reply)),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
            Err(mpsc::RecvTimeoutError::Disconnected) => Ok(None),
        }
    }
}

impl Control {
    pub(crate) fn new(stream: UnixStream) -> Self {
        let pending = Mutex::new(Some(HashMap::new()));
        Self(Arc::new(Connection {
            stream: Mutex::new(stream),
            next: AtomicU64::new(1),
            pending,
        }))
    }

    /// Sends a request.
    pub fn call(&self, request: Request) -> io::Result<Pending> {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (sender, replies) = mpsc::channel();
        match self.pending().as_mut() {
            Some(pending) => pending.insert(id, sender),
            None => return Err(io::ErrorKind::NotConnected.into()),
        };
        let mut line = serde_json::to_vec(&Call { id, request }).expect("a call is plain data");
        line.push(b'\n');
        self.0
            .stream
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(&line)?;
        Ok(Pending(replies))
    }

    /// Takes a line from the host: a reply goes to who waits for it, an event is given back. Noise is dropped.
    pub(crate) fn receive(&self, line: &[u8]) -> Option<Event> {
        match serde_json::from_slice(line).ok()? {
            Message::Event { event } => Some(event),
            Message::Answer { id, reply } => {
                let mut pending = self.pending();
                let pending = pending.as_mut()?;
                let sender = match reply {
                    Reply::Output { .. } => pending.get(&id).cloned(),
                    _ => pending.remove(&id),
                };
                if let Some(sender) = sender {
                    // Whoever asked may have gone.
                    let _ = sender.send(reply);
                }
                None
            }
        }
    }

    /// The connection is closed: nobody waits in vain.
    pub(crate) fn close(&self) {
        *self.pending() = None;
    }

    fn pending(&self) -> MutexGuard<'_, Option<HashMap<u64, mpsc::Sender<Reply>>>> {
        self.0
            .pending
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn replies_find_their_request_and_noise_is_dropped() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let control = Control::new(ours);
        let first = control.call(Request::List).unwrap();
        let second = control.call(Request::Poweroff).unwrap();
        let mut sent = String::new();
        BufReader::new(theirs).read_line(&mut sent).unwrap();
        assert_eq!(sent, "{\"id\":1,\"request\":\"list\"}\n");

        assert_eq!(control.receive(b"[ 1.0] noise"), None);
        assert_eq!(control.receive(br#"{"id":2,"reply":"done"}"#), None);
        assert_eq!(control.receive(br#"{"id":9,"reply":"done"}"#), None);
        let event = control.receive(br#"{"event":{"up":{"uptime_ms":5}}}"#);
        assert_eq!(event, Some(Event::Up { uptime_ms: 5 }));
        assert_eq!(second.next(LIMIT).unwrap(), Some(Reply::Done));
        control.close();
        assert_eq!(first.next(LIMIT).unwrap(), None);
        assert!(control.call(Request::List).is_err());
    }
}
