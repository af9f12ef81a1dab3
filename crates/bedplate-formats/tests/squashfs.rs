//! SquashFS: what we write, others read; the same tree gives the same bytes, and no more than need be.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use std::io::{Cursor, Seek, SeekFrom};
use std::num::NonZeroUsize;

use bedplate_formats::content::InlineOnly;
use bedplate_formats::squashfs::{self, Compression, Options};
use bedplate_formats::tar;
use bedplate_sys::tool::Tool;
use bedplate_tree::Content;
use bedplate_types::{Digest, Epoch};
use common::squashfs::{
    LINES, Made, ZEROS, file, large_zoo, made, read_back, small_blocks, written,
};
use common::{EPOCH, InArchive, build, listing, sha256, zoo};

const MIB: u64 = 1 << 20;

/// What `unsquashfs` prints about the image with these arguments.
fn unsquashfs(image: &[u8], arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("image");
    std::fs::write(&file, image).unwrap();
    let tool = Tool::new("unsquashfs", "squashfs-tools").args(arguments);
    let output = tool.arg(&file).env("LC_ALL", "C").env("TZ", "UTC").output();
    let text = String::from_utf8_lossy(&output.unwrap()).into_owned();
    text.replace(&*file.to_string_lossy(), "IMAGE")
}

#[test]
fn squashfs_tools_ng_reads_back_what_we_write() {
    let tree = large_zoo();
    let expected = listing(&tree, &Made);
    let raw = Options {
        compression: Compression::None,
        ..small_blocks()
    };
    for options in [small_blocks(), raw, Options::new(EPOCH)] {
        let (again, contents) = read_back(&written(&tree, &options));
        assert!(listing(&again, &contents) == expected, "{options:?}");
    }
}

