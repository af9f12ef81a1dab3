//! Trees for the tests of writers, and a listing of trees for their eyes.
#![allow(dead_code, reason = "each test crate uses a part of it")]

pub mod squashfs;

use bedplate_formats::content::ReadContent;
use bedplate_tree::{Content, Entry, EntryKind, InodeKind, Meta, Tree, TreeBuilder};
use bedplate_types::{Epoch, TreePath};

pub const EPOCH: Epoch = Epoch(1_700_000_000);

pub fn path(bytes: &[u8]) -> TreePath {
    TreePath::parse(bytes).unwrap()
}

pub fn build(entries: Vec<Entry>) -> Tree {
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("test");
    builder.layer(entries, origin).unwrap();
    builder.freeze(EPOCH)
}

fn entry(name: &[u8], mode: u32, kind: EntryKind) -> Entry {
    Entry {
        path: path(name),
        meta: Meta {
            mtime: 1_600_000_000,
            ..Meta::with_mode(mode)
        },
        kind,
    }
}

fn file(name: &[u8], mode: u32, content: &[u8]) -> Entry {
    entry(name, mode, EntryKind::File(Content::inline(content)))
}

/// One of everything that all formats can hold.
pub fn plain_zoo() -> Vec<Entry> {
    let long_name = [b"long/".as_slice(), &[b'n'; 255]].concat();
    let deep = [[b'd'; 120].as_slice(), &[b'e'; 120], &[b'f'; 120]].join(&b'/');
    vec![
        entry(b".", 0o1755, EntryKind::Directory),
        entry(b"bin", 0o755, EntryKind::Directory),
        file(b"bin/su", 0o4755, b"#!/bin/sh\n"),
        file(b"empty", 0o644, b""),
        file(b"exact", 0o600, &[b'x'; 512]),
        file(b"longer", 0o600, &[b'y'; 1025]),
        file(b"with space and \xc3\xa9", 0o644, b"1"),
        file(b"not utf-8 \xff", 0o644, b"22"),
        file(&long_name, 0o644, b"333"),
        file(&deep, 0o644, b"4444"),
        entry(
            b"bin/link",
            0o777,
            EntryKind::Symlink(b"su".as_slice().into()),
        ),
        entry(
            b"bin/far",
            0o777,
            EntryKind::Symlink(vec![b't'; 300].into()),
        ),
        entry(b"bin/second", 0o777, EntryKind::HardLink(path(b"bin/su"))),
        entry(b"a-first-name", 0o777, EntryKind::HardLink(path(b"bin/su"))),
        entry(
            b"dev/console",
            0o600,
            EntryKind::CharDevice { major: 5, minor: 1 },
        ),
        entry(
            b"dev/sda",
            0o660,
            EntryKind::BlockDevice {
                major: 8,
                minor: 1_048_575,
            },
        ),
        entry(b"dev/pipe", 0o640, EntryKind::Fifo),
        Entry {
            meta: Meta {
                uid: 3_000_000,
                gid: u32::MAX - 1,
                mtime: 5,
                ..Meta::with_mode(0o640)
            },
            ..file(b"owned", 0, b"mine")
        },
    ]
}

/// [`plain_zoo`] and extended attributes.
pub fn zoo() -> Vec<Entry> {
    let mut entries = plain_zoo();
    let capability = [
        1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let xattrs = [
        (
            b"security.capability".as_slice().into(),
            capability.as_slice().into(),
        ),
        (
            b"user.text".as_slice().into(),
            b"two\nlines=".as_slice().into(),
        ),
    ];
    entries.push(Entry {
        meta: Meta {
            xattrs: xattrs.into(),
            ..Meta::with_mode(0o755)
        },
        ..file(b"bin/ping", 0, b"ELF")
    });
    entries
}

/// One line a name: type, mode, owner, time, links, name, and what the kind adds.
pub fn listing(tree: &Tree, contents: &dyn ReadContent) -> String {
    let mut lines = String::new();
    for visit in tree.walk() {
        let meta = &visit.inode.meta;
        let more = match &visit.inode.kind {
            InodeKind::Directory(_) => String::new(),
            InodeKind::File(content) => {
                let mut bytes = Vec::new();
                contents.copy(content, &mut bytes).unwrap();
                format!("{} {}", bytes.len(), bytes.escape_ascii())
            }
            InodeKind::Symlink(target) => format!("-> {}", target.escape_ascii()),
            kind => format!("{kind:?}"),
        };
        let line = format!(
            "{} {:o} {}:{} @{} x{} {} {more}{}",
            visit.inode.kind.noun(),
            meta.mode,
            meta.uid,
            meta.gid,
            meta.mtime,
            visit.inode.nlink,
            visit.path.as_bytes().escape_ascii(),
            meta.xattrs
                .iter()
                .map(|(k, v)| format!(" [{}={}]", k.escape_ascii(), v.escape_ascii()))
                .collect::<String>(),
        );
        lines += line.trim_end();
        lines.push('\n');
    }
    lines
}

/// Contents that lie in one archive in memory.
pub struct InArchive(pub Vec<u8>);

impl ReadContent for InArchive {
    fn copy(&self, content: &Content, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        match content {
            Content::Inline(bytes) => out.write_all(bytes),
            Content::Stored { offset, len, .. } => {
                out.write_all(&self.0[*offset as usize..(offset + len) as usize])
            }
        }
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
