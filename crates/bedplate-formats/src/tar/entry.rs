//! From a header and its extensions to an entry of a tree, with names that an image can hold.

use bedplate_tree::{Content, Entry, EntryKind, Meta};
use bedplate_types::{Digest, Object, TreePath};

use super::error::{NameFault, TarError};
use super::header::Header;
use super::pax::Extensions;

/// An entry with all that its extension headers say.
pub(super) struct Member {
    pub(super) header: Header,
    pub(super) name: Vec<u8>,
    pub(super) extensions: Extensions,
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl Member {
    /// As an entry whose contents, if it has some, lie in `object`.
    pub(super) fn into_entry(self, object: Digest<Object>) -> Result<Entry, TarError> {
        let Self {
            header,
            name,
            extensions,
            offset,
            len,
        } = self;
        let path = tree_path(&name, &name, NameFault::DotDot)?;
        if name.starts_with(b"/") && !path.is_root() {
            return Err(TarError::Name {
                entry: lossy(&name),
                fault: NameFault::Absolute,
            });
        }
        let field = |value: Option<u64>, what| {
            value
                .and_then(|value| u32::try_from(value).ok())
                .ok_or_else(|| malformed(&name, what))
        };
        let meta = Meta {
            mode: header.mode().ok_or_else(|| malformed(&name, "mode"))?,
            uid: field(extensions.uid.or_else(|| header.uid()), "uid")?,
            gid: field(extensions.gid.or_else(|| header.gid()), "gid")?,
            mtime: extensions
                .mtime
                .or_else(|| header.mtime())
                .ok_or_else(|| malformed(&name, "mtime"))?,
            xattrs: extensions.xattrs,
        };
        let link = || match extensions.link.clone().unwrap_or_else(|| header.link()) {
            empty if empty.is_empty() => Err(TarError::Name {
                entry: lossy(&name),
                fault: NameFault::Empty,
            }),
            target => Ok(target),
        };
        let device = || {
            header
                .device()
                .ok_or_else(|| malformed(&name, "device number"))
        };
        let kind = match header.kind() {
            // Before POSIX there was no type for directories, but a slash at the end.
            0 if name.ends_with(b"/") => EntryKind::Directory,
            0 | b'0' | b'7' => EntryKind::File(Content::Stored {
                object,
                offset,
                len,
            }),
            b'1' => EntryKind::HardLink(tree_path(&link()?, &name, NameFault::LinkDotDot)?),
            b'2' => EntryKind::Symlink(symlink_target(link()?, &name)?),
            b'3' => device().map(|(major, minor)| EntryKind::CharDevice { major, minor })?,
            b'4' => device().map(|(major, minor)| EntryKind::BlockDevice { major, minor })?,
            b'5' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            kind => {
                return Err(TarError::UnknownType {
                    entry: lossy(&name),
                    kind,
                });
            }
        };
        if path.is_root() && kind != EntryKind::Directory {
            return Err(TarError::Name {
                entry: lossy(&name),
                fault: NameFault::Empty,
            });
        }
        Ok(Entry { path, meta, kind })
    }
}

fn tree_path(bytes: &[u8], entry: &[u8], dot_dot: NameFault) -> Result<TreePath, TarError> {
    if bytes.is_empty() {
        return Err(TarError::Name {
            entry: lossy(entry),
            fault: NameFault::Empty,
        });
    }
    TreePath::parse(bytes).map_err(|error| {
        let fault = match NameFault::from(error) {
            NameFault::DotDot => dot_dot,
            fault => fault,
        };
        TarError::Name {
            entry: lossy(entry),
            fault,
        }
    })
}

/// Linux holds symlink targets of up to 4095 bytes, without NUL.
fn symlink_target(target: Vec<u8>, entry: &[u8]) -> Result<Box<[u8]>, TarError> {
    let fault = match &target {
        long if long.len() > 4095 => NameFault::TooLong,
        nul if nul.contains(&0) => NameFault::Nul,
        _ => return Ok(target.into()),
    };
    Err(TarError::Name {
        entry: lossy(entry),
        fault,
    })
}

pub(super) fn malformed(name: &[u8], field: impl Into<String>) -> TarError {
    TarError::Malformed {
        entry: lossy(name),
        field: field.into(),
    }
}

/// A name for messages: not longer than a line or two, control characters escaped.
pub(super) fn lossy(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let mut short: String = text.chars().take(200).flat_map(escaped).collect();
    if text.chars().nth(200).is_some() {
        short.push('…');
    }
    short
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let control = c.is_control();
    c.escape_default()
        .filter(move |_| control)
        .chain(std::iter::once(c).filter(move |_| !control))
}
