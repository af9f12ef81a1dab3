//! cpio: what we write, GNU cpio and our own reader understand; what is bad is refused.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use bedplate_formats::content::InlineOnly;
use bedplate_formats::cpio::{self, CpioError, Limits, Loss, WriteError, Writer};
use bedplate_sys::tool::Tool;
use bedplate_tree::{Content, Entry, EntryKind, Meta, Tree};
use bedplate_types::{Digest, Epoch};
use common::{build, listing, path, plain_zoo, sha256, zoo};

fn written(tree: &Tree) -> Vec<u8> {
    cpio::write(tree, &InlineOnly, Vec::new()).unwrap()
}

fn read_trees(bytes: &[u8]) -> Vec<Tree> {
    let archives = cpio::read(bytes, &Limits::default()).unwrap();
    archives
        .into_iter()
        .map(|members| build(cpio::entries(members).unwrap()))
        .collect()
}

/// Runs `cpio` with the archive as input.
fn gnu_cpio(archive: &[u8], args: &[&str], directory: &std::path::Path) -> String {
    let file = directory.join("zoo.cpio");
    std::fs::write(&file, archive).unwrap();
    let mut tool = Tool::new("cpio", "cpio").args(args);
    tool.command()
        .stdin(std::fs::File::open(&file).unwrap())
        .current_dir(directory)
        .env("TZ", "UTC")
        .env("LC_ALL", "C");
    String::from_utf8_lossy(&tool.output().unwrap()).into_owned()
}

#[test]
fn what_was_written_reads_back_as_it_was() {
    let tree = build(plain_zoo());
    let archive = written(&tree);
    assert_eq!(archive.len() % 512, 0);
    assert_eq!(
        listing(&read_trees(&archive)[0], &InlineOnly),
        listing(&tree, &InlineOnly)
    );
}

#[test]
fn the_bytes_of_an_archive_are_pinned() {
    insta::assert_snapshot!(sha256(&written(&build(plain_zoo()))), @"306b71a0907ceff87fe24847b97fd7c4b515de4fbe9b82c64715de04dfa2f8d5");
}

#[test]
fn gnu_cpio_lists_what_we_write() {
    let directory = tempfile::tempdir().unwrap();
    let text = gnu_cpio(
        &written(&build(plain_zoo())),
        &["-itv", "--numeric-uid-gid"],
        directory.path(),
    );
    let columns = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = text.lines().map(columns).collect();
    let text = lines
        .join("\n")
        .replace(&"n".repeat(255), "<n>")
        .replace(&"t".repeat(300), "<t>");
    let text = text
        .replace(&"d".repeat(120), "<d>")
        .replace(&"e".repeat(120), "<e>")
        .replace(&"f".repeat(120), "<f>");
    insta::assert_snapshot!(text, @r"
    drwxr-xr-t 1 0 0 0 Sep 13 2020 .
    -rwsr-xr-x 3 0 0 10 Sep 13 2020 a-first-name
    drwxr-xr-x 1 0 0 0 Sep 13 2020 bin
    lrwxrwxrwx 1 0 0 300 Sep 13 2020 bin/far -> <t>
    lrwxrwxrwx 1 0 0 2 Sep 13 2020 bin/link -> su
    -rwsr-xr-x 3 0 0 0 Sep 13 2020 bin/second
    -rwsr-xr-x 3 0 0 0 Sep 13 2020 bin/su
    drwxr-xr-x 1 0 0 0 Jan 1 1970 <d>
    drwxr-xr-x 1 0 0 0 Jan 1 1970 <d>/<e>
    -rw-r--r-- 1 0 0 4 Sep 13 2020 <d>/<e>/<f>
    drwxr-xr-x 1 0 0 0 Jan 1 1970 dev
    crw------- 1 0 0 5, 1 Sep 13 2020 dev/console
    prw-r----- 1 0 0 0 Sep 13 2020 dev/pipe
    brw-rw---- 1 0 0 8, 1048575 Sep 13 2020 dev/sda
    -rw-r--r-- 1 0 0 0 Sep 13 2020 empty
    -rw------- 1 0 0 512 Sep 13 2020 exact
    drwxr-xr-x 1 0 0 0 Jan 1 1970 long
    -rw-r--r-- 1 0 0 3 Sep 13 2020 long/<n>
    -rw------- 1 0 0 1025 Sep 13 2020 longer
    -rw-r--r-- 1 0 0 2 Sep 13 2020 not utf-8 �
    -rw-r----- 1 3000000 4294967294 4 Jan 1 1970 owned
    -rw-r--r-- 1 0 0 1 Sep 13 2020 with space and é
    ");
}

#[test]
fn gnu_cpio_makes_hard_links_of_hard_links() {
    use std::os::unix::fs::MetadataExt as _;
    let directory = tempfile::tempdir().unwrap();
    gnu_cpio(
        &written(&build(plain_zoo())),
        &["-idm", "--no-preserve-owner", "bin/*", "a-first-name"],
        directory.path(),
    );
    let inode = |name: &str| {
        std::fs::metadata(directory.path().join(name))
            .unwrap()
            .ino()
    };
    assert_eq!(
        std::fs::read(directory.path().join("bin/su")).unwrap(),
        b"#!/bin/sh\n"
    );
    assert_eq!(inode("bin/su"), inode("a-first-name"));
    assert_eq!(inode("bin/su"), inode("bin/second"));
}

#[test]
fn an_archive_of_gnu_cpio_reads_back_whichever_link_has_the_contents() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    std::fs::write(root.join("a"), "linked").unwrap();
    std::fs::hard_link(root.join("a"), root.join("b")).unwrap();
    std::fs::write(root.join("c"), "").unwrap();
    std::fs::write(root.join("names"), "a\nb\nc\n").unwrap();
    for format in ["newc", "crc"] {
        let file = root.join(format);
        let mut tool = Tool::new("cpio", "cpio")
            .args(["-o", "-H", format, "-F"])
            .arg(&file);
        tool.command()
            .current_dir(root)
            .stdin(std::fs::File::open(root.join("names")).unwrap());
        tool.output().unwrap();
        let archive = std::fs::read(&file).unwrap();
        let tree = &read_trees(&archive)[0];
        let content = |name: &[u8]| tree.get(&path(name)).unwrap();
        assert_eq!(content(b"a"), content(b"b"));
        assert_eq!((content(b"a").nlink, content(b"c").nlink), (2, 1));
        assert!(
            listing(tree, &InlineOnly).contains("b 6 linked"),
            "{format}"
        );
    }
}

