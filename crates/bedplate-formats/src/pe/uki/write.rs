//! Writing: a stub, and sections behind it.

use std::io::{self, Read, Write};

use bedplate_tree::Content;

use super::{CMDLINE, PAGE, UkiError};
use crate::content::{ReadContent, copy_exactly};
use crate::pe::headers::{Headers, SectionHeader, field, number};
use crate::pe::{PeError, align};

/// Contains code, readable ("PE Format", "Section Flags").
const CODE: u32 = 0x4000_0020;
/// Contains initialised data, readable.
const DATA: u32 = 0x4000_0040;

/// What a section holds, its length known before.
pub enum Source<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// All that a reader gives, which must be `len` bytes.
    Reader {
        /// Length in bytes.
        len: u64,
        /// Gives the bytes.
        reader: &'a mut dyn Read,
    },
    /// The content of a file of a tree.
    Content {
        /// Which.
        content: &'a Content,
        /// Has the bytes.
        contents: &'a dyn ReadContent,
    },
}

impl Source<'_> {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Reader { len, .. } => *len,
            Self::Content { content, .. } => content.len(),
        }
    }

    fn copy(self, out: &mut dyn Write) -> io::Result<()> {
        let (len, reader) = match self {
            Self::Bytes(bytes) => return out.write_all(bytes),
            Self::Content { content, contents } => return copy_exactly(contents, content, out),
            Self::Reader { len, reader } => (len, reader),
        };
        let count = io::copy(&mut reader.take(len), out)?;
        if count == len && reader.read(&mut [0])? == 0 {
            return Ok(());
        }
        let message = match count == len {
            true => format!("its content has more than {len} bytes"),
            false => format!("its content has {count} bytes instead of {len}"),
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }
}

/// What a Unified Kernel Image is made of.
pub struct Uki<'a> {
    /// The EFI stub, such as `linuxx64.efi.stub` of systemd.
    pub stub: &'a [u8],
    /// The host's `/etc/os-release`. Boot loaders list only images that have one.
    pub osrel: Option<Source<'a>>,
    /// The kernel command line: UTF-8 without newline or NUL.
    pub cmdline: Option<Source<'a>>,
    /// The kernel's release, as `uname -r` tells it.
    pub uname: Option<Source<'a>>,
    /// A picture shown while booting (BMP).
    pub splash: Option<Source<'a>>,
    /// The initrd: cpio archives in a row.
    pub initrd: Option<Source<'a>>,
    /// An initrd of processor microcode, passed before the other. Stubs before systemd 256 do not know it.
    pub ucode: Option<Source<'a>>,
    /// The kernel, an EFI application itself.
    pub linux: Source<'a>,
}

/// Writes an image. `out` is written from its beginning on, once; memory use does not depend on the
/// lengths of the sections. The stub's signature, symbol table and time stamp are left out.
pub fn write<W: Write>(uki: Uki<'_>, mut out: W) -> Result<W, UkiError> {
    let stub = uki.stub;
    let mut headers = Headers::parse(stub).and_then(|headers| {
        headers.check_application()?;
        headers.check_within(stub.len() as u64)?;
        Ok(headers)
    })?;
    let parts = parts(uki);
    check(stub, &headers, &parts)?;

    let own = headers.sections.len();
    let old_len = headers.len();
    let raw_ends = headers.sections.iter().map(SectionHeader::raw_end);
    let stub_end = raw_ends.max().unwrap_or(0).max(old_len);
    make_room(&mut headers, parts.len())?;
    let mut raw_offset = stub_end + (headers.len() - old_len);
    for (name, source) in &parts {
        raw_offset = append(&mut headers, raw_offset, name, source.len())?;
    }
    headers.strip();

    let io = |section| move |source| UkiError::Io { section, source };
    out.write_all(&headers.render()).map_err(io("stub"))?;
    let body = &stub[old_len as usize..stub_end as usize];
    out.write_all(body).map_err(io("stub"))?;
    for ((name, source), section) in parts.into_iter().zip(&headers.sections[own..]) {
        let padding = u64::from(section.raw_size) - source.len();
        source.copy(&mut out).map_err(io(name))?;
        pad(&mut out, padding).map_err(io(name))?;
    }
    out.flush().map_err(io("stub"))?;
    Ok(out)
}

