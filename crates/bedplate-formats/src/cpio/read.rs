//! Reading, contents into memory, or where they lie in the archive.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use bedplate_tree::Content;
use bedplate_types::{Digest, Object};

use super::error::CpioError;
use super::member::Member;
use super::{HEADER_LEN, TRAILER, kind, padding};

/// What a reader accepts at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Number of members in one archive.
    pub members: u64,
    /// All names of one archive, and the contents that are held in memory, together in bytes.
    pub memory: u64,
}

impl Default for Limits {
    /// A million members, 1 GiB.
    fn default() -> Self {
        Self {
            members: 1_000_000,
            memory: 1 << 30,
        }
    }
}

/// Reads all archives to the end of `input`, each as its members; zeros may stand between them.
/// `limits` hold for each archive.
pub fn read(mut input: impl BufRead, limits: &Limits) -> Result<Vec<Vec<Member>>, CpioError> {
    let mut archives = Vec::new();
    while let Some(archive) = read_archive(&mut input, limits)? {
        archives.push(archive);
    }
    Ok(archives)
}

/// Reads the next archive and the zeros around it, and no byte of what follows, which may be
/// another archive or compressed ones; `None` at the end of `input`.
pub fn read_archive(
    input: &mut impl BufRead,
    limits: &Limits,
) -> Result<Option<Vec<Member>>, CpioError> {
    let mut reader = Reader::new(input, 0, limits);
    reader.archive(|reader, header| Ok(Content::inline(reader.bytes(header.len.into())?)))
}

/// Reads the archive at byte `from` of `input` and the zeros around it, looking only at headers: contents
/// become ranges of `object`, which must be the digest of the whole input. Checksums of contents are not
/// looked at. Gives the members, and the byte that follows; `None` at the end of `input`.
pub fn index<R: Read + Seek>(
    input: R,
    from: u64,
    object: Digest<Object>,
    limits: &Limits,
) -> Result<Option<(Vec<Member>, u64)>, CpioError> {
    let mut input = BufReader::new(input);
    let io = |source| CpioError::Io {
        offset: from,
        source,
    };
    let end = input.seek(SeekFrom::End(0)).map_err(io)?;
    input.seek(SeekFrom::Start(from)).map_err(io)?;
    let mut reader = Reader::new(&mut input, from, limits);
    let members = reader.archive(|reader, header| {
        if header.mode & kind::MASK != kind::FILE {
            return Ok(Content::inline(reader.bytes(header.len.into())?));
        }
        let offset = reader.offset;
        reader.skip(header.len, end)?;
        Ok(Content::Stored {
            object,
            offset,
            len: header.len.into(),
        })
    })?;
    Ok(members.map(|members| (members, reader.offset)))
}

/// What a header says of the content that follows the name.
struct Header {
    mode: u32,
    /// Length in bytes.
    len: u32,
}

struct Reader<'a, R> {
    input: &'a mut R,
    offset: u64,
    limits: &'a Limits,
    memory: u64,
}

impl<'a, R: BufRead> Reader<'a, R> {
    fn new(input: &'a mut R, offset: u64, limits: &'a Limits) -> Self {
        Self {
            input,
            offset,
            limits,
            memory: 0,
        }
    }

    /// The next archive and the zeros around it; `take` goes over contents.
    fn archive(
        &mut self,
        mut take: impl FnMut(&mut Self, &Header) -> Result<Content, CpioError>,
    ) -> Result<Option<Vec<Member>>, CpioError> {
        if self.skip_zeros()? {
            return Ok(None);
        }
        let begin = self.offset;
        let mut members = Vec::new();
        loop {
            let member = self.member(begin, &mut take)?;
            if member.name == TRAILER {
                break;
            }
            members.push(member);
            if members.len() as u64 > self.limits.members {
                return Err(CpioError::Limit {
                    what: "members",
                    limit: self.limits.members,
                });
            }
        }
        self.skip_zeros()?;
        Ok(Some(members))
    }