#[test]
fn unsquashfs_lists_what_we_write() {
    let image = written(&build(zoo()), &Options::new(EPOCH));
    let text = unsquashfs(&image, &["-lln", "-d", ""]);
    let text = text
        .replace(&"n".repeat(255), "<255 n>")
        .replace(&"t".repeat(300), "<300 t>");
    insta::assert_snapshot!(text, @r"
    drwxr-xr-t 0/0                     294 2020-09-13 12:26 
    -rwsr-xr-x 0/0                      10 2020-09-13 12:26 /a-first-name
    drwxr-xr-x 0/0                      74 2020-09-13 12:26 /bin
    lrwxrwxrwx 0/0                     300 2020-09-13 12:26 /bin/far -> <300 t>
    lrwxrwxrwx 0/0                       2 2020-09-13 12:26 /bin/link -> su
    -rwxr-xr-x 0/0                       3 1970-01-01 00:00 /bin/ping
    -rwsr-xr-x 0/0                      10 2020-09-13 12:26 /bin/second
    -rwsr-xr-x 0/0                      10 2020-09-13 12:26 /bin/su
    drwxr-xr-x 0/0                     143 1970-01-01 00:00 /dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd
    drwxr-xr-x 0/0                     143 1970-01-01 00:00 /dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
    -rw-r--r-- 0/0                       4 2020-09-13 12:26 /dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
    drwxr-xr-x 0/0                      53 1970-01-01 00:00 /dev
    crw------- 0/0                   5,  1 2020-09-13 12:26 /dev/console
    prw-r----- 0/0                       0 2020-09-13 12:26 /dev/pipe
    brw-rw---- 0/0                 -4088,255 2020-09-13 12:26 /dev/sda
    -rw-r--r-- 0/0                       0 2020-09-13 12:26 /empty
    -rw------- 0/0                     512 2020-09-13 12:26 /exact
    drwxr-xr-x 0/0                     278 1970-01-01 00:00 /long
    -rw-r--r-- 0/0                       3 2020-09-13 12:26 /long/<255 n>
    -rw------- 0/0                    1025 2020-09-13 12:26 /longer
    -rw-r--r-- 0/0                       2 2020-09-13 12:26 /not utf-8 �
    -rw-r----- 3000000/4294967294        4 1970-01-01 00:00 /owned
    -rw-r--r-- 0/0                       1 2020-09-13 12:26 /with space and é
    ");
}

#[test]
fn unsquashfs_tells_of_the_image_what_was_asked_for() {
    let tree = build(zoo());
    insta::assert_snapshot!(unsquashfs(&written(&tree, &Options::new(EPOCH)), &["-stat"]), @r"
    Found a valid SQUASHFS 4:0 superblock on IMAGE.
    Creation or last append time Tue Nov 14 22:13:20 2023
    Filesystem size 862 bytes (0.84 Kbytes / 0.00 Mbytes)
    Compression zstd
    	compression-level 3
    Block size 1048576
    Filesystem is not exportable via NFS
    Inodes are compressed
    Data is compressed
    Uids/Gids (Id table) are compressed
    Fragments are compressed
    Always-use-fragments option is not specified
    Xattrs are compressed
    Duplicates are removed
    Number of fragments 1
    Number of inodes 21
    Number of ids 3
    Number of xattr ids 1
    ");
    let raw = Options {
        compression: Compression::None,
        block_size: 128 << 10,
        ..Options::new(Epoch(0))
    };
    insta::assert_snapshot!(unsquashfs(&written(&tree, &raw), &["-stat"]), @r"
    Found a valid SQUASHFS 4:0 superblock on IMAGE.
    Creation or last append time Thu Jan  1 00:00:00 1970
    Filesystem size 3761 bytes (3.67 Kbytes / 0.00 Mbytes)
    Compression gzip
    Block size 131072
    Filesystem is not exportable via NFS
    Inodes are uncompressed
    Data is uncompressed
    Uids/Gids (Id table) are uncompressed
    Fragments are uncompressed
    Always-use-fragments option is not specified
    Xattrs are uncompressed
    Duplicates are removed
    Number of fragments 1
    Number of inodes 21
    Number of ids 3
    Number of xattr ids 1
    ");
}

/// Needs root, as owners and capabilities do.
#[test]
fn unsquashfs_unpacks_what_we_write() {
    let mut entries = zoo();
    for entry in &mut entries {
        // Not all file systems that tests run on have them.
        entry.meta.xattrs.remove(b"user.text".as_slice());
    }
    entries.retain(|entry| !entry.path.starts_with(&"dev".parse().unwrap()));
    entries.push(file("lines", made(LINES, 0, 100_000)));
    entries.push(file("noise", made(1, 0, 100_000)));
    entries.push(file("zeros", made(ZEROS, 0, 100_000)));
    let tree = build(entries);
    let directory = tempfile::tempdir().unwrap();
    let (image, root) = (
        directory.path().join("image"),
        directory.path().join("root"),
    );
    std::fs::write(&image, written(&tree, &small_blocks())).unwrap();
    let unsquashfs = Tool::new("unsquashfs", "squashfs-tools").args(["-no-progress", "-d"]);
    unsquashfs.arg(&root).arg(&image).output().unwrap();

    let getcap = Tool::new("getcap", "libcap2-bin").arg(root.join("bin/ping"));
    let capabilities = getcap.output().unwrap();
    assert!(
        capabilities.ends_with(b"bin/ping cap_net_raw=ep\n"),
        "{capabilities:?}"
    );
    let tar = Tool::new("tar", "tar").args(["--create", "--format=pax", "--numeric-owner"]);
    let tar = tar.args(["--xattrs", "--xattrs-include=*", "--directory"]);
    let archive = tar.arg(&root).arg(".").output().unwrap();
    let object = Digest::from_bytes([0; 32]);
    let entries = tar::read(Cursor::new(&archive), object, &tar::Limits::default()).unwrap();
    assert!(listing(&build(entries), &InArchive(archive)) == listing(&tree, &Made));
}

#[test]
fn the_bytes_of_an_image_are_pinned() {
    insta::assert_snapshot!(sha256(&written(&large_zoo(), &small_blocks())), @"241fe55fe1cc16f0da551cc889c47e82fabfe59ba98f08638db3169d46471f32");
}

#[test]
fn the_number_of_threads_does_not_show() {
    let tree = large_zoo();
    let one = written(&tree, &small_blocks());
    for threads in [2, 3, 16] {
        let options = Options {
            threads: NonZeroUsize::new(threads).unwrap(),
            ..small_blocks()
        };
        assert!(written(&tree, &options) == one, "{threads} threads");
    }
}

#[test]
fn files_with_the_same_bytes_are_stored_once() {
    // Noise does not shrink, so each copy would show.
    let copies = |count: u64, len| {
        let copy = |number| file(&format!("copy-{number}"), made(7, number * 5000, len));
        written(&build((0..count).map(copy).collect()), &small_blocks()).len() as u64
    };
    for len in [3000, 40_960, 3 * MIB + 5] {
        let one = copies(1, len);
        assert!(one > len && copies(9, len) <= one + 4096, "{len}");
    }
}

#[test]
fn files_that_differ_in_their_last_byte_are_stored_both() {
    for len in [10, 4095, 4096, 40_000] {
        let content = |last: u8| Content::inline([vec![b'x'; len], vec![last]].concat());
        let tree = build(vec![file("a", content(1)), file("b", content(2))]);
        let (again, contents) = read_back(&written(&tree, &small_blocks()));
        assert!(
            listing(&again, &contents) == listing(&tree, &InlineOnly),
            "{len}"
        );
    }
}

#[test]
fn zeros_take_no_room() {
    let tree = build(vec![file("hole", made(ZEROS, 0, 64 * MIB))]);
    let image = written(&tree, &Options::new(EPOCH));
    assert_eq!(image.len(), 4096);
    assert!(unsquashfs(&image, &["-lln"]).contains(&format!(" {} ", 64 * MIB)));
}

#[test]
fn an_image_may_begin_in_the_middle_of_a_file() {
    let tree = build(zoo());
    let alone = written(&tree, &Options::new(EPOCH));
    let mut out = Cursor::new(vec![7; 10_000]);
    out.seek(SeekFrom::Start(512)).unwrap();
    let mut out = squashfs::write(&tree, &Made, &Options::new(EPOCH), out).unwrap();
    assert_eq!(out.stream_position().unwrap(), 512 + alone.len() as u64);
    let bytes = out.into_inner();
    assert!(bytes[..512] == [7; 512] && bytes[512..][..alone.len()] == alone);
}