#[test]
fn the_bytes_of_an_archive_depend_on_its_own_names_only() {
    // One more file before a part of a tree leaves the archive of that part as it was.
    let part = |entries: Vec<Entry>| {
        let tree = build(entries);
        let mut writer = Writer::new(Vec::new());
        for visit in tree
            .walk()
            .filter(|visit| visit.path.starts_with(&path(b"dev")))
        {
            writer.append(&visit, &InlineOnly).unwrap();
        }
        writer.finish().unwrap()
    };
    let mut more = plain_zoo();
    more.insert(
        0,
        Entry {
            path: path(b"a"),
            meta: Meta::with_mode(0),
            kind: EntryKind::File(Content::inline("new")),
        },
    );
    assert_eq!(part(plain_zoo()), part(more));
}

#[test]
fn a_tree_over_several_archives_is_the_same_tree() {
    let tree = build(plain_zoo());
    let (mut first, mut second) = (Writer::new(Vec::new()), Writer::new(Vec::new()));
    for visit in tree.walk() {
        let early =
            visit.path.is_root() || visit.path.starts_with(&path(b"bin")) || visit.inode.nlink > 1;
        let writer = if early { &mut first } else { &mut second };
        writer.append(&visit, &InlineOnly).unwrap();
    }
    let bytes = [
        first.finish().unwrap(),
        vec![0; 1024],
        second.finish().unwrap(),
    ]
    .concat();
    let archives = cpio::read(&bytes[..], &Limits::default()).unwrap();
    assert_eq!(archives.len(), 2);
    let entries = archives
        .into_iter()
        .flat_map(|members| cpio::entries(members).unwrap())
        .collect();
    assert_eq!(
        listing(&build(entries), &InlineOnly),
        listing(&tree, &InlineOnly)
    );
}

#[test]
fn a_file_called_like_the_trailer_does_not_end_the_archive() {
    let file = |name: &[u8]| Entry {
        path: path(name),
        meta: Meta::with_mode(0o644),
        kind: EntryKind::File(Content::inline("x")),
    };
    let tree = build(vec![file(b"TRAILER!!!"), file(b"zz")]);
    let archive = written(&tree);
    assert_eq!(
        listing(&read_trees(&archive)[0], &InlineOnly),
        listing(&tree, &InlineOnly)
    );
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(
        gnu_cpio(&archive, &["-it"], directory.path()),
        ".\n./TRAILER!!!\nzz\n"
    );
}

