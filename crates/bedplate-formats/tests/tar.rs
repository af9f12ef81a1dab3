//! tar: what we write, others read; what others write, we read; what is bad is refused.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use std::io::Cursor;

use bedplate_formats::content::InlineOnly;
use bedplate_formats::tar::{self, Limits, TarError};
use bedplate_sys::tool::Tool;
use bedplate_tree::{Entry, EntryKind, Meta, Tree};
use bedplate_types::{Digest, Object};
use common::{EPOCH, InArchive, build, listing, path, sha256, zoo};

fn object() -> Digest<Object> {
    Digest::from_bytes([7; 32])
}

fn read(archive: &[u8]) -> Result<Vec<Entry>, TarError> {
    tar::read(Cursor::new(archive), object(), &Limits::default())
}

fn written(tree: &Tree) -> Vec<u8> {
    tar::write(tree, &InlineOnly, EPOCH, Vec::new()).unwrap()
}

/// Columns one blank apart, and long runs of one letter counted.
fn squeezed(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        lines += &line.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.push('\n');
    }
    for (letter, count) in [
        ('n', 255),
        ('t', 300),
        ('d', 120),
        ('e', 120),
        ('f', 120),
        ('d', 90),
        ('e', 90),
        ('d', 60),
    ] {
        lines = lines.replace(
            &letter.to_string().repeat(count),
            &format!("<{count} {letter}>"),
        );
    }
    lines
}

/// The outermost message and those of its causes.
fn message(error: &TarError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &format!(" / {cause}");
        source = cause.source();
    }
    text
}

#[test]
fn what_was_written_reads_back_as_it_was() {
    let tree = build(zoo());
    let archive = written(&tree);
    let again = build(read(&archive).unwrap());
    assert_eq!(
        listing(&again, &InArchive(archive)),
        listing(&tree, &InlineOnly)
    );
}

#[test]
fn the_bytes_of_an_archive_are_pinned() {
    insta::assert_snapshot!(sha256(&written(&build(zoo()))), @"4da19b804f9dca4d89a073386340405cf6d39ef04386d1fdec976fcbf7e5b7f6");
}

#[test]
fn gnu_tar_lists_what_we_write() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("zoo.tar");
    std::fs::write(&file, written(&build(zoo()))).unwrap();
    let tar = Tool::new("tar", "tar").args([
        "--list",
        "-vv",
        "--full-time",
        "--utc",
        "--numeric-owner",
        "--xattrs",
        "--file",
    ]);
    let listing = tar
        .arg(&file)
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .output()
        .unwrap();
    insta::assert_snapshot!(squeezed(&String::from_utf8_lossy(&listing)), @r"
    drwxr-xr-t 0/0 0 2020-09-13 12:26:40 ./
    -rwsr-xr-x 0/0 10 2020-09-13 12:26:40 a-first-name
    drwxr-xr-x 0/0 0 2020-09-13 12:26:40 bin/
    lrwxrwxrwx 0/0 0 2020-09-13 12:26:40 bin/far -> <300 t>
    lrwxrwxrwx 0/0 0 2020-09-13 12:26:40 bin/link -> su
    -rwxr-xr-x* 0/0 3 1970-01-01 00:00:00 bin/ping
    hrwsr-xr-x 0/0 0 2020-09-13 12:26:40 bin/second link to a-first-name
    hrwsr-xr-x 0/0 0 2020-09-13 12:26:40 bin/su link to a-first-name
    drwxr-xr-x 0/0 0 1970-01-01 00:00:00 <120 d>/
    drwxr-xr-x 0/0 0 1970-01-01 00:00:00 <120 d>/<120 e>/
    -rw-r--r-- 0/0 4 2020-09-13 12:26:40 <120 d>/<120 e>/<120 f>
    drwxr-xr-x 0/0 0 1970-01-01 00:00:00 dev/
    crw------- 0/0 5,1 2020-09-13 12:26:40 dev/console
    prw-r----- 0/0 0 2020-09-13 12:26:40 dev/pipe
    brw-rw---- 0/0 8,1048575 2020-09-13 12:26:40 dev/sda
    -rw-r--r-- 0/0 0 2020-09-13 12:26:40 empty
    -rw------- 0/0 512 2020-09-13 12:26:40 exact
    drwxr-xr-x 0/0 0 1970-01-01 00:00:00 long/
    -rw-r--r-- 0/0 3 2020-09-13 12:26:40 long/<255 n>
    -rw------- 0/0 1025 2020-09-13 12:26:40 longer
    -rw-r--r-- 0/0 2 2020-09-13 12:26:40 not utf-8 \377
    -rw-r----- 3000000/4294967294 4 1970-01-01 00:00:05 owned
    -rw-r--r-- 0/0 1 2020-09-13 12:26:40 with space and é
    ");
}

