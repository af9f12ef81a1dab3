//! A registry on loopback that misbehaves on request.
//!
//! It serves the blobs of an OCI layout, and asks a script before each answer: the script may change
//! it. What was asked is recorded.

#![allow(
    clippy::unwrap_used,
    reason = "it fails by panicking, as the tests that use it do"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

/// What the script wants of an answer.
#[derive(Debug, Clone)]
pub enum Act {
    /// As it should be.
    Serve,
    /// Another status, with these headers (each ending in CRLF) and this body.
    Say(u16, String, String),
    /// That a token is wanted, which `/token` of this server gives.
    Challenge,
    /// Only so many bytes of the body, then the connection is cut.
    CutAfter(usize),
    /// Only so many bytes of the body, then silence.
    StallAfter(usize),
    /// Other bytes.
    Instead(Vec<u8>),
    /// The whole, whatever `Range` says.
    IgnoreRange,
}

/// A request: its path, its `Range` and its `Authorization`.
#[derive(Debug, Clone)]
pub struct Asked {
    /// With the leading slash.
    pub path: String,
    /// `bytes=FROM-`
    pub range: Option<String>,
    /// Credentials or token.
    pub authorization: Option<String>,
}

type Script = dyn Fn(&Asked, usize) -> Act + Send + Sync;

/// The registry. Dropped, it hears no more, and stalled answers end.
pub struct Server {
    /// Its host and port.
    pub host: String,
    /// All requests so far.
    pub asked: Arc<Mutex<Vec<Asked>>>,
    over: Arc<(Mutex<bool>, Condvar)>,
}

impl Server {
    /// Serves the layout in `dir`: tags are the names in its index. `script` gets the request, and how
    /// often the same path was asked for before.
    pub fn start(
        dir: &Path,
        script: impl Fn(&Asked, usize) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let over: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let (record, end, dir) = (asked.clone(), over.clone(), dir.to_owned());
        let script: Arc<Script> = Arc::new(script);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if *end.0.lock().unwrap() {
                    return;
                }
                let one = Answering {
                    dir: dir.clone(),
                    record: record.clone(),
                    end: end.clone(),
                    script: script.clone(),
                };
                std::thread::spawn(move || one.serve(stream));
            }
        });
        Self { host, asked, over }
    }

    /// How often a path that ends so was asked for.
    pub fn count(&self, end: &str) -> usize {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|asked| asked.path.ends_with(end))
            .count()
    }

    /// The ranges that were asked for of a path that ends so.
    pub fn ranges(&self, end: &str) -> Vec<Option<String>> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|asked| asked.path.ends_with(end))
            .map(|asked| asked.range.clone())
            .collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        *self.over.0.lock().unwrap() = true;
        self.over.1.notify_all();
        let _ = TcpStream::connect(&self.host);
    }
}

struct Answering {
    dir: PathBuf,
    record: Arc<Mutex<Vec<Asked>>>,
    end: Arc<(Mutex<bool>, Condvar)>,
    script: Arc<Script>,
}

impl Answering {
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some(asked) = read_request(&mut reader) {
            let before = {
                let mut record = self.record.lock().unwrap();
                record.push(asked.clone());
                record
                    .iter()
                    .filter(|other| other.path == asked.path)
                    .count()
                    - 1
            };
            if !self.answer(&asked, (self.script)(&asked, before), &stream) {
                let _ = stream.shutdown(Shutdown::Both);
                return;
            }
        }
    }

    /// Says whether the connection goes on.
    fn answer(&self, asked: &Asked, act: Act, mut stream: &TcpStream) -> bool {
        let whole = match &act {
            Act::Say(status, headers, body) => {
                return say(stream, *status, headers, body.as_bytes(), body.len());
            }
            Act::Challenge => {
                let host = stream.local_addr().unwrap();
                let header = format!(
                    "WWW-Authenticate: Bearer realm=\"http://{host}/token\",service=\"test\"\r\n"
                );
                return say(stream, 401, &header, b"", 0);
            }
            Act::Instead(bytes) => Some(bytes.clone()),
            _ => self.content(&asked.path),
        };
        let Some(whole) = whole else {
            return say(stream, 404, "", b"gone", 4);
        };
        let from = asked.range.as_ref().and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        });
        let (status, body) = match from {
            Some(from) if !matches!(act, Act::IgnoreRange) => {
                (206, whole.get(from..).unwrap_or_default())
            }
            _ => (200, &whole[..]),
        };
        let kind = if asked.path.contains("/manifests/") {
            manifest_type(&whole)
        } else {
            "application/octet-stream".into()
        };
        let headers = format!("Content-Type: {kind}\r\n");
        match act {
            Act::CutAfter(count) | Act::StallAfter(count) => {
                let begin = &body[..count.min(body.len())];
                say(stream, status, &headers, begin, body.len());
                if matches!(act, Act::StallAfter(_)) {
                    let _ = stream.flush();
                    let over = self.end.0.lock().unwrap();
                    drop(self.end.1.wait_while(over, |over| !*over).unwrap());
                }
                false
            }
            _ => say(stream, status, &headers, body, body.len()),
        }
    }

    fn content(&self, path: &str) -> Option<Vec<u8>> {
        if path == "/v2/" {
            return Some(b"{}".to_vec());
        }
        let (_, wanted) = path.rsplit_once('/')?;
        let digest = match wanted.strip_prefix("sha256:") {
            Some(digest) => digest.to_owned(),
            None => self.tagged(wanted)?,
        };
        fs::read(self.dir.join("blobs/sha256").join(digest)).ok()
    }

    fn tagged(&self, tag: &str) -> Option<String> {
        let index: serde_json::Value =
            serde_json::from_slice(&fs::read(self.dir.join("index.json")).ok()?).ok()?;
        let named = |one: &&serde_json::Value| {
            one["annotations"]["org.opencontainers.image.ref.name"] == tag
        };
        let found = index["manifests"].as_array()?.iter().find(named)?;
        Some(
            found["digest"]
                .as_str()?
                .strip_prefix("sha256:")?
                .to_owned(),
        )
    }
}

fn manifest_type(bytes: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    value["mediaType"]
        .as_str()
        .unwrap_or("application/json")
        .to_owned()
}

fn say(mut stream: &TcpStream, status: u16, headers: &str, body: &[u8], len: usize) -> bool {
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {len}\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).is_ok() && stream.write_all(body).is_ok()
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .ok()
        .filter(|&count| count > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut asked = Asked {
        path,
        range: None,
        authorization: None,
    };
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let (name, value) = match line.trim_end().split_once(": ") {
            Some((name, value)) => (name.to_ascii_lowercase(), value.to_owned()),
            None => return Some(asked),
        };
        match name.as_str() {
            "range" => asked.range = Some(value),
            "authorization" => asked.authorization = Some(value),
            _ => {}
        }
    }
}
