//! SquashFS: what an image cannot hold is told or refused, and what goes wrong is an error.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;

use bedplate_formats::content::ReadContent;
use bedplate_formats::squashfs::{self, Compression, Loss, Options, WriteError, unrepresentable};
use bedplate_tree::{Content, Entry, EntryKind};
use bedplate_types::Epoch;
use common::squashfs::{Made, entry, file, large_zoo, made, small_blocks, with_xattr, written};
use common::{build, path};

#[test]
fn attributes_without_a_place_are_told_and_left_out() {
    let plain = file("acl", Content::inline("x"));
    let acl = with_xattr(plain.clone(), b"system.posix_acl_access", b"...");
    let tree = build(vec![acl]);
    let loss = Loss::Xattr(b"system.posix_acl_access".as_slice().into());
    assert_eq!(unrepresentable(&tree), [(path(b"acl"), loss)]);
    assert!(written(&tree, &small_blocks()) == written(&build(vec![plain]), &small_blocks()));
}

fn refusal(entry: Entry, options: &Options) -> String {
    let mut out = Cursor::new(Vec::new());
    let error = squashfs::write(&build(vec![entry]), &Made, options, &mut out).unwrap_err();
    assert!(out.into_inner().is_empty(), "{error}");
    error.to_string()
}

#[test]
fn what_has_no_place_is_refused_before_the_first_byte() {
    let fine = small_blocks();
    let link = |target: &[u8]| entry("link", EntryKind::Symlink(target.into()));
    let device = |major, minor| entry("device", EntryKind::BlockDevice { major, minor });
    let plain = || file("file", Content::inline("x"));
    let long = with_xattr(plain(), b"user.long", &[0; 65_537]);
    let messages = [
        refusal(link(b""), &fine),
        refusal(link(&[b'x'; 4096]), &fine),
        refusal(device(4096, 0), &fine),
        refusal(device(0, 1 << 20), &fine),
        refusal(long, &fine),
        refusal(
            with_xattr(plain(), &[b"user.".as_slice(), &[b'x'; 251]].concat(), b""),
            &fine,
        ),
        refusal(
            plain(),
            &Options {
                block_size: 5000,
                ..fine
            },
        ),
        refusal(
            plain(),
            &Options {
                block_size: 2 << 20,
                ..fine
            },
        ),
        refusal(
            plain(),
            &Options {
                compression: Compression::Zstd { level: 23 },
                ..fine
            },
        ),
        refusal(
            plain(),
            &Options {
                epoch: Epoch(1 << 32),
                ..fine
            },
        ),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r"
    `/link` cannot be put into a SquashFS image: the target of the symlink is empty, holds a NUL byte or is too long for Linux
    `/link` cannot be put into a SquashFS image: the target of the symlink is empty, holds a NUL byte or is too long for Linux
    `/device` cannot be put into a SquashFS image: its device numbers are larger than Linux has them
    `/device` cannot be put into a SquashFS image: its device numbers are larger than Linux has them
    `/file` cannot be put into a SquashFS image: an extended attribute of it is longer than Linux has them
    `/file` cannot be put into a SquashFS image: an extended attribute of it is longer than Linux has them
    blocks cannot have 5000 bytes: it must be a power of two from 4096 to 1048576
    blocks cannot have 2097152 bytes: it must be a power of two from 4096 to 1048576
    zstd has no level 23: there are 1 to 22
    a SquashFS image cannot be made at 4294967296 seconds after 1970: its times end in 2106
    ");
}

/// Gives fewer bytes than it should.
struct Short;

impl ReadContent for Short {
    fn copy(&self, _: &Content, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"only this")
    }
}

#[test]
fn a_content_that_is_too_short_is_an_error_with_its_name() {
    for len in [100, 100_000] {
        let tree = build(vec![file("usr/short", made(1, 0, len))]);
        let out = Cursor::new(Vec::new());
        let error = squashfs::write(&tree, &Short, &small_blocks(), out).unwrap_err();
        let WriteError::Io { path, source } = error else {
            panic!("{error}");
        };
        assert_eq!(path.to_string(), "/usr/short");
        assert_eq!(
            source.to_string(),
            format!("its content has 9 bytes instead of {len}")
        );
    }
}

/// An output with room for so many bytes.
struct Full(u64, Cursor<Vec<u8>>);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.1.position() + bytes.len() as u64 > self.0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Full {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.1.seek(to)
    }
}

#[test]
fn an_output_that_fills_up_is_an_error() {
    let tree = large_zoo();
    let len = written(&tree, &small_blocks()).len() as u64;
    for room in [0, 96, 20_000, 500_000, len - 4096, len - 1] {
        let out = Full(room, Cursor::new(Vec::new()));
        let options = Options {
            threads: NonZeroUsize::new(3).unwrap(),
            ..small_blocks()
        };
        let Err(error) = squashfs::write(&tree, &Made, &options, out) else {
            panic!("{room}");
        };
        let (WriteError::Io { source, .. } | WriteError::Output(source)) = error else {
            panic!("{error}");
        };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    }
}