/// Prints each member as Python sees it, in one line.
const PYTHON: &str = r#"
import sys, tarfile
for m in tarfile.open(sys.argv[1], encoding="utf-8"):
    x = sorted(k for k in m.pax_headers if k.startswith("SCHILY"))
    print(m.type.decode(), oct(m.mode), m.uid, m.gid, m.size, int(m.mtime), m.devmajor, m.devminor,
          ascii(m.name[:60]), len(m.name), ascii(m.linkname[:20]), len(m.linkname), *x)
"#;

#[test]
fn python_reads_what_we_write() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("zoo.tar");
    std::fs::write(&file, written(&build(zoo()))).unwrap();
    let text = Tool::new("python3", "python3")
        .args(["-c", PYTHON])
        .arg(&file)
        .output()
        .unwrap();
    insta::assert_snapshot!(squeezed(&String::from_utf8(text).unwrap()), @r"
    5 0o1755 0 0 0 1600000000 0 0 '.' 1 '' 0
    0 0o4755 0 0 10 1600000000 0 0 'a-first-name' 12 '' 0
    5 0o755 0 0 0 1600000000 0 0 'bin' 3 '' 0
    2 0o777 0 0 0 1600000000 0 0 'bin/far' 7 'tttttttttttttttttttt' 300
    2 0o777 0 0 0 1600000000 0 0 'bin/link' 8 'su' 2
    0 0o755 0 0 3 0 0 0 'bin/ping' 8 '' 0 SCHILY.xattr.security.capability SCHILY.xattr.user.text
    1 0o4755 0 0 0 1600000000 0 0 'bin/second' 10 'a-first-name' 12
    1 0o4755 0 0 0 1600000000 0 0 'bin/su' 6 'a-first-name' 12
    5 0o755 0 0 0 0 0 0 '<60 d>' 120 '' 0
    5 0o755 0 0 0 0 0 0 '<60 d>' 241 '' 0
    0 0o644 0 0 4 1600000000 0 0 '<60 d>' 362 '' 0
    5 0o755 0 0 0 0 0 0 'dev' 3 '' 0
    3 0o600 0 0 0 1600000000 5 1 'dev/console' 11 '' 0
    6 0o640 0 0 0 1600000000 0 0 'dev/pipe' 8 '' 0
    4 0o660 0 0 0 1600000000 8 1048575 'dev/sda' 7 '' 0
    0 0o644 0 0 0 1600000000 0 0 'empty' 5 '' 0
    0 0o600 0 0 512 1600000000 0 0 'exact' 5 '' 0
    5 0o755 0 0 0 0 0 0 'long' 4 '' 0
    0 0o644 0 0 3 1600000000 0 0 'long/nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' 260 '' 0
    0 0o600 0 0 1025 1600000000 0 0 'longer' 6 '' 0
    0 0o644 0 0 2 1600000000 0 0 'not utf-8 \udcff' 11 '' 0
    0 0o640 3000000 4294967294 4 5 0 0 'owned' 5 '' 0
    0 0o644 0 0 1 1600000000 0 0 'with space and \xe9' 16 '' 0
    ");
}