/// Sections in their order, with their names.
fn parts(uki: Uki<'_>) -> Vec<(&'static str, Source<'_>)> {
    let all = [
        (".osrel", uki.osrel),
        (CMDLINE, uki.cmdline),
        (".uname", uki.uname),
        (".splash", uki.splash),
        (".initrd", uki.initrd),
        (".ucode", uki.ucode),
        (".linux", Some(uki.linux)),
    ];
    let given = |(name, source): (_, Option<_>)| Some((name, source?));
    all.into_iter().filter_map(given).collect()
}

fn check(
    stub: &[u8],
    headers: &Headers,
    parts: &[(&'static str, Source<'_>)],
) -> Result<(), UkiError> {
    let alignment = headers.get(field::FILE_ALIGNMENT);
    let misaligned = |section: &SectionHeader| {
        section.raw_size != 0
            && !(section.raw_offset.is_multiple_of(alignment)
                && section.raw_size.is_multiple_of(alignment))
    };
    if headers.sections.iter().any(misaligned) {
        let what = "a section of the stub is not aligned to FileAlignment";
        return Err(PeError::Malformed(what).into());
    }
    for &(name, ref source) in parts {
        if source.len() == 0 {
            return Err(UkiError::Empty(name));
        }
        if headers
            .sections
            .iter()
            .any(|section| section.name() == name)
        {
            return Err(UkiError::Duplicate(name));
        }
        // A stub has the names that it looks for among its data.
        let known = [name.as_bytes(), b"\0"].concat();
        let knows = || stub.windows(known.len()).any(|window| window == known);
        if name == ".ucode" && !knows() {
            return Err(UkiError::UnknownToStub(name));
        }
    }
    Ok(())
}

/// Makes the headers long enough for `more` section headers.
fn make_room(headers: &mut Headers, more: usize) -> Result<(), UkiError> {
    let needed = headers.table_end(headers.sections.len() + more) as u64;
    let by = align(
        needed.saturating_sub(headers.len()),
        headers.get(field::FILE_ALIGNMENT),
    );
    let first = headers
        .sections
        .iter()
        .map(|section| section.virtual_address)
        .min();
    let fits = by == 0 || first.is_none_or(|first| headers.len() + by <= first.into());
    if !fits || !headers.rest_is_free() {
        return Err(UkiError::NoRoom(more));
    }
    Ok(headers.grow(number(by)?)?)
}

/// Adds the header of a section that begins at `raw_offset` and gives the offset of its end.
fn append(headers: &mut Headers, raw_offset: u64, name: &str, len: u64) -> Result<u64, PeError> {
    let page = headers.get(field::SECTION_ALIGNMENT).max(PAGE);
    let ends = headers.sections.iter().map(SectionHeader::virtual_end);
    let virtual_address = align(ends.max().unwrap_or(0).max(headers.len()), page);
    let raw_size = align(len, headers.get(field::FILE_ALIGNMENT));
    let (characteristics, total) = match name {
        // Kernels that cannot be loaded as EFI applications run where they lie.
        ".linux" => (CODE, field::SIZE_OF_CODE),
        _ => (DATA, field::SIZE_OF_INITIALIZED_DATA),
    };
    let mut name_field = [0; 8];
    name_field[..name.len()].copy_from_slice(name.as_bytes());
    let section = SectionHeader {
        name: name_field,
        virtual_size: number(len)?,
        virtual_address: number(virtual_address)?,
        raw_size: number(raw_size)?,
        raw_offset: number(raw_offset)?,
        unused: [0; 12],
        characteristics,
    };
    let end = align(section.virtual_end(), headers.get(field::SECTION_ALIGNMENT));
    headers.set(field::SIZE_OF_IMAGE, end)?;
    headers.set(total, u64::from(headers.get(total)) + raw_size)?;
    headers.sections.push(section);
    Ok(raw_offset + raw_size)
}

/// Writes zeros.
pub(super) fn pad(out: &mut impl Write, count: u64) -> io::Result<()> {
    io::copy(&mut io::repeat(0).take(count), out).map(drop)
}