    /// Skips zeros; is the end of the input reached?
    fn skip_zeros(&mut self) -> Result<bool, CpioError> {
        loop {
            let offset = self.offset;
            let buffer = self
                .input
                .fill_buf()
                .map_err(|source| CpioError::Io { offset, source })?;
            let zeros = buffer
                .iter()
                .position(|&byte| byte != 0)
                .unwrap_or(buffer.len());
            let (empty, found) = (buffer.is_empty(), zeros < buffer.len());
            self.input.consume(zeros);
            self.offset += zeros as u64;
            if empty || found {
                return Ok(empty);
            }
        }
    }

    /// The next member; `begin` is where the archive began, which paddings count from.
    fn member(
        &mut self,
        begin: u64,
        take: &mut impl FnMut(&mut Self, &Header) -> Result<Content, CpioError>,
    ) -> Result<Member, CpioError> {
        let at = self.offset;
        let header = self.bytes(HEADER_LEN as u64)?;
        let not_header = |what| CpioError::NotHeader { offset: at, what };
        let summed = match &header[..6] {
            b"070701" => false,
            b"070702" => true,
            b"070707" => return Err(not_header("it is of the old portable format, not of newc")),
            _ => return Err(not_header("it does not begin with `070701`")),
        };
        let numbers =
            numbers(&header[6..]).ok_or_else(|| not_header("a number is not hexadecimal"))?;
        let [
            inode,
            mode,
            uid,
            gid,
            nlink,
            mtime,
            len,
            major,
            minor,
            rmajor,
            rminor,
            name_len,
            sum,
        ] = numbers;
        // The kernel skips what has a longer name than it can make.
        if !(1..=4096).contains(&name_len) {
            return Err(not_header("its name is empty or too long"));
        }
        let mut name = self.bytes(name_len.into())?;
        if name.pop() != Some(0) || name.contains(&0) {
            return Err(not_header("its name does not end where it says"));
        }
        self.skip_padding(begin)?;
        let data = take(self, &Header { mode, len })?;
        self.skip_padding(begin)?;
        if let (true, Content::Inline(bytes)) = (summed, &data)
            && bytes
                .iter()
                .fold(0_u32, |sum, &byte| sum.wrapping_add(byte.into()))
                != sum
        {
            return Err(CpioError::Checksum {
                entry: String::from_utf8_lossy(&name).into_owned(),
            });
        }
        let (device, rdev) = ((major, minor), (rmajor, rminor));
        Ok(Member {
            name,
            inode,
            mode,
            uid,
            gid,
            nlink,
            mtime,
            device,
            rdev,
            data,
        })
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>, CpioError> {
        self.memory = self.memory.saturating_add(count);
        if self.memory > self.limits.memory {
            return Err(CpioError::Limit {
                what: "bytes in memory",
                limit: self.limits.memory,
            });
        }
        let offset = self.offset;
        let mut bytes = Vec::new();
        let read = self.input.take(count).read_to_end(&mut bytes);
        read.map_err(|source| CpioError::Io { offset, source })?;
        self.offset += bytes.len() as u64;
        if bytes.len() as u64 == count {
            return Ok(bytes);
        }
        Err(CpioError::Io {
            offset: self.offset,
            source: io::ErrorKind::UnexpectedEof.into(),
        })
    }

    fn skip_padding(&mut self, begin: u64) -> Result<(), CpioError> {
        let count = padding(self.offset - begin) as u64;
        self.bytes(count).map(|_| ())
    }
}

impl<R: Read + Seek> Reader<'_, BufReader<R>> {
    /// Skips `count` bytes of an input that ends at `end`.
    fn skip(&mut self, count: u32, end: u64) -> Result<(), CpioError> {
        let offset = self.offset;
        let io = |source| CpioError::Io { offset, source };
        if offset + u64::from(count) > end {
            return Err(io(io::ErrorKind::UnexpectedEof.into()));
        }
        self.input.seek_relative(count.into()).map_err(io)?;
        self.offset += u64::from(count);
        Ok(())
    }
}

/// The thirteen numbers of a header.
fn numbers(digits: &[u8]) -> Option<[u32; 13]> {
    let mut numbers = [0; 13];
    for (number, digits) in numbers.iter_mut().zip(digits.chunks_exact(8)) {
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        *number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(numbers)
}