#[test]
fn gnu_tar_archives_of_every_format_read_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    let deep = root.join("d".repeat(90)).join("e".repeat(90));
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(deep.join("file"), "deep").unwrap();
    std::fs::write(root.join("plain"), "plain").unwrap();
    std::fs::hard_link(root.join("plain"), root.join("plain-too")).unwrap();
    std::os::unix::fs::symlink("p".repeat(99), root.join("link")).unwrap();
    let mut listings = Vec::new();
    for format in ["gnu", "pax", "ustar", "posix"] {
        let file = directory.path().join(format);
        let tool =
            Tool::new("tar", "tar").args(["--create", "--sort=name", "--mtime=@1234567890.5"]);
        let tool = tool.args([
            "--owner=12",
            "--group=34",
            "--numeric-owner",
            "--mode=u=rwX,go=rX",
        ]);
        tool.arg(format!("--format={format}"))
            .arg("--file")
            .arg(&file)
            .arg("-C")
            .arg(&root)
            .arg(".")
            .output()
            .unwrap();
        let archive = std::fs::read(&file).unwrap();
        let tree = build(read(&archive).unwrap());
        listings.push(listing(&tree, &InArchive(archive)));
    }
    assert!(
        listings.iter().all(|other| *other == listings[0]),
        "{listings:#?}"
    );
    insta::assert_snapshot!(squeezed(&listings[0]), @r"
    directory 755 12:34 @1234567890 x1
    directory 755 12:34 @1234567890 x1 <90 d>
    directory 755 12:34 @1234567890 x1 <90 d>/<90 e>
    file 644 12:34 @1234567890 x1 <90 d>/<90 e>/file 4 deep
    symlink 755 12:34 @1234567890 x1 link -> ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp
    file 644 12:34 @1234567890 x2 plain 5 plain
    file 644 12:34 @1234567890 x2 plain-too 5 plain
    ");
}

/// Makes an archive whose values only pax records, or only GNU numbers, can hold.
const EXTREMES: &str = r#"
import io, sys, tarfile
t = tarfile.open(sys.argv[1], "w", format=getattr(tarfile, sys.argv[2]), pax_headers={"comment": "global"} if sys.argv[2] == "PAX_FORMAT" else None)
def add(name, **kw):
    m = tarfile.TarInfo(name)
    data = kw.pop("data", b"")
    m.size = len(data)
    for k, v in kw.items(): setattr(m, k, v)
    t.addfile(m, io.BytesIO(data))
add("owner", uid=4294967294, gid=3000000, data=b"1", mode=0o640)
add("before", mtime=-7.5 if sys.argv[2] == "PAX_FORMAT" else -8, data=b"22")
add("fraction", mtime=12.75 if sys.argv[2] == "PAX_FORMAT" else 12, data=b"333")
add("abs/n" + "\u00e9" * 120, data=b"4444")
add("hard", type=tarfile.LNKTYPE, linkname="/owner")
t.close()
"#;

