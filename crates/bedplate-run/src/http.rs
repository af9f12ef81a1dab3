//! As much of HTTP/1.0 (RFC 1945) as it takes to see whether a service answers. No TLS.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use crate::error::RunError;

/// Longest answer that is read, in bytes.
const LONGEST: u64 = 16 << 20;

/// `http://HOST[:PORT][/PATH]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path with query; begins with `/`.
    pub path: String,
}

impl FromStr for HttpUrl {
    type Err = RunError;

    fn from_str(text: &str) -> Result<Self, RunError> {
        let bad = |why: &str| {
            RunError::option(
                format!("`{text}` {why}"),
                "write http://localhost:8080/path",
            )
        };
        let rest = text
            .strip_prefix("http://")
            .ok_or_else(|| bad("is no http:// URL"))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| bad("has a malformed port"))?),
            None => (authority, 80),
        };
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if host.is_empty() || host.contains('@') || !plain(rest) {
            return Err(bad("has a malformed host or path"));
        }
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self {
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header lines, as they came.
    pub headers: Vec<String>,
    /// Body.
    pub body: Vec<u8>,
}

/// Fetches `url`; each step may take `limit`.
pub fn get(url: &HttpUrl, limit: Duration) -> io::Result<Response> {
    let address = (url.host.as_str(), url.port)
        .to_socket_addrs()?
        .find(std::net::SocketAddr::is_ipv4);
    let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    write!(
        stream,
        "GET {} HTTP/1.0\r\nHost: {}:{}\r\nConnection: close\r\n\r\n",
        url.path, url.host, url.port
    )?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    parse(&answer)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}

fn parse(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()?
        .strip_prefix("HTTP/")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    Some(Response {
        status,
        headers: lines.map(str::to_owned).collect(),
        body: answer[end + 4..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn urls_have_host_port_and_path() {
        let url: HttpUrl = "http://guest:8080/a?b".parse().unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.path.as_str()),
            ("guest", 8080, "/a?b")
        );
        assert_eq!(
            "http://localhost".parse::<HttpUrl>().unwrap().to_string(),
            "http://localhost:80/"
        );
        for bad in [
            "",
            "https://x/",
            "http://",
            "http://:80",
            "http://a:b/",
            "http://a b/",
            "http://a@b/",
            "http://a/\r\nX:",
        ] {
            assert!(bad.parse::<HttpUrl>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_answer_is_fetched_and_taken_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap();
            stream
                .write_all(b"HTTP/1.1 404 Not Found\r\nServer: test\r\n\r\nno")
                .unwrap();
            String::from_utf8_lossy(&request[..count]).into_owned()
        });
        let url = HttpUrl {
            host: "127.0.0.1".into(),
            port,
            path: "/x".into(),
        };
        let response = get(&url, Duration::from_secs(10)).unwrap();
        assert_eq!(
            (response.status, response.body.as_slice()),
            (404, b"no".as_slice())
        );
        assert!(server.join().unwrap().starts_with("GET /x HTTP/1.0\r\n"));
        assert!(parse(b"SSH-2.0-dropbear\r\n\r\n").is_none());
    }
}
