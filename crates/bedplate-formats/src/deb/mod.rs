//! Debian binary packages (deb(5)): control files out, data as an uncompressed tar out.
//!
//! ```text
//! "!<arch>\n"                                       an ar archive
//! debian-binary        "2.0\n"                      version of the format
//! control.tar[.…]      control, md5sums, scripts    none, gzip, zstd or xz
//! data.tar[.…]         the files                    the same
//! ```
//!
//! Maintainer scripts are handed out as bytes; nothing here runs them.

mod ar;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Cursor, Read, Write};

use bedplate_tree::{Content, EntryKind};
use bedplate_types::Digest;

use crate::compression::{self, Compression};
use crate::deb822::{self, Deb822Error, Paragraph};
use crate::tar::{self, TarError};

/// Largest uncompressed `control.tar`, in bytes. Debian's largest has 12 MiB.
const CONTROL_MAX: u64 = 64 << 20;

/// The control part of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The fields of `control`: `Package`, `Version`, `Architecture`, `Depends`, …
    pub fields: Paragraph,
    /// All files of `control.tar` by name without `./`: `control` itself, `md5sums`, `postinst`, …
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Why a package was not read. The message has no file name: the caller adds which package it was.
#[derive(Debug, thiserror::Error)]
pub enum DebError {
    /// Not an ar archive, or a broken one.
    #[error("the package is not a well-formed ar archive: {0}")]
    Ar(&'static str),
    /// Reading the package or unpacking a part of it failed, or writing its data did.
    #[error("cannot read the `{member}` of the package")]
    Io {
        /// The part of the package.
        member: String,
        /// Why; a limit is a [`compression::TooLarge`] in it.
        source: io::Error,
    },
    /// A version of the format other than 2.x.
    #[error("the package is of the unknown format version `{0}`")]
    Version(String),
    /// A part is missing, or not where it belongs.
    #[error("the package has no `{0}` where it belongs")]
    Missing(&'static str),
    /// The control archive is malformed.
    #[error("the control archive of the package is malformed")]
    ControlTar(#[source] TarError),
    /// The control file is malformed.
    #[error("the control file of the package is malformed")]
    ControlFile(#[source] Deb822Error),
    /// The control file lacks a field that every package has.
    #[error("the control file of the package has no field `{0}`")]
    Field(&'static str),
}

/// Reads a package from its beginning to its end and writes its files as an uncompressed tar, which
/// [`tar::read`] understands once it is seekable, into `data`.
pub fn unpack(
    mut deb: impl BufRead + Send,
    limits: compression::Limits,
    data: &mut dyn Write,
) -> Result<Control, DebError> {
    let control = control(&mut deb)?;
    let member = next_part(&mut deb)?.ok_or(DebError::Missing("data.tar"))?;
    let kind = part(&member.name, "data.tar")?;
    copy_part(&mut deb, &member, kind, limits, data)?;
    Ok(control)
}

/// Reads only the control part, which comes first.
pub fn control(mut deb: impl BufRead + Send) -> Result<Control, DebError> {
    ar::begin(&mut deb)?;
    let version = ar::next(&mut deb)?.filter(|member| member.name == "debian-binary");
    let version = version.ok_or(DebError::Missing("debian-binary"))?;
    let mut text = Vec::new();
    copy_part(&mut deb, &version, Compression::None, small(100), &mut text)?;
    if !text.starts_with(b"2.") {
        return Err(DebError::Version(
            String::from_utf8_lossy(&text).trim().to_owned(),
        ));
    }
    let member = next_part(&mut deb)?.ok_or(DebError::Missing("control.tar"))?;
    let kind = part(&member.name, "control.tar")?;
    let mut archive = Vec::new();
    copy_part(&mut deb, &member, kind, small(CONTROL_MAX), &mut archive)?;
    read_control(&archive)
}

/// The next member that counts: a reader passes over names that begin with an underscore (deb(5)).
fn next_part(deb: &mut (impl BufRead + Send)) -> Result<Option<ar::Member>, DebError> {
    while let Some(member) = ar::next(deb)? {
        if !member.name.starts_with('_') {
            return Ok(Some(member));
        }
        copy_part(
            deb,
            &member,
            Compression::None,
            small(u64::MAX),
            &mut io::sink(),
        )?;
    }
    Ok(None)
}

fn small(output: u64) -> compression::Limits {
    compression::Limits {
        output,
        ..Default::default()
    }
}

/// How a part is compressed, by its name.
fn part(name: &str, expected: &'static str) -> Result<Compression, DebError> {
    match name.strip_prefix(expected) {
        Some("") => Ok(Compression::None),
        Some(".gz") => Ok(Compression::Gzip),
        Some(".xz") => Ok(Compression::Xz),
        Some(".zst") => Ok(Compression::Zstd),
        _ => Err(DebError::Missing(expected)),
    }
}

fn copy_part(
    deb: &mut (impl BufRead + Send),
    member: &ar::Member,
    kind: Compression,
    limits: compression::Limits,
    out: &mut dyn Write,
) -> Result<(), DebError> {
    let io = |source| DebError::Io {
        member: member.name.clone(),
        source,
    };
    let mut rest = deb.take(member.size);
    let mut decoder = compression::limited_decoder(kind, &mut rest, limits).map_err(io)?;
    io::copy(&mut decoder, out).map_err(io)?;
    drop(decoder);
    if rest.limit() > 0 {
        return Err(io(io::ErrorKind::UnexpectedEof.into()));
    }
    ar::skip_padding(deb, member)
}

fn read_control(archive: &[u8]) -> Result<Control, DebError> {
    let object = Digest::from_bytes([0; 32]);
    let limits = tar::Limits {
        entries: 10_000,
        ..Default::default()
    };
    let entries = tar::read(Cursor::new(archive), object, &limits).map_err(DebError::ControlTar)?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let EntryKind::File(Content::Stored { offset, len, .. }) = entry.kind else {
            continue;
        };
        let name = String::from_utf8_lossy(entry.path.as_bytes()).into_owned();
        let range = offset as usize..(offset + len) as usize;
        files.insert(name, archive[range].to_vec());
    }
    let text = files
        .get("control")
        .ok_or(DebError::Missing("control file"))?;
    let paragraphs =
        deb822::parse(&String::from_utf8_lossy(text)).map_err(DebError::ControlFile)?;
    let fields = paragraphs.into_iter().next().unwrap_or_default();
    for required in ["Package", "Version", "Architecture"] {
        if fields.get(required).is_none_or(str::is_empty) {
            return Err(DebError::Field(required));
        }
    }
    Ok(Control { fields, files })
}
