//! Web servers on loopback, good ones and bad ones.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a server does with a request for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// As it should.
    Serve,
    /// So many bytes, then the end of the connection.
    CutAfter(usize),
    /// So many bytes, then silence.
    StallAfter(usize),
    /// The whole file, whatever was asked for.
    IgnoreRange,
    /// In chunks.
    Chunked,
    /// Another status.
    Status(u16),
    /// To this path.
    Redirect(&'static str),
}

/// Path and first byte of a request, and how often the path was asked for before.
pub type Script = dyn Fn(&str, u64, usize) -> Act + Send + Sync;
/// How bytes get to a client.
pub type Dress = dyn Fn(TcpStream) -> Box<dyn Connection> + Send + Sync;

pub trait Connection: Read + Write + Send {}
impl<T: Read + Write + Send> Connection for T {}

/// A server; it runs until the tests end.
pub struct Server {
    pub port: u16,
    asked: Arc<Mutex<Vec<(String, u64)>>>,
}

impl Server {
    /// Serves files by path, as `script` says.
    pub fn start(
        files: BTreeMap<String, Vec<u8>>,
        script: impl Fn(&str, u64, usize) -> Act + Send + Sync + 'static,
        dress: impl Fn(TcpStream) -> Box<dyn Connection> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<(String, u64)>>> = Arc::default();
        let record = asked.clone();
        let files = Arc::new(files);
        let (script, dress): (Arc<Script>, Arc<Dress>) = (Arc::new(script), Arc::new(dress));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (files, script, record) = (files.clone(), script.clone(), record.clone());
                let dress = dress.clone();
                std::thread::spawn(move || {
                    let stream = dress(stream);
                    // A client that goes away is one of the cases.
                    let _ = answer(stream, &files, &*script, &record);
                });
            }
        });
        Self { port, asked }
    }

    /// A URL of this server as a guest sees it.
    pub fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://10.0.2.2:{}{path}", self.port)
    }

    /// The first bytes that were asked for of a path, in order.
    pub fn asked(&self, path: &str) -> Vec<u64> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|(other, _)| other == path)
            .map(|(_, from)| *from)
            .collect()
    }
}

fn answer(
    stream: Box<dyn Connection>,
    files: &BTreeMap<String, Vec<u8>>,
    script: &Script,
    record: &Mutex<Vec<(String, u64)>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut path, mut from) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(rest) = line.strip_prefix("GET ") {
            path = rest.split(' ').next().unwrap().to_owned();
        }
        if let Some(rest) = line.strip_prefix("Range: bytes=") {
            from = rest.trim().trim_end_matches('-').parse().unwrap();
        }
    }
    let before = {
        let mut record = record.lock().unwrap();
        record.push((path.clone(), from));
        record.iter().filter(|(other, _)| *other == path).count() - 1
    };
    let mut out = reader.into_inner();
    let act = script(&path, from, before);
    let status = |status: u16, more: &str| {
        format!("HTTP/1.1 {status} X\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n")
    };
    match (act, files.get(&path)) {
        (Act::Status(code), _) => out.write_all(status(code, "").as_bytes())?,
        (Act::Redirect(to), _) => {
            out.write_all(status(302, &format!("Location: {to}\r\n")).as_bytes())?;
        }
        (_, None) => out.write_all(status(404, "").as_bytes())?,
        (act, Some(file)) => serve(&mut *out, act, file, from)?,
    }
    out.flush()
}

fn serve(out: &mut dyn Connection, act: Act, file: &[u8], from: u64) -> std::io::Result<()> {
    let whole = file.len();
    let from = match act {
        Act::IgnoreRange => 0,
        _ => usize::try_from(from).unwrap().min(whole),
    };
    let body = &file[from..];
    let first = match from {
        0 => "HTTP/1.1 200 OK\r\n".to_owned(),
        _ => format!(
            "HTTP/1.1 206 X\r\nContent-Range: bytes {from}-{}/{whole}\r\n",
            whole - 1
        ),
    };
    let length = match act {
        Act::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    out.write_all(format!("{first}{length}Connection: close\r\n\r\n").as_bytes())?;
    match act {
        Act::CutAfter(len) => out.write_all(&body[..len.min(body.len())]),
        Act::StallAfter(len) => {
            out.write_all(&body[..len.min(body.len())])?;
            out.flush()?;
            // Silence, until the client has enough of it.
            let _ = out.read(&mut [0]);
            Ok(())
        }
        Act::Chunked => {
            for chunk in body.chunks(100_000) {
                out.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
                out.write_all(chunk)?;
                out.write_all(b"\r\n")?;
            }
            out.write_all(b"0\r\n\r\n")
        }
        _ => out.write_all(body),
    }
}
