//! As much of HTTP/1.1 (RFC 9112) as metadata services speak: GET and PUT without a body, no TLS, no redirects.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::error::Error;

/// Longest answer, head and all, in bytes.
const LONGEST: usize = 2 << 20;
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks one service.
pub struct Client {
    authority: String,
    deadline: Instant,
}

impl Client {
    /// For the service at `base` (`http://HOST[:PORT]`), until `limit` is over for all that is asked.
    pub fn new(base: &str, limit: Duration) -> Result<Self> {
        let authority = base
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'));
        let plain = |text: &&str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b))
        };
        let Some(authority) = authority.filter(plain) else {
            return Err(Error::Usage(format!("`{base}` is not http://HOST[:PORT]")));
        };
        Ok(Self {
            authority: authority.to_owned(),
            deadline: Instant::now() + limit,
        })
    }

    /// What lies at a path; `None` if there is nothing (404).
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Option<Vec<u8>>> {
        self.ask("GET", path, headers)
    }

    /// The answer to a PUT without a body.
    pub fn put(&self, path: &str, headers: &[(&str, &str)]) -> Result<Option<Vec<u8>>> {
        self.ask("PUT", path, headers)
    }

    /// Tries again while the service cannot be reached or is not well, until the deadline.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<Option<Vec<u8>>> {
        let doing = format!("ask for http://{}{path}", self.authority);
        let mut pause = Duration::from_millis(200);
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            let answer = self.once(method, path, headers, left.min(PATIENCE));
            let fault = match answer {
                Ok(answer) => match answer.status {
                    200 => return Ok(Some(answer.body)),
                    404 => return Ok(None),
                    429 | 500..=599 => io::Error::other(format!("the answer is {}", answer.status)),
                    other => {
                        let error = io::Error::other(format!("the answer is {other}"));
                        return Err(Error::io(doing)(error));
                    }
                },
                Err(error) => error,
            };
            if Instant::now() + pause >= self.deadline {
                return Err(Error::io(doing)(fault));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    fn once(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        limit: Duration,
    ) -> io::Result<Answer> {
        let deadline = Instant::now() + limit;
        let left = || match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::Error::from(io::ErrorKind::TimedOut)),
            left => Ok(left),
        };
        let mut stream = TcpStream::connect_timeout(&self.address()?, left()?)?;
        stream.set_write_timeout(Some(left()?))?;
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.authority
        );
        if method == "PUT" {
            request += "Content-Length: 0\r\n";
        }
        for (name, value) in headers {
            if value.contains(['\r', '\n']) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a header would be two lines",
                ));
            }
            request += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{request}\r\n").as_bytes())?;
        let mut bytes = Vec::new();
        let mut part = [0; 8192];
        loop {
            stream.set_read_timeout(Some(left()?))?;
            match stream.read(&mut part)? {
                0 => break,
                count => bytes.extend_from_slice(&part[..count]),
            }
            if bytes.len() > LONGEST {
                return Err(io::Error::other("the answer is longer than 2 MiB"));
            }
            // A server may keep the connection open all the same.
            if let Some(answer) = Answer::parse(&bytes, End::Open) {
                return Ok(answer);
            }
        }
        Answer::parse(&bytes, End::Closed).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the answer is cut off, or not HTTP",
            )
        })
    }

    fn address(&self) -> io::Result<SocketAddr> {
        let has_port = self
            .authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.ends_with(']'));
        let full = if has_port {
            self.authority.clone()
        } else {
            format!("{}:80", self.authority)
        };
        full.to_socket_addrs()?
            .next()
            .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }
}

/// Has the server closed the connection?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Closed,
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    /// A whole answer; `None` if it is none, or not whole yet.
    fn parse(bytes: &[u8], end: End) -> Option<Self> {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..head_end]).ok()?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        words.next()?.strip_prefix("HTTP/1.")?;
        let status = words.next()?.parse().ok()?;
        let fields: Vec<(String, &str)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
            .collect();
        let field = |name: &str| {
            fields
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| *value)
        };
        let rest = &bytes[head_end + 4..];
        let body = if field("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
        {
            unchunked(rest)?
        } else if let Some(length) = field("content-length") {
            rest.get(..length.parse().ok()?)?.to_vec()
        } else if end == End::Closed {
            rest.to_vec()
        } else {
            return None;
        };
        Some(Self { status, body })
    }
}

/// The body of a chunked message (RFC 9112, 7.1).
fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let line = std::str::from_utf8(&bytes[..line_end]).ok()?;
        let size = line.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        bytes = &bytes[line_end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(bytes: &[u8], end: End) -> Option<String> {
        Answer::parse(bytes, end).map(|answer| String::from_utf8(answer.body).unwrap())
    }

    #[test]
    fn a_body_ends_as_the_head_says() {
        let counted = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd";
        assert_eq!(body(counted, End::Open).unwrap(), "abc");
        assert_eq!(body(&counted[..counted.len() - 2], End::Closed), None);
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n";
        assert_eq!(body(chunked, End::Open).unwrap(), "abc");
        assert_eq!(body(&chunked[..chunked.len() - 8], End::Closed), None);
        let open = b"HTTP/1.0 404 Not Found\r\n\r\nno";
        assert_eq!(body(open, End::Open), None);
        assert_eq!(Answer::parse(open, End::Closed).unwrap().status, 404);
        assert_eq!(body(b"SSH-2.0-x\r\n\r\n", End::Closed), None);
    }

    #[test]
    fn only_plain_http_is_asked() {
        for bad in [
            "https://x",
            "ftp://x",
            "http://",
            "http://a/b",
            "http://a b",
        ] {
            assert!(Client::new(bad, PATIENCE).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..80), sizes in "[0-9a-f\r\n;]{0,30}") {
            for start in ["", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200\r\nContent-Length: "] {
                let mut whole = start.as_bytes().to_vec();
                whole.extend(sizes.as_bytes());
                whole.extend(&bytes);
                let _ = Answer::parse(&whole, End::Closed);
                let _ = Answer::parse(&whole, End::Open);
            }
        }
    }
}
