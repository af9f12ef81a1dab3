//! What an initrd takes in memory once it is unpacked, found without keeping any of it.
//!
//! An initrd is a row of cpio archives (newc; Linux `Documentation/driver-api/early-userspace/buffer-format.rst`)
//! with zeros between them; the last ones may be compressed. Of each member's header two fields matter here:
//!
//! ```text
//! 0 "070701"   54 c_filesize, 8 hexadecimal digits   94 c_namesize, likewise   110 name, content: each padded to 4
//! ```

use std::io::{self, BufRead, BufReader, Read};

use bedplate_formats::compression::{self, Compression};

const HEADER: usize = 110;
const PAGE: u64 = 4096;
/// What the kernel keeps for each file.
const INODE: u64 = 1024;

/// The size of the root that `initrd` unpacks to, in bytes: files in whole pages, and what the kernel keeps for each.
pub(crate) fn size(mut initrd: impl BufRead + Send) -> io::Result<u64> {
    let mut total = 0;
    loop {
        match next(&mut initrd)? {
            Next::End => return Ok(total),
            Next::Archive => total += archive(&mut initrd)?,
            Next::Compressed(kind) => {
                let mut inner =
                    BufReader::with_capacity(1 << 18, compression::decoder(kind, initrd)?);
                loop {
                    match next(&mut inner)? {
                        Next::End => return Ok(total),
                        Next::Archive => total += archive(&mut inner)?,
                        Next::Compressed(_) => return Err(malformed("it is compressed twice")),
                    }
                }
            }
        }
    }
}

enum Next {
    Archive,
    Compressed(Compression),
    End,
}

fn next(reader: &mut impl BufRead) -> io::Result<Next> {
    loop {
        let buffer = reader.fill_buf()?;
        let zeros = buffer.iter().take_while(|&&byte| byte == 0).count();
        if buffer.is_empty() {
            return Ok(Next::End);
        }
        if zeros > 0 {
            reader.consume(zeros);
            continue;
        }
        return match compression::detect(buffer) {
            Compression::None if buffer[0] == b'0' => Ok(Next::Archive),
            Compression::None => Err(malformed(
                "it is no cpio archive, and compressed in no known way",
            )),
            kind => Ok(Next::Compressed(kind)),
        };
    }
}

fn archive(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut total = 0;
    loop {
        let mut header = [0; HEADER];
        reader.read_exact(&mut header)?;
        if !header.starts_with(b"070701") && !header.starts_with(b"070702") {
            return Err(malformed("a member has no newc header"));
        }
        let (content, name) = (field(&header, 54)?, field(&header, 94)?);
        let padded_name = (HEADER as u64 + name).next_multiple_of(4) - HEADER as u64;
        let mut text = Vec::new();
        reader.take(padded_name).read_to_end(&mut text)?;
        if text.starts_with(b"TRAILER!!!\0") {
            return Ok(total);
        }
        let padded = content.next_multiple_of(4);
        if io::copy(&mut reader.take(padded), &mut io::sink())? < padded {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        total += INODE + content.div_ceil(PAGE) * PAGE;
    }
}

fn field(header: &[u8; HEADER], at: usize) -> io::Result<u64> {
    let digits = std::str::from_utf8(&header[at..at + 8]).ok();
    digits
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .ok_or_else(|| malformed("a number is malformed"))
}

fn malformed(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, content: &[u8]) -> Vec<u8> {
        let mut out = b"070701".to_vec();
        for number in 0..13 {
            let value = match number {
                6 => content.len(),
                11 => name.len() + 1,
                _ => 0,
            };
            out.extend(format!("{value:08X}").bytes());
        }
        for part in [[name.as_bytes(), b"\0"].concat().as_slice(), content] {
            out.extend(part);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }

    #[test]
    fn archives_in_a_row_count_in_whole_pages() {
        let mut initrd = [member("ucode", &[1; 5000]), member("TRAILER!!!", b"")].concat();
        initrd.resize(initrd.len().next_multiple_of(512), 0);
        initrd.extend(
            [
                member("a", b"x"),
                member("dir", b""),
                member("TRAILER!!!", b""),
            ]
            .concat(),
        );
        assert_eq!(size(&initrd[..]).unwrap(), 8192 + 4096 + 3 * 1024);
        assert_eq!(size(&b""[..]).unwrap(), 0);
    }

    #[test]
    fn what_is_cut_or_strange_is_an_error() {
        let whole = member("a", &[1; 5000]);
        assert!(size(&whole[..4000]).is_err());
        assert!(size(&whole[..]).is_err(), "no trailer");
        assert!(size(&b"hello"[..]).is_err());
    }
}
