//! Requests, and the heads of answers.

use super::Url;

/// The longest head that is read.
pub const LONGEST_HEAD: usize = 16 << 10;

/// A request for a file, from this byte on.
pub fn request(url: &Url, from: u64) -> String {
    let range = match from {
        0 => String::new(),
        from => format!("Range: bytes={from}-\r\n"),
    };
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bedplate-init\r\nAccept: */*\r\n\
         Accept-Encoding: identity\r\n{range}Connection: close\r\n\r\n",
        url.target,
        url.authority(),
    )
}

/// The head of an answer, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Status code.
    pub status: u16,
    /// `Content-Length`
    pub length: Option<u64>,
    /// Does the body come in chunks?
    pub chunked: bool,
    /// `Location`
    pub location: Option<String>,
    /// The first byte and the whole length from `Content-Range`; `*` is no length.
    pub range: Option<(u64, Option<u64>)>,
}

/// A head that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    /// Not HTTP.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// Too long.
    #[error("the head of the answer is longer than {LONGEST_HEAD} bytes")]
    TooLong,
    /// A field that cannot be read.
    #[error("the field `{0}` of the answer is malformed")]
    Field(&'static str),
    /// The body is encoded in a way that was not asked for.
    #[error("the answer is encoded, which was not asked for")]
    Encoded,
}

impl Head {
    /// Reads a head from the beginning of what came: it, and its length; `None` if more has to come.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, BadHead> {
        let begins = bytes.len().min(5);
        if bytes[..begins] != b"HTTP/"[..begins] {
            return Err(BadHead::NotHttp);
        }
        let window = &bytes[..bytes.len().min(LONGEST_HEAD)];
        let Some(end) = window.windows(4).position(|four| four == b"\r\n\r\n") else {
            return match bytes.len() < LONGEST_HEAD {
                true => Ok(None),
                false => Err(BadHead::TooLong),
            };
        };
        let text = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(status).ok_or(BadHead::NotHttp)?;
        let mut head = Self {
            status,
            ..Self::default()
        };
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(BadHead::NotHttp)?;
            head.field(&name.to_ascii_lowercase(), value.trim())?;
        }
        Ok(Some((head, end + 4)))
    }

    fn field(&mut self, name: &str, value: &str) -> Result<(), BadHead> {
        match name {
            "content-length" => {
                let length = value
                    .parse()
                    .map_err(|_| BadHead::Field("Content-Length"))?;
                if self.length.is_some_and(|known| known != length) {
                    return Err(BadHead::Field("Content-Length"));
                }
                self.length = Some(length);
            }
            "transfer-encoding" => match value.eq_ignore_ascii_case("chunked") {
                true => self.chunked = true,
                false => return Err(BadHead::Encoded),
            },
            "content-encoding" if !value.eq_ignore_ascii_case("identity") => {
                return Err(BadHead::Encoded);
            }
            "location" => self.location = Some(value.to_owned()),
            "content-range" => {
                let range = content_range(value).ok_or(BadHead::Field("Content-Range"))?;
                self.range = Some(range);
            }
            _ => {}
        }
        Ok(())
    }

    /// Is it a redirection that a GET follows?
    pub fn is_redirection(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308)
    }
}

/// `HTTP/1.1 200 OK`
fn status(line: &str) -> Option<u16> {
    let (version, rest) = line.split_once(' ')?;
    let digits = rest.split(' ').next()?;
    let known = matches!(version, "HTTP/1.1" | "HTTP/1.0");
    (known && digits.len() == 3)
        .then(|| digits.parse().ok())
        .flatten()
}

/// `bytes 5-9/10`, `bytes 5-9/*`, `bytes */10`
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, whole) = value.strip_prefix("bytes ")?.split_once('/')?;
    let whole = match whole {
        "*" => None,
        digits => Some(digits.parse().ok()?),
    };
    let first = match range.split_once('-') {
        Some((first, _)) => first.parse().ok()?,
        None if range == "*" => 0,
        None => return None,
    };
    Some((first, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_asks_for_what_is_missing() {
        let url = Url::parse("http://example.org:8080/root.img?a").unwrap();
        let text = request(&url, 5);
        assert!(text.starts_with("GET /root.img?a HTTP/1.1\r\nHost: example.org:8080\r\n"));
        assert!(text.contains("\r\nRange: bytes=5-\r\n"));
        assert!(text.ends_with("\r\n\r\n"));
        assert!(!request(&url, 0).contains("Range"));
    }

    #[test]
    fn the_fields_that_matter_are_read() {
        let bytes = b"HTTP/1.1 206 Partial Content\r\ncontent-LENGTH: 5\r\nServer: x\r\n\
            Content-Range: bytes 5-9/10\r\nLocation: /b\r\n\r\nabcde";
        let (head, len) = Head::parse(bytes).unwrap().unwrap();
        assert_eq!(
            head,
            Head {
                status: 206,
                length: Some(5),
                chunked: false,
                location: Some("/b".into()),
                range: Some((5, Some(10))),
            }
        );
        assert_eq!(&bytes[len..], b"abcde");
        for end in 0..len {
            assert_eq!(Head::parse(&bytes[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let error = |text: &str| Head::parse(format!("{text}\r\n\r\n").as_bytes()).unwrap_err();
        assert_eq!(error("SSH-2.0"), BadHead::NotHttp);
        assert_eq!(error("HTTP/2 200"), BadHead::NotHttp);
        assert_eq!(error("HTTP/1.1 20 OK"), BadHead::NotHttp);
        assert_eq!(error("HTTP/1.1 200 OK\r\nno colon"), BadHead::NotHttp);
        let field = |line: &str| error(&format!("HTTP/1.1 200 OK\r\n{line}"));
        assert_eq!(
            field("Content-Length: -1"),
            BadHead::Field("Content-Length")
        );
        assert_eq!(
            field("Content-Length: 1\r\nContent-Length: 2"),
            BadHead::Field("Content-Length")
        );
        assert_eq!(field("Content-Range: 1-2"), BadHead::Field("Content-Range"));
        assert_eq!(field("Transfer-Encoding: gzip"), BadHead::Encoded);
        assert_eq!(field("Content-Encoding: gzip"), BadHead::Encoded);
        let endless = [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &[b'a'; LONGEST_HEAD]].concat();
        assert_eq!(Head::parse(&endless), Err(BadHead::TooLong));
    }
}
