//! SquashFS: what we and others write, we read; what is malformed is an error.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use std::io::Write;

use bedplate_formats::content::ReadContent;
use bedplate_formats::squashfs::{self, Compression, Image, Limits, Options, ReadError};
use bedplate_formats::tar;
use bedplate_sys::tool::Tool;
use bedplate_tree::{Content, EntryKind, Tree, TreeBuilder};
use bedplate_types::Digest;
use common::squashfs::{
    LINES, Made, file, large_zoo, made, read_back, small_blocks, with_xattr, written,
};
use common::{EPOCH, build, listing, zoo};
use proptest::prelude::*;

fn read(image: &[u8]) -> Result<(Tree, Image<&[u8]>), ReadError> {
    let object = Digest::from_bytes([0; 32]);
    let (image, entries) = squashfs::read(image, object, &Limits::default())?;
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("image");
    builder.archive(entries, origin).unwrap();
    Ok((builder.freeze(EPOCH), image))
}

#[track_caller]
fn fault(image: &[u8]) -> String {
    match read(image) {
        Ok(_) => panic!("the image could be read"),
        Err(error) => error.to_string(),
    }
}

/// An image that another writer makes of an archive of the tree.
fn by_others(tool: &str, package: &'static str, arguments: &[&str], tree: &Tree) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let archive = tar::write(tree, &Made, EPOCH, Vec::new()).unwrap();
    std::fs::write(at("tar"), archive).unwrap();
    let script = format!("{tool} {} \"$1\" <\"$2\" >/dev/null", arguments.join(" "));
    let shell = Tool::new("sh", "dash").args(["-euc", &script, "sh"]);
    shell
        .arg(at("image"))
        .arg(at("tar"))
        .output()
        .unwrap_or_else(|error| panic!("{package}: {error}"));
    std::fs::read(at("image")).unwrap()
}

/// Without what other writers choose themselves: the time of directories that no archive names, and
/// the permissions of symlinks, which mean nothing.
fn comparable(listing: &str) -> String {
    let line = |line: &str| {
        let mut words: Vec<&str> = line.split(' ').collect();
        if words[0] == "directory" {
            words.remove(3);
        }
        if words[0] == "symlink" {
            words.remove(1);
        }
        words.join(" ") + "\n"
    };
    listing.lines().map(line).collect()
}

/// Shows the first line that differs.
#[track_caller]
fn assert_same(found: &str, expected: &str, how: &str) {
    let mut lines = found.lines().zip(expected.lines());
    let shown = |line: &str| line.chars().take(300).collect::<String>();
    if let Some((found, expected)) = lines.find(|(found, expected)| found != expected) {
        panic!("{how}:\n{}\n{}", shown(found), shown(expected));
    }
    assert_eq!(found.len(), expected.len(), "{how}");
}

#[test]
fn what_we_write_reads_back_as_it_was() {
    let tree = large_zoo();
    let expected = listing(&tree, &Made);
    let raw = Options {
        compression: Compression::None,
        ..small_blocks()
    };
    for options in [small_blocks(), raw, Options::new(EPOCH)] {
        let bytes = written(&tree, &options);
        let (again, image) = read(&bytes).unwrap();
        assert!(listing(&again, &image) == expected, "{options:?}");
        assert!(bytes.len() as u64 - image.used() < 4096);
        // An image may have other things behind it, such as the hashes of dm-verity.
        let longer = [&bytes[..], &[0xff; 10_000]].concat();
        let (again, image) = read(&longer).unwrap();
        assert!(listing(&again, &image) == expected, "{options:?}");
    }
}

