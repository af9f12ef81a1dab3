//! Trees and images for the tests of SquashFS, with contents of any length that are made, not kept.
#![allow(dead_code, reason = "each test crate uses a part of it")]

use std::io::{self, Cursor, Write};

use bedplate_formats::content::ReadContent;
use bedplate_formats::squashfs::{self, Options};
use bedplate_formats::tar;
use bedplate_sys::tool::Tool;
use bedplate_tree::{Content, Entry, EntryKind, Meta, Tree};
use bedplate_types::Digest;

use super::{EPOCH, InArchive, build, path, zoo};

/// Nothing but zeros.
pub const ZEROS: u8 = 0;
/// From here on: numbered lines. Below: noise.
pub const LINES: u8 = 128;

/// `len` bytes of a kind; the same kind is the same bytes wherever they lie.
pub fn made(kind: u8, place: u64, len: u64) -> Content {
    Content::Stored {
        object: Digest::from_bytes([kind; 32]),
        offset: place,
        len,
    }
}

/// Contents by their kind, or inline. They come in pieces, whose length depends on the place.
pub struct Made;

impl ReadContent for Made {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        let (kind, place, len) = match content {
            Content::Inline(bytes) => return out.write_all(bytes),
            Content::Stored {
                object,
                offset,
                len,
            } => (object.as_bytes()[0], *offset, *len),
        };
        let mut noise = u64::from(kind) << 32 | 1;
        let mut written = 0;
        let mut bytes = Vec::new();
        let piece = 3000 + place as usize % 70_000;
        while written < len {
            if kind == ZEROS {
                bytes.resize(piece, 0);
            }
            while bytes.len() < piece {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                match kind {
                    LINES.. => bytes.extend(format!("line {}\n", noise % 1000).bytes()),
                    _ => bytes.extend(noise.to_le_bytes()),
                }
            }
            let count = piece.min(usize::try_from(len - written).unwrap_or(usize::MAX));
            out.write_all(&bytes[..count])?;
            bytes.drain(..count);
            written += count as u64;
        }
        Ok(())
    }
}

pub fn small_blocks() -> Options {
    Options {
        block_size: 4096,
        ..Options::new(EPOCH)
    }
}

pub fn written(tree: &Tree, options: &Options) -> Vec<u8> {
    let out = Cursor::new(Vec::new());
    let image = squashfs::write(tree, &Made, options, out).unwrap();
    image.into_inner()
}

pub fn entry(name: &str, kind: EntryKind) -> Entry {
    Entry {
        path: path(name.as_bytes()),
        meta: Meta::with_mode(0o644),
        kind,
    }
}

pub fn file(name: &str, content: Content) -> Entry {
    entry(name, EntryKind::File(content))
}

pub fn with_xattr(mut entry: Entry, name: &[u8], value: &[u8]) -> Entry {
    entry.meta.xattrs.insert(name.into(), value.into());
    entry
}

/// The zoo, attributes on inodes of other kinds, and files of many lengths, with twins and holes.
pub fn large_zoo() -> Tree {
    let mut entries = zoo();
    let device = EntryKind::CharDevice {
        major: 4095,
        minor: 70_000,
    };
    for (name, kind) in [
        ("with/directory", EntryKind::Directory),
        ("with/symlink", EntryKind::Symlink(b"to".as_slice().into())),
        ("with/fifo", EntryKind::Fifo),
        ("with/device", device),
    ] {
        entries.push(with_xattr(
            entry(name, kind),
            b"trusted.kind",
            name.as_bytes(),
        ));
    }
    for (number, len) in [1, 4095, 4096, 4097, 5000, 8191, 8192, 70_000, 300_000]
        .into_iter()
        .enumerate()
    {
        let kind = number as u8 + 1;
        entries.push(file(&format!("noise/{len}"), made(kind, 0, len)));
        entries.push(file(&format!("noise/{len}-twin"), made(kind, 1000, len)));
        entries.push(file(&format!("noise/{len}-link"), made(kind, 0, len)));
        entries.push(file(&format!("lines/{len}"), made(LINES + kind, 0, len)));
        entries.push(file(&format!("zeros/{len}"), made(ZEROS, 0, len)));
    }
    for number in 0..600 {
        let name = format!("many/{}-{number}", "n".repeat(number % 240));
        entries.push(file(&name, Content::inline(number.to_string())));
    }
    build(entries)
}

/// The tree as `sqfs2tar` finds it in the image.
pub fn read_back(image: &[u8]) -> (Tree, InArchive) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("image");
    std::fs::write(&file, image).unwrap();
    let archive = Tool::new("sqfs2tar", "squashfs-tools-ng")
        .args(["--no-skip", "--root-becomes", "."])
        .arg(&file)
        .output()
        .unwrap();
    let object = Digest::from_bytes([0; 32]);
    let entries = tar::read(Cursor::new(&archive), object, &tar::Limits::default()).unwrap();
    (build(entries), InArchive(archive))
}
