//! The forwarder of logs, against servers on loopback.

#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LINE: &str = "2026-11-21T03:33:06.123Z it works\n";
const MESSAGE: &str = "<30>1 2026-11-21T03:33:06.123Z host web - - - it works";
const PATIENCE: Duration = Duration::from_secs(60);

/// A forwarder that runs; it is killed when this is dropped.
struct Forwarder(Child);

impl Forwarder {
    fn start(to: &str, from: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedplate-tools"));
        command.args(["logs", "--hostname=host", &format!("--to={to}")]);
        command.arg(format!("--from={}", from.display()));
        Self(command.stderr(Stdio::piped()).spawn().unwrap())
    }

    /// The next line that it says.
    fn says(&mut self) -> String {
        let mut line = String::new();
        // A line at a time: nothing may be read ahead and lost.
        let mut byte = [0];
        while self.0.stderr.as_mut().unwrap().read(&mut byte).unwrap() > 0 && byte[0] != b'\n' {
            line.push(byte[0].into());
        }
        line
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn each_line_is_a_datagram() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    let logs = tempfile::tempdir().unwrap();
    let to = format!("udp://{}", server.local_addr().unwrap());
    let _forwarder = Forwarder::start(&to, logs.path());
    // The log comes later than the forwarder, and what is no log is left alone.
    fs::write(logs.path().join("web.log.1"), LINE).unwrap();
    fs::write(logs.path().join("web.log"), LINE).unwrap();
    let mut buffer = [0; 512];
    let count = server.recv(&mut buffer).unwrap();
    assert_eq!(std::str::from_utf8(&buffer[..count]).unwrap(), MESSAGE);
}

#[test]
fn lines_wait_for_a_server_that_comes_late() {
    let logs = tempfile::tempdir().unwrap();
    fs::write(logs.path().join("web.log"), LINE).unwrap();
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut forwarder = Forwarder::start(&format!("tcp://{address}"), logs.path());
    let refused = forwarder.says();
    assert!(refused.contains("Connection refused"), "{refused}");
    let server = TcpListener::bind(address).unwrap();
    let (mut stream, _) = server.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let expected = format!("{} {MESSAGE}", MESSAGE.len());
    let mut received = vec![0; expected.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(String::from_utf8(received).unwrap(), expected);
    let again = forwarder.says();
    assert!(again.ends_with("takes logs again"), "{again}");
}