#[test]
fn what_squashfs_tools_write_reads_as_it_was() {
    let tree = large_zoo();
    let expected = comparable(&listing(&tree, &Made));
    for arguments in [
        "-comp gzip",
        "-comp xz",
        "-comp xz -b 64K",
        "-comp zstd",
        "-comp zstd -b 4K",
        "-comp gzip -b 4K -no-fragments",
        "-comp zstd -no-tailends -no-duplicates",
        "-comp gzip -noI -noD -noF -noX -noId -no-sparse",
        "-comp gzip -exports",
    ] {
        let words: Vec<&str> = arguments.split(' ').collect();
        let words = [&words[..], &["-root-mode", "1755", "-no-progress"]].concat();
        let bytes = by_others("sqfstar", "squashfs-tools", &words, &tree);
        let (again, image) = read(&bytes).unwrap();
        let found = comparable(&listing(&again, &image));
        assert_same(&found, &expected, arguments);
    }
}

#[test]
fn what_squashfs_tools_ng_write_reads_as_it_was() {
    let mut entries = zoo();
    // A value that two sets have is stored once, and referred to.
    let value = vec![b'v'; 5000];
    for name in ["shared-1", "shared-2", "shared-3"] {
        let entry = with_xattr(file(name, Content::inline(name)), b"user.long", &value);
        entries.push(with_xattr(entry, b"user.own", name.as_bytes()));
    }
    entries.push(file("lines", made(LINES, 0, 300_000)));
    let tree = build(entries);
    let expected = comparable(&listing(&tree, &Made));
    for compressor in ["gzip", "xz", "zstd"] {
        let arguments = ["--quiet", "--compressor", compressor];
        let bytes = by_others("tar2sqfs", "squashfs-tools-ng", &arguments, &tree);
        let (again, image) = read(&bytes).unwrap();
        let found = comparable(&listing(&again, &image));
        assert_same(&found, &expected, compressor);
    }
}

#[test]
fn contents_that_are_of_another_image_are_refused() {
    let bytes = written(&build(zoo()), &small_blocks());
    let (_, image) = read(&bytes).unwrap();
    for (offset, len) in [(0, 1_000_000), (1, 2), (u64::MAX, 7)] {
        let content = made(0, offset, len);
        let error = image.copy(&content, &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "the content is of no file in this image");
    }
}

#[test]
fn what_is_no_image_is_told() {
    insta::assert_snapshot!(fault(b""), @"these bytes do not begin a SquashFS image");
    insta::assert_snapshot!(fault(b"hs"), @"these bytes do not begin a SquashFS image");
    insta::assert_snapshot!(fault(&[0; 4096]), @"these bytes do not begin a SquashFS image");
    insta::assert_snapshot!(fault(b"hsqs and more"), @"the SquashFS image is cut off: it should have 96 bytes, and has 13");
    let good = written(&build(zoo()), &Options::new(EPOCH));
    let changed = |at: usize, bytes: &[u8]| {
        let mut image = good.clone();
        image[at..at + bytes.len()].copy_from_slice(bytes);
        fault(&image)
    };
    insta::assert_snapshot!(fault(&good[..500]), @"the SquashFS image is cut off: it should have 862 bytes, and has 500");
    insta::assert_snapshot!(changed(28, &[3, 0, 1, 0]), @"the SquashFS image is of version 3.1, and only 4.0 is known");
    insta::assert_snapshot!(changed(20, &[3, 0]), @"the SquashFS image is compressed by lzo, which cannot be read: gzip, xz and zstd can");
    insta::assert_snapshot!(changed(20, &[9, 0]), @"the SquashFS image is malformed: its compressor is not known");
    insta::assert_snapshot!(changed(12, &[1, 0, 0, 0]), @"the SquashFS image is malformed: its blocks have a size that the format does not have");
    insta::assert_snapshot!(changed(48, &[0xff; 8]), @"the SquashFS image is malformed: a table that each image has is missing");
    insta::assert_snapshot!(changed(48, &[0xf0; 8]), @"the SquashFS image is malformed: it refers to a place behind its own end");
    insta::assert_snapshot!(changed(64, &[0; 8]), @"the SquashFS image is malformed: a metadata block is too long");
}

