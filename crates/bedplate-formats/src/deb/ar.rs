//! The ar archive around a package (ar(5), deb(5)).
//!
//! ```text
//! 0 name 16   16 time 12   28 uid 6   34 gid 6   40 mode 8   48 size 10   58 "`\n"   60 contents, padded to 2
//! ```

use std::io::{BufRead, ErrorKind, Read};

use super::DebError;

const MAGIC: &[u8; 8] = b"!<arch>\n";

/// Header of a member; its contents follow.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) size: u64,
}

/// Reads the magic number.
pub(super) fn begin(reader: &mut impl BufRead) -> Result<(), DebError> {
    let mut magic = [0; 8];
    fill(reader, &mut magic)?;
    if &magic == MAGIC {
        Ok(())
    } else {
        Err(DebError::Ar("it does not begin with `!<arch>`"))
    }
}

/// Reads the next header; `None` at the end.
pub(super) fn next(reader: &mut impl BufRead) -> Result<Option<Member>, DebError> {
    let at_end = reader.fill_buf().map_err(io)?.is_empty();
    if at_end {
        return Ok(None);
    }
    let mut header = [0; 60];
    fill(reader, &mut header)?;
    if &header[58..] != b"`\n" {
        return Err(DebError::Ar("a member header has a wrong end mark"));
    }
    let field = |bytes| std::str::from_utf8(bytes).map(str::trim_end);
    let name = field(&header[..16]).map_err(|_| DebError::Ar("a member name is not text"))?;
    let size = field(&header[48..58])
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let size = size
        .and_then(|text| text.parse().ok())
        .ok_or(DebError::Ar("a member size is not a number"))?;
    // Some writers end names with a slash, as GNU ar does.
    Ok(Some(Member {
        name: name.trim_end_matches('/').to_owned(),
        size,
    }))
}

/// Skips the byte after contents of odd length; the last member may lack it.
pub(super) fn skip_padding(reader: &mut impl BufRead, member: &Member) -> Result<(), DebError> {
    if member.size % 2 == 1 && !reader.fill_buf().map_err(io)?.is_empty() {
        reader.consume(1);
    }
    Ok(())
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<(), DebError> {
    reader
        .read_exact(buffer)
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => DebError::Ar("it is cut off"),
            _ => io(error),
        })
}

fn io(source: std::io::Error) -> DebError {
    DebError::Io {
        member: "ar archive".to_owned(),
        source,
    }
}
