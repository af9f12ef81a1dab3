//! Where the body of an answer ends (RFC 9112, 6.3).

use std::io::{self, Read};

use super::Head;

/// The longest line of a chunk's size, extensions included.
const LONGEST_LINE: usize = 1024;

/// The body of an answer: reading ends where it ends, and one that is cut off is an error.
#[derive(Debug)]
pub struct Body<R> {
    source: R,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    /// So many bytes.
    Length(u64),
    Chunked(Chunks),
    /// Until the connection ends.
    Open,
}

/// How far a body in chunks has come (RFC 9112, 7.1).
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Chunks {
    /// The next line says how long a chunk is.
    #[default]
    Size,
    /// So much of a chunk is to come, and then the end of a line.
    Data(u64),
    /// It was the last one.
    Done,
}

/// Why a body could not be read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The connection ended.
    #[error("the connection ended in the middle of the file")]
    Cut,
    /// Chunks that are none.
    #[error("the chunks of the answer are malformed")]
    Chunks,
}

impl From<BodyError> for io::Error {
    fn from(error: BodyError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl<R: Read> Body<R> {
    /// The body that follows `head`.
    pub fn new(head: &Head, source: R) -> Self {
        let rest = match (head.chunked, head.length) {
            (true, _) => Rest::Chunked(Chunks::Size),
            (false, Some(length)) => Rest::Length(length),
            (false, None) => Rest::Open,
        };
        Self { source, rest }
    }
}

impl<R: Read> Read for Body<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match &mut self.rest {
            Rest::Length(0) => Ok(0),
            Rest::Length(left) => read_some(&mut self.source, buffer, left),
            Rest::Chunked(chunks) => chunks.read(&mut self.source, buffer),
            Rest::Open => self.source.read(buffer),
        }
    }
}

impl Chunks {
    fn read(&mut self, source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        if *self == Self::Size {
            let line = read_line(source)?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            let size = u64::from_str_radix(digits, 16).ok().filter(|_| plain);
            *self = match size.ok_or(BodyError::Chunks)? {
                0 => Self::Done,
                size => Self::Data(size),
            };
        }
        let Self::Data(left) = self else {
            return Ok(0);
        };
        let count = read_some(source, buffer, left)?;
        if *left == 0 {
            if !read_line(source)?.is_empty() {
                return Err(BodyError::Chunks.into());
            }
            *self = Self::Size;
        }
        Ok(count)
    }
}

fn read_some(source: &mut impl Read, buffer: &mut [u8], left: &mut u64) -> io::Result<usize> {
    let most = usize::try_from(*left)
        .unwrap_or(usize::MAX)
        .min(buffer.len());
    match source.read(&mut buffer[..most])? {
        0 => Err(BodyError::Cut.into()),
        count => {
            *left -= count as u64;
            Ok(count)
        }
    }
}

fn read_line(source: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_LINE {
            return Err(BodyError::Chunks.into());
        }
        if source.read(&mut byte)? == 0 {
            return Err(BodyError::Cut.into());
        }
        line.push(byte[0]);
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).map_err(|_| BodyError::Chunks.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &Head, bytes: &[u8]) -> Result<String, String> {
        let mut text = String::new();
        match Body::new(head, bytes).read_to_string(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(error.to_string()),
        }
    }

    fn chunked(bytes: &str) -> Result<String, String> {
        let head = Head {
            chunked: true,
            ..Head::default()
        };
        read(&head, bytes.as_bytes())
    }

    const CUT: &str = "the connection ended in the middle of the file";
    const MALFORMED: &str = "the chunks of the answer are malformed";

    #[test]
    fn a_body_with_a_length_ends_there_and_not_before() {
        let head = Head {
            length: Some(3),
            ..Head::default()
        };
        assert_eq!(read(&head, b"abcd"), Ok("abc".into()));
        assert_eq!(read(&head, b"ab"), Err(CUT.into()));
        assert_eq!(read(&Head::default(), b"ab"), Ok("ab".into()));
    }

    #[test]
    fn chunks_are_joined() {
        let body = "3\r\nabc\r\nA;name=value\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
        assert_eq!(chunked(body), Ok("abc0123456789".into()));
        for end in 0..body.find("0\r\nT").unwrap() {
            assert_eq!(chunked(&body[..end]), Err(CUT.into()), "{end}");
        }
    }

    #[test]
    fn chunks_that_are_none_are_refused() {
        for bad in [
            "x\r\n",
            "\r\n",
            "+3\r\nabc\r\n",
            "3\r\nabcd\r\n",
            "11111111111111111\r\n",
        ] {
            assert_eq!(chunked(bad), Err(MALFORMED.into()), "{bad:?}");
        }
        assert_eq!(chunked(&"1".repeat(2000)), Err(MALFORMED.into()));
    }
}