/// Owners and the root's inode are where they should be, and the listing leads back to the root.
#[test]
fn a_directory_in_itself_is_refused() {
    let raw = Options {
        compression: Compression::None,
        ..small_blocks()
    };
    let tree = build(vec![common::squashfs::entry("down", EntryKind::Directory)]);
    let mut image = written(&tree, &raw);
    let name = image.windows(4).position(|word| word == b"down").unwrap();
    // The offset of the inode in its block, of which the root's is the last.
    let root = u64::from_le_bytes(image[32..40].try_into().unwrap());
    image[name - 8..name - 6].copy_from_slice(&(root as u16).to_le_bytes());
    insta::assert_snapshot!(fault(&image), @"`/down` in the SquashFS image cannot be read: the same directory stands in two places");
}

#[test]
fn names_that_lead_away_are_refused() {
    let raw = Options {
        compression: Compression::None,
        ..small_blocks()
    };
    let tree = build(vec![file("down", Content::inline("x"))]);
    let good = written(&tree, &raw);
    let at = good.windows(4).position(|word| word == b"down").unwrap();
    let named = |name: &[u8]| {
        let mut image = good.clone();
        image[at..at + 4].copy_from_slice(name);
        fault(&image)
    };
    insta::assert_snapshot!(named(b"a/bc"), @"a name in the directory `/` of the SquashFS image is none that Linux can hold");
    insta::assert_snapshot!(named(b"ab\0c"), @"a name in the directory `/` of the SquashFS image is none that Linux can hold");
}

#[test]
fn limits_are_kept() {
    let bytes = written(&large_zoo(), &small_blocks());
    let limited = |limits: Limits| {
        let object = Digest::from_bytes([0; 32]);
        match squashfs::read(&bytes[..], object, &limits) {
            Ok(_) => panic!("the image could be read"),
            Err(error) => error.to_string(),
        }
    };
    let limits = Limits::default();
    insta::assert_snapshot!(limited(Limits { entries: 10, ..limits }), @"the SquashFS image exceeds the limit of 10 names");
    insta::assert_snapshot!(limited(Limits { content: 500_000, ..limits }), @"the SquashFS image exceeds the limit of 500000 bytes of contents");
    insta::assert_snapshot!(limited(Limits { memory: 100_000, ..limits }), @"the SquashFS image exceeds the limit of 100000 bytes of metadata in memory");
}

/// Reads all that can be read: the tree, and each content.
fn exhaust(bytes: &[u8]) {
    let limits = Limits {
        entries: 10_000,
        content: 64 << 20,
        memory: 64 << 20,
    };
    let object = Digest::from_bytes([0; 32]);
    let Ok((image, entries)) = squashfs::read(bytes, object, &limits) else {
        return;
    };
    for entry in entries {
        if let EntryKind::File(content) = entry.kind {
            let mut out = Counted(0);
            if image.copy(&content, &mut out).is_ok() {
                assert_eq!(out.0, content.len());
            }
        }
    }
}

struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3000) })]

    #[test]
    fn changed_images_are_answered(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
        cut in 0_u8..8,
    ) {
        let mut image = SEED.with(Clone::clone);
        for (at, byte) in changes {
            let at = at.index(image.len());
            image[at] = byte;
        }
        if cut == 0 {
            image.truncate(end.index(image.len()));
        }
        exhaust(&image);
    }
}

thread_local! {
    /// Uncompressed, so that a change lands in a field and not in a checksum.
    static SEED: Vec<u8> = {
        let raw = Options { compression: Compression::None, ..small_blocks() };
        let mut entries = zoo();
        entries.push(file("noise", made(1, 0, 9000)));
        entries.push(file("zeros", made(0, 0, 90_000)));
        written(&build(entries), &raw)
    };
}

#[test]
fn readers_and_judges_agree() {
    let bytes = written(&large_zoo(), &small_blocks());
    let (theirs, their_contents) = read_back(&bytes);
    let (ours, our_contents) = read(&bytes).unwrap();
    assert!(listing(&ours, &our_contents) == listing(&theirs, &their_contents));
}