#[test]
fn names_of_one_inode_in_two_archives_are_refused() {
    let tree = build(plain_zoo());
    let mut writer = Writer::new(Vec::new());
    for visit in tree
        .walk()
        .filter(|visit| visit.path.starts_with(&path(b"bin")))
    {
        writer.append(&visit, &InlineOnly).unwrap();
    }
    let error = writer.finish().unwrap_err().to_string();
    assert_eq!(
        error,
        "`/bin/second` has 3 names, of which 2 are in this archive"
    );
}

#[test]
fn what_the_format_cannot_hold_is_told_and_refused() {
    let mut entries = zoo();
    let huge = Content::Stored {
        object: Digest::from_bytes([1; 32]),
        offset: 0,
        len: 1 << 32,
    };
    entries.push(Entry {
        path: path(b"huge"),
        meta: Meta::with_mode(0o644),
        kind: EntryKind::File(huge),
    });
    let late = Meta {
        mtime: 1 << 32,
        ..Meta::with_mode(0o644)
    };
    entries.push(Entry {
        path: path(b"late"),
        meta: late,
        kind: EntryKind::Fifo,
    });
    let mut builder = bedplate_tree::TreeBuilder::new();
    let origin = builder.origin("test");
    builder.layer(entries, origin).unwrap();
    let tree = builder.freeze(Epoch(u64::MAX));
    let expected = [
        (path(b"bin/ping"), Loss::Xattrs),
        (path(b"huge"), Loss::Size(1 << 32)),
        (path(b"late"), Loss::Time(1 << 32)),
    ];
    assert_eq!(cpio::unrepresentable(&tree), expected);
    let mut refused = Vec::new();
    let mut writer = Writer::new(Vec::new());
    for visit in tree.walk() {
        refused.extend(writer.append(&visit, &InlineOnly).err());
    }
    assert!(
        matches!(
            &refused[..],
            [WriteError::TooLarge { .. }, WriteError::TooLate { .. }]
        ),
        "{refused:?}"
    );
}

#[test]
fn contents_of_another_length_than_promised_are_an_error() {
    struct Short;
    impl bedplate_formats::content::ReadContent for Short {
        fn copy(&self, _: &Content, out: &mut dyn std::io::Write) -> std::io::Result<()> {
            out.write_all(b"x")
        }
    }
    let error = cpio::write(&build(plain_zoo()), &Short, Vec::new()).unwrap_err();
    assert!(
        matches!(&error, WriteError::Io { source, .. } if source.to_string().contains("1 bytes instead of 10"))
    );
}

#[test]
fn bad_archives_are_refused() {
    let good = written(&build(plain_zoo()));
    let broken = |at: usize, with: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        cpio::read(&bytes[..], &Limits::default())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        broken(0, b"070707"),
        "byte 0 does not begin a cpio header: it is of the old portable format, not of newc"
    );
    assert_eq!(
        broken(0, b"\x1f\x8b"),
        "byte 0 does not begin a cpio header: it does not begin with `070701`"
    );
    assert_eq!(
        broken(6, b"+"),
        "byte 0 does not begin a cpio header: a number is not hexadecimal"
    );
    assert_eq!(
        broken(94, b"00000000"),
        "byte 0 does not begin a cpio header: its name is empty or too long"
    );
    assert_eq!(
        broken(94, b"00000003"),
        "byte 0 does not begin a cpio header: its name does not end where it says"
    );
    assert_eq!(
        broken(54, b"ffffffff"),
        "the cpio archive exceeds the limit of 1073741824 bytes in memory"
    );
    let without_trailer = &good[..good
        .windows(10)
        .position(|window| window == b"TRAILER!!!")
        .unwrap()
        - 110];
    for len in [1, 109, 111, 200, without_trailer.len()] {
        let error = cpio::read(&good[..len], &Limits::default()).unwrap_err();
        assert!(matches!(error, CpioError::Io { .. }), "{len}: {error}");
    }
    let few = Limits {
        members: 2,
        ..Default::default()
    };
    assert!(matches!(
        cpio::read(&good[..], &few),
        Err(CpioError::Limit { .. })
    ));
}

#[test]
fn what_follows_an_archive_stays_in_the_reader() {
    let bytes = [
        written(&build(plain_zoo())),
        vec![0; 512],
        b"\x28\xb5\x2f\xfdcompressed".to_vec(),
    ]
    .concat();
    let mut input = &bytes[..];
    assert!(
        cpio::read_archive(&mut input, &Limits::default())
            .unwrap()
            .is_some()
    );
    assert!(input.starts_with(b"\x28\xb5\x2f\xfd"));
}