#[test]
fn pax_and_gnu_values_override_the_header() {
    let directory = tempfile::tempdir().unwrap();
    let mut listings = Vec::new();
    for format in ["PAX_FORMAT", "GNU_FORMAT"] {
        let file = directory.path().join(format);
        Tool::new("python3", "python3")
            .args(["-c", EXTREMES])
            .arg(&file)
            .arg(format)
            .output()
            .unwrap();
        let archive = std::fs::read(&file).unwrap();
        let tree = build(read(&archive).unwrap());
        listings.push(listing(&tree, &InArchive(archive)));
    }
    assert_eq!(listings[0], listings[1]);
    insta::assert_snapshot!(listings[0].replace(&"\\xc3\\xa9".repeat(120), "N"), @r"
    directory 755 0:0 @0 x1
    directory 755 0:0 @0 x1 abs
    file 644 0:0 @0 x1 abs/nN 4 4444
    file 644 0:0 @0 x1 before 2 22
    file 644 0:0 @12 x1 fraction 3 333
    file 640 4294967294:3000000 @0 x2 hard 1 1
    file 640 4294967294:3000000 @0 x2 owner 1 1
    ");
}

/// A header as v7 tars had it, checksum and all, with its contents.
fn member(name: &[u8], kind: u8, link: &[u8], data: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name);
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link);
    reseal(&mut header);
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn reseal(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header[..512].iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn ended(mut archive: Vec<u8>) -> Vec<u8> {
    archive.extend_from_slice(&[0; 1024]);
    archive
}

#[test]
fn bad_archives_end_in_one_sentence_that_names_the_entry() {
    let mut broken_number = member(b"n", b'0', b"", b"");
    broken_number[108..116].copy_from_slice(b"00x0000\0");
    reseal(&mut broken_number);
    let pax = |records: &[u8]| {
        [
            member(b"pax", b'x', b"", records),
            member(b"f", b'0', b"", b""),
        ]
        .concat()
    };
    let long = [b"L".repeat(256), vec![0]].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("parent", member(b"../../etc/shadow", b'0', b"", b"")),
        ("inner parent", member(b"a/../../b", b'5', b"", b"")),
        ("hard link out", member(b"l", b'1', b"/../etc/shadow", b"")),
        ("empty name", member(b"", b'0', b"", b"")),
        ("empty link", member(b"l", b'2', b"", b"")),
        ("root is a file", member(b"./", b'0', b"", b"")),
        ("pax nul", pax(b"12 path=a\0b\n")),
        ("pax malformed", pax(b"77 path=ab\n")),
        ("pax size", pax(b"12 size=abc\n")),
        ("pax sparse", pax(b"22 GNU.sparse.major=1\n")),
        ("gnu sparse", member(b"holes", b'S', b"", b"")),
        (
            "long name",
            [
                member(b"././@LongLink", b'L', b"", &long),
                member(b"f", b'0', b"", b""),
            ]
            .concat(),
        ),
        ("unknown", member(b"what", b'M', b"", b"")),
        ("number", broken_number),
        (
            "lone zeros",
            [vec![0; 512], member(b"f", b'0', b"", b"")].concat(),
        ),
        ("dangling", member(b"pax", b'x', b"", b"12 path=abc\n")),
        ("noise", b"\x1f\x8b no tar".repeat(100)),
    ];
    let mut lines = String::new();
    for (name, archive) in cases {
        let archive = if name == "dangling" {
            archive
        } else {
            ended(archive)
        };
        lines += &format!(
            "{name}: {}\n",
            message(&read(&archive).unwrap_err()).replace(&"L".repeat(200), "L*200")
        );
    }
    insta::assert_snapshot!(lines, @r"
    parent: entry `../../etc/shadow` leaves the image / a path component is `..`
    inner parent: entry `a/../../b` leaves the image / a path component is `..`
    hard link out: entry `l` leaves the image / the target of the hard link has a component `..`
    empty name: entry `` has a name that an image cannot hold / a name is empty
    empty link: entry `l` has a name that an image cannot hold / a name is empty
    root is a file: entry `./` has a name that an image cannot hold / a name is empty
    pax nul: entry `a\u{0}b` has a name that an image cannot hold / the name holds a NUL byte
    pax malformed: entry `pax` has a malformed pax record
    pax size: entry `pax` has a malformed pax record `size`
    pax sparse: entry `f` is a sparse file, which is not supported
    gnu sparse: entry `holes` is a sparse file, which is not supported
    long name: entry `L*200…` has a name that an image cannot hold / the name, or a component of it, is too long for Linux
    unknown: entry `what` is of the unknown type `M`
    number: entry `n` has a malformed uid
    lone zeros: byte 0 of the archive does not begin a tar header / a single block of zeros stands in the middle of the archive
    dangling: byte 0 of the archive does not begin a tar header / the archive ends after an extension header
    noise: byte 0 of the archive does not begin a tar header / the checksum does not match
    ");
}

#[test]
fn a_truncated_archive_is_an_error_wherever_it_is_cut_inside_an_entry() {
    let archive = member(b"file", b'0', b"", &[1; 700]);
    for len in [1, 511, 513, 1024, 1211] {
        let error = read(&archive[..len]).unwrap_err();
        assert!(
            matches!(
                error,
                TarError::Truncated { .. } | TarError::NotHeader { .. }
            ),
            "{len}: {error}"
        );
    }
    for len in [0, 512 + 700, 1536] {
        assert!(read(&archive[..len]).is_ok(), "{len}");
    }
}

#[test]
fn limits_hold() {
    let archive = ended(
        [
            member(b"a", b'0', b"", b"12345"),
            member(b"b", b'0', b"", b"67890"),
        ]
        .concat(),
    );
    let with = |limits: Limits| {
        tar::read(Cursor::new(&archive), object(), &limits)
            .unwrap_err()
            .to_string()
    };
    let default = Limits::default();
    assert_eq!(
        with(Limits {
            entries: 1,
            ..default
        }),
        "the archive exceeds the limit of 1 entries at entry `b`"
    );
    assert_eq!(
        with(Limits {
            content: 9,
            ..default
        }),
        "the archive exceeds the limit of 9 bytes of contents at entry `b`"
    );
    let pax = ended(member(b"p", b'x', b"", &[b'1'; 600]));
    let error = tar::read(
        Cursor::new(pax),
        object(),
        &Limits {
            extension: 599,
            ..default
        },
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the archive exceeds the limit of 599 bytes in one extension header at entry `p`"
    );
}

#[test]
fn old_archives_and_odd_links_are_understood() {
    // A directory by its slash alone; a hard link that claims a size and has no contents.
    let mut link = member(b"link", b'1', b"dir/file", b"");
    link[124..136].copy_from_slice(b"00000000003\0");
    reseal(&mut link);
    let parts = [
        member(b"dir/", 0, b"", b""),
        member(b"dir/file", 0, b"", b"abc"),
        link,
        member(b"z", b'7', b"", b""),
    ];
    let entries = read(&ended(parts.concat())).unwrap();
    let kinds: Vec<_> = entries
        .iter()
        .map(|entry| (entry.path.to_string(), &entry.kind))
        .collect();
    assert_eq!(kinds[0], ("/dir".into(), &EntryKind::Directory));
    assert_eq!(
        kinds[2],
        ("/link".into(), &EntryKind::HardLink(path(b"dir/file")))
    );
    assert_eq!(kinds[3].0, "/z");
}

#[test]
fn files_over_eight_gib_are_written_with_a_pax_size() {
    // The contents are not made: the reader of contents fails at once, after the header was written.
    struct Refuses;
    impl bedplate_formats::content::ReadContent for Refuses {
        fn copy(
            &self,
            _: &bedplate_tree::Content,
            _: &mut dyn std::io::Write,
        ) -> std::io::Result<()> {
            Err(std::io::Error::other("no contents"))
        }
    }
    #[derive(Clone, Debug)]
    struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let content = bedplate_tree::Content::Stored {
        object: object(),
        offset: 0,
        len: 8 << 30,
    };
    let entry = Entry {
        path: path(b"huge"),
        meta: Meta::with_mode(0o644),
        kind: EntryKind::File(content),
    };
    let out = Shared(Default::default());
    let error = tar::write(&build(vec![entry]), &Refuses, EPOCH, out.clone()).unwrap_err();
    assert_eq!(error.to_string(), "cannot write `/huge` into the archive");
    let bytes = out.0.lock().unwrap().clone();
    assert!(
        bytes
            .windows(19)
            .any(|window| window == b"19 size=8589934592\n")
    );
    let error = read(&bytes).unwrap_err();
    assert!(
        matches!(error, TarError::Truncated { end, .. } if end > 8 << 30),
        "{error}"
    );
}
