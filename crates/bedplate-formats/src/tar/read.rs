//! Reading: headers in, entries out.

use std::io::{Read, Seek};

use bedplate_tree::Entry;
use bedplate_types::{Digest, Object};

use super::entry::{Member, lossy, malformed};
use super::error::{HeaderFault, TarError};
use super::header::Header;
use super::pax::Extensions;
use super::{BLOCK, Limits};
use crate::input::Input;

/// Reads an uncompressed tar: its headers only, seeking over contents.
///
/// Contents become [`Content::Stored`] ranges of `object`, which must be the digest of this archive.
/// Entries come as they stand, the same name more than once if the archive has it so. Absolute names
/// are taken as relative to the image. An archive may end without its two blocks of zeros, but only
/// between two entries.
pub fn read<R: Read + Seek>(
    tar: R,
    object: Digest<Object>,
    limits: &Limits,
) -> Result<Vec<Entry>, TarError> {
    let mut reader = Reader::new(tar, limits)?;
    let mut entries = Vec::new();
    while let Some(member) = reader.next()? {
        entries.push(member.into_entry(object)?);
    }
    Ok(entries)
}

struct Reader<'l, R> {
    input: Input<R>,
    limits: &'l Limits,
    global: Extensions,
    entries: u64,
    extensions: u64,
    content: u64,
}

impl<'l, R: Read + Seek> Reader<'l, R> {
    fn new(tar: R, limits: &'l Limits) -> Result<Self, TarError> {
        let input = Input::new(tar).map_err(|source| TarError::Io { offset: 0, source })?;
        Ok(Self {
            input,
            limits,
            global: Extensions::default(),
            entries: 0,
            extensions: 0,
            content: 0,
        })
    }

    /// The next entry that is not an extension header; the input then stands behind its contents.
    fn next(&mut self) -> Result<Option<Member>, TarError> {
        let mut local = None;
        let mut pending = None;
        while let Some(header) = self.header()? {
            let offset = self.input.position() - BLOCK;
            let size = header
                .size()
                .ok_or_else(|| malformed(&header.name(), "size"))?;
            let own = local.get_or_insert_with(|| self.global.clone());
            match header.kind() {
                b'x' => {
                    let records = self.extension(&header, size)?;
                    apply(own, &header, &records)?;
                    pending = Some(offset);
                }
                b'g' => {
                    let records = self.extension(&header, size)?;
                    apply(&mut self.global, &header, &records)?;
                    apply(own, &header, &records)?;
                }
                kind @ (b'L' | b'K') => {
                    let name = until_nul(self.extension(&header, size)?);
                    *(if kind == b'L' {
                        &mut own.path
                    } else {
                        &mut own.link
                    }) = Some(name);
                    pending = Some(offset);
                }
                _ => {
                    let extensions = local.take().unwrap_or_default();
                    return self.member(header, size, extensions).map(Some);
                }
            }
        }
        // A global header may be the last one, as git makes them; others must have their entry.
        match pending {
            Some(offset) => Err(TarError::NotHeader {
                offset,
                fault: HeaderFault::Dangling,
            }),
            None => Ok(None),
        }
    }

    /// The next header; `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<Header>, TarError> {
        let offset = self.input.position();
        let Some(header) = self.block(offset)? else {
            return Ok(None);
        };
        if !header.is_zero() {
            let good = header.checksum_matches();
            let fault = TarError::NotHeader {
                offset,
                fault: HeaderFault::Checksum,
            };
            return if good { Ok(Some(header)) } else { Err(fault) };
        }
        match self.block(offset + BLOCK)? {
            Some(second) if !second.is_zero() => Err(TarError::NotHeader {
                offset,
                fault: HeaderFault::LoneZeros,
            }),
            _ => Ok(None),
        }
    }

    fn block(&mut self, offset: u64) -> Result<Option<Header>, TarError> {
        match self.input.remaining() {
            0 => return Ok(None),
            1..BLOCK => {
                return Err(TarError::NotHeader {
                    offset,
                    fault: HeaderFault::Cut,
                });
            }
            _ => {}
        }
        let mut header = Header([0; 512]);
        self.input
            .read_exact(&mut header.0)
            .map_err(|source| TarError::Io { offset, source })?;
        Ok(Some(header))
    }

    /// The contents of an extension header.
    fn extension(&mut self, header: &Header, size: u64) -> Result<Vec<u8>, TarError> {
        let name = header.name();
        self.extensions = self.extensions.saturating_add(size);
        self.limit(
            size,
            self.limits.extension,
            "bytes in one extension header",
            &name,
        )?;
        self.limit(
            self.extensions,
            self.limits.extensions,
            "bytes in extension headers",
            &name,
        )?;
        self.fits(size, &name)?;
        let offset = self.input.position();
        let io = |source| TarError::Io { offset, source };
        let mut bytes = vec![0; usize::try_from(size).expect("it lies below a limit")];
        self.input.read_exact(&mut bytes).map_err(io)?;
        self.input
            .skip(padding(size).min(self.input.remaining()))
            .map_err(io)?;
        Ok(bytes)
    }

    fn member(
        &mut self,
        header: Header,
        size: u64,
        extensions: Extensions,
    ) -> Result<Member, TarError> {
        let name = extensions.path.clone().unwrap_or_else(|| header.name());
        if extensions.sparse || header.kind() == b'S' {
            return Err(TarError::Sparse {
                entry: lossy(&name),
            });
        }
        // Only files have contents. Some writers give links the size of their target, as Go knows too.
        let len = if is_file(header.kind()) {
            extensions.size.unwrap_or(size)
        } else {
            0
        };
        self.entries += 1;
        self.content = self.content.saturating_add(len);
        self.limit(self.entries, self.limits.entries, "entries", &name)?;
        self.limit(
            self.content,
            self.limits.content,
            "bytes of contents",
            &name,
        )?;
        self.fits(len, &name)?;
        let offset = self.input.position();
        let padded = (len + padding(len)).min(self.input.remaining());
        self.input
            .skip(padded)
            .map_err(|source| TarError::Io { offset, source })?;
        Ok(Member {
            header,
            name,
            extensions,
            offset,
            len,
        })
    }

    fn limit(
        &self,
        value: u64,
        limit: u64,
        what: &'static str,
        name: &[u8],
    ) -> Result<(), TarError> {
        if value <= limit {
            Ok(())
        } else {
            Err(TarError::Limit {
                entry: lossy(name),
                what,
                limit,
            })
        }
    }

    fn fits(&self, len: u64, name: &[u8]) -> Result<(), TarError> {
        let end = self.input.position().saturating_add(len);
        if end <= self.input.len() {
            return Ok(());
        }
        Err(TarError::Truncated {
            entry: lossy(name),
            end,
            len: self.input.len(),
        })
    }
}

fn apply(extensions: &mut Extensions, header: &Header, records: &[u8]) -> Result<(), TarError> {
    extensions
        .apply(records)
        .map_err(|bad| malformed(&header.name(), bad.0))
}

fn is_file(kind: u8) -> bool {
    !matches!(kind, b'1'..=b'6')
}

fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    bytes.truncate(end);
    bytes
}

fn padding(len: u64) -> u64 {
    len.wrapping_neg() % BLOCK
}
