//! The control protocol, host side: lines in, lines out, never waiting for the other end.
//!
//! Knows nothing of containers: [`Connection`]s carry calls and messages, the engine answers them.

mod connection;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;

use bedplate_boot::CONTROL_SOCKET;

pub use connection::{Connection, Kind};

/// The socket in the host.
#[derive(Debug)]
pub struct Listener(UnixListener);

impl Listener {
    /// Makes the socket; only root may use it.
    pub fn open() -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        // There is none in a `/run` that was just mounted, but nothing else may stand there.
        let _ = std::fs::remove_file(CONTROL_SOCKET);
        let listener = UnixListener::bind(CONTROL_SOCKET)?;
        std::fs::set_permissions(CONTROL_SOCKET, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// Readable when someone comes.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Who came.
    pub fn accept(&self) -> Option<Connection> {
        let (stream, _) = self.0.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(Connection::new(OwnedFd::from(stream), Kind::Socket))
    }
}

/// The serial port that the kernel command line names.
pub fn open_port(device: &str) -> io::Result<Connection> {
    let port = bedplate_sys::terminal::open_raw(&Path::new("/dev").join(device))?;
    let mut connection = Connection::new(port, Kind::Port);
    connection.watching = true;
    Ok(connection)
}
