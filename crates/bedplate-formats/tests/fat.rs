//! FAT: fsck.fat finds nothing to complain about, and mtools read what we meant.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use std::collections::BTreeMap;
use std::io::{Seek as _, Write};
use std::path::Path;

use bedplate_formats::content::{InlineOnly, ReadContent};
use bedplate_formats::fat::{FAT32_MIN_LEN, FatError, Image, Kind, Size, Volume};
use bedplate_sys::tool::Tool;
use bedplate_tree::{Content, Entry, EntryKind, Meta, Tree};
use bedplate_types::{Digest, Epoch};
use common::{EPOCH, build, path, sha256};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

fn volume(size: Size) -> Volume {
    Volume {
        size,
        label: "ESP".to_owned(),
        serial: 0x1234_abcd,
        epoch: EPOCH,
    }
}

fn entry(name: &str, kind: EntryKind) -> Entry {
    Entry {
        path: path(name.as_bytes()),
        meta: Meta::with_mode(0o644),
        kind,
    }
}

fn file(name: &str, content: impl Into<Vec<u8>>) -> Entry {
    entry(name, EntryKind::File(Content::inline(content)))
}

/// A system partition, and all that names can be.
fn system_partition() -> Vec<Entry> {
    let long = format!("long/{}.efi", "n".repeat(251));
    vec![
        file("EFI/BOOT/BOOTX64.EFI", vec![0x4d; 100_000]),
        file("EFI/Linux/web_2024.10.1+3.efi", vec![0x5a; 70_001]),
        file("EFI/Linux/web_2024.10.2+3.efi", vec![0x5b; 4096]),
        file("EFI/systemd/systemd-bootx64.efi", vec![1; 4097]),
        file("loader/loader.conf", "timeout 3\n"),
        file("loader/entries.srel", "type1\n"),
        file("loader/keys/empty", ""),
        entry("loader/entries", EntryKind::Directory),
        file(&long, "long"),
        file("names/UPPER.TXT", "1"),
        file("names/lower.txt", "2"),
        file("names/thirteen-unit", "3"),
        file("names/.hidden", "4"),
        file("names/two.dots.txt", "5"),
        file("names/with space", "6"),
        file("names/größe_€", "7"),
        file("names/longfilename.txt", "8"),
        file("names/longfilename2.txt", "9"),
        file("names/LONGFI~1.TXT", "10"),
    ]
}

fn written(image: &Image<'_>, contents: &dyn ReadContent) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.write(contents, &mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, image.byte_len());
    bytes
}

fn bytes_of(tree: &Tree, size: Size) -> Vec<u8> {
    written(&Image::new(tree, &volume(size)).unwrap(), &InlineOnly)
}

/// What fsck.fat says about a volume in which it finds no error.
fn fsck(image: &Path) -> String {
    let tool = Tool::new("fsck.fat", "dosfstools").env("LC_ALL", "C");
    let text = tool.args(["-n", "-v", "-V"]).arg(image).output().unwrap();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.replace(&image.display().to_string(), "volume")
}

fn mtools(program: &'static str, image: &Path, args: &[&str]) -> String {
    let tool = Tool::new(program, "mtools")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC");
    let text = tool.arg("-i").arg(image).args(args).output().unwrap();
    String::from_utf8(text).unwrap()
}

/// All files below a directory of the build machine, by path.
fn files_below(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap();
                files.insert(name.to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    files
}

fn text_of(entry: &Entry) -> String {
    String::from_utf8(entry.path.as_bytes().to_vec()).unwrap()
}

/// Writes the volume, has it checked and read back; gives what fsck.fat said.
fn judged(entries: &[Entry], size: Size) -> String {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("volume.img");
    let out = directory.path().join("out");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(&image, bytes_of(&build(entries.to_vec()), size)).unwrap();
    let verdict = fsck(&image);
    if !entries.is_empty() {
        mtools("mcopy", &image, &["-s", "-Q", "::*", out.to_str().unwrap()]);
    }
    let content = |entry: &Entry| match &entry.kind {
        EntryKind::File(Content::Inline(bytes)) => Some((text_of(entry), bytes.to_vec())),
        _ => None,
    };
    let meant: BTreeMap<String, Vec<u8>> = entries.iter().filter_map(content).collect();
    let read = files_below(&out);
    assert!(
        meant.keys().eq(read.keys()),
        "{:?} {:?}",
        meant.keys(),
        read.keys()
    );
    assert!(read == meant);
    verdict
}

#[test]
fn a_small_volume_is_fat16_and_whole() {
    insta::assert_snapshot!(judged(&system_partition(), Size::WithRoom(0)), @r#"
    fsck.fat 4.2 (2021-01-31)
    Checking we can access the last sector of the filesystem
    Boot sector contents:
    System ID "BEDPLATE"
    Media byte 0xf8 (hard disk)
           512 bytes per logical sector
           512 bytes per cluster
             8 reserved sectors
    First FAT starts at byte 4096 (sector 8)
             2 FATs, 16 bit entries
         12288 bytes per FAT (= 24 sectors)
    Root directory starts at byte 28672 (sector 56)
           512 root directory entries
    Data area starts at byte 45056 (sector 88)
          6056 data clusters (3100672 bytes)
    63 sectors/track, 255 heads
             0 hidden sectors
          6144 sectors total
    Starting check/repair pass.
    Checking for unused clusters.
    Starting verification pass.
    Checking for unused clusters.
    volume: 28 files, 374/6056 clusters
    "#);
}

#[test]
fn a_volume_of_33_mib_is_fat32_and_whole() {
    insta::assert_snapshot!(judged(&system_partition(), Size::Exactly(FAT32_MIN_LEN)), @r#"
    fsck.fat 4.2 (2021-01-31)
    Checking we can access the last sector of the filesystem
    Boot sector contents:
    System ID "BEDPLATE"
    Media byte 0xf8 (hard disk)
           512 bytes per logical sector
           512 bytes per cluster
            32 reserved sectors
    First FAT starts at byte 16384 (sector 32)
             2 FATs, 32 bit entries
        270336 bytes per FAT (= 528 sectors)
    Root directory start at cluster 2 (arbitrary size)
    Data area starts at byte 557056 (sector 1088)
         66496 data clusters (34045952 bytes)
    63 sectors/track, 255 heads
             0 hidden sectors
         67584 sectors total
    Starting check/repair pass.
    Checking for unused clusters.
    Checking free cluster summary.
    Starting verification pass.
    Checking for unused clusters.
    volume: 28 files, 375/66496 clusters
    "#);
}

#[test]
fn volumes_with_larger_clusters_are_whole_too() {
    for mib in [66, 260] {
        judged(&system_partition(), Size::Exactly(mib * MIB));
    }
}

#[test]
fn mtools_see_names_times_and_label() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("volume.img");
    std::fs::write(
        &image,
        bytes_of(&build(system_partition()), Size::WithRoom(MIB)),
    )
    .unwrap();
    let text = mtools("mdir", &image, &["-a", "::", "::/names", "::/EFI/Linux"]);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
     Volume in drive : is ESP
     Volume Serial Number is 1234-ABCD
    Directory for ::/

    EFI          <DIR>     2023-11-14  22:13
    LOADER       <DIR>     2023-11-14  22:13  loader
    LONG         <DIR>     2023-11-14  22:13  long
    NAMES        <DIR>     2023-11-14  22:13  names
            4 files                   0 bytes

    Directory for ::/names

    .            <DIR>     2023-11-14  22:13
    ..           <DIR>     2023-11-14  22:13
    HIDDEN~1             1 2023-11-14  22:13  .hidden
    LONGFI~1 TXT         2 2023-11-14  22:13
    UPPER    TXT         1 2023-11-14  22:13
    GR__E_~1             1 2023-11-14  22:13  größe_€
    LONGFI~2 TXT         1 2023-11-14  22:13  longfilename.txt
    LONGFI~3 TXT         1 2023-11-14  22:13  longfilename2.txt
    LOWER    TXT         1 2023-11-14  22:13  lower.txt
    THIRTE~1             1 2023-11-14  22:13  thirteen-unit
    TWODOT~1 TXT         1 2023-11-14  22:13  two.dots.txt
    WITHSP~1             1 2023-11-14  22:13  with space
           12 files                  11 bytes

    Directory for ::/EFI/Linux

    .            <DIR>     2023-11-14  22:13
    ..           <DIR>     2023-11-14  22:13
    WEB_20~1 EFI     70001 2023-11-14  22:13  web_2024.10.1+3.efi
    WEB_20~2 EFI      4096 2023-11-14  22:13  web_2024.10.2+3.efi
            4 files              74 097 bytes

    Total files listed:
           20 files              74 108 bytes
                              2 909 184 bytes free
    ");
}

#[test]
fn directories_of_many_clusters_and_like_names_are_whole() {
    let numbered = |n: usize| file(&format!("many/a long name, number {n}.conf"), n.to_string());
    let mut entries: Vec<Entry> = (0..1500).map(numbered).collect();
    let in_root = |n: usize| file(&format!("a long name of the root, number {n}"), "");
    entries.extend((0..300).map(in_root));
    judged(&entries, Size::WithRoom(0));
    judged(&entries, Size::Exactly(40 * MIB));
}

#[test]
fn a_root_directory_of_any_length_is_whole() {
    let name = |n: usize| format!("{n:05}{}", "x".repeat(240));
    let root: Vec<Entry> = (0..3250).map(|n| file(&name(n), "")).collect();
    let tree = build(root);
    for size in [Size::WithRoom(0), Size::Exactly(40 * MIB)] {
        let mut image = tempfile::NamedTempFile::new().unwrap();
        image.write_all(&bytes_of(&tree, size)).unwrap();
        let verdict = fsck(image.path());
        assert!(verdict.contains("volume: 3251 files"), "{verdict}");
    }
}

/// A file that has holes where zeros were written.
struct Sparse(std::fs::File);

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
        let bytes = &bytes[..bytes.len().min(ZEROS.len())];
        if bytes == &ZEROS[..bytes.len()] {
            self.0.seek_relative(bytes.len() as i64)?;
            return Ok(bytes.len());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let len = self.0.stream_position()?;
        self.0.set_len(len)
    }
}

#[test]
fn volumes_of_gigabytes_are_whole() {
    let tree = build(system_partition());
    for gib in [2, 9] {
        let image = Image::new(&tree, &volume(Size::Exactly(gib << 30))).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        image
            .write(&InlineOnly, &mut Sparse(file.reopen().unwrap()))
            .unwrap();
        assert_eq!(file.as_file().metadata().unwrap().len(), gib << 30);
        fsck(file.path());
    }
}

#[test]
fn a_volume_without_files_or_label_is_whole() {
    for size in [Size::WithRoom(0), Size::Exactly(FAT32_MIN_LEN)] {
        judged(&[], size);
        let tree = build(Vec::new());
        let bare = Volume {
            label: String::new(),
            ..volume(size)
        };
        let bytes = written(&Image::new(&tree, &bare).unwrap(), &InlineOnly);
        let mut image = tempfile::NamedTempFile::new().unwrap();
        image.write_all(&bytes).unwrap();
        fsck(image.path());
    }
}

#[test]
fn there_is_room_as_asked_and_hardly_more() {
    let tree = build(system_partition());
    for room in [
        0,
        1,
        MIB,
        30 * MIB,
        33 * MIB,
        100 * MIB,
        600 * MIB,
        9000 * MIB,
    ] {
        let image = Image::new(&tree, &volume(Size::WithRoom(room))).unwrap();
        assert!(image.free() >= room, "{room}");
        assert!(image.free() < room + 3 * MIB, "{room}: {}", image.free());
        assert_eq!(image.byte_len() % MIB, 0);
    }
}

#[test]
fn a_volume_can_be_filled_to_the_last_cluster() {
    for (len, kind) in [(3 * MIB, Kind::Fat16), (FAT32_MIN_LEN, Kind::Fat32)] {
        let empty = build(vec![file("file", "")]);
        let free = Image::new(&empty, &volume(Size::Exactly(len)))
            .unwrap()
            .free();
        let full = vec![file("file", vec![7; free as usize])];
        judged(&full, Size::Exactly(len));
        let tree = build(full);
        let image = Image::new(&tree, &volume(Size::Exactly(len))).unwrap();
        assert_eq!((image.free(), image.kind()), (0, kind));
        let more = build(vec![file("file", vec![7; free as usize + 1])]);
        let error = Image::new(&more, &volume(Size::Exactly(len)))
            .err()
            .unwrap();
        assert!(matches!(error, FatError::Full { .. }), "{error}");
    }
}

#[test]
fn fat32_begins_at_33_mib() {
    let tree = build(Vec::new());
    let kind = |len| {
        Image::new(&tree, &volume(Size::Exactly(len)))
            .unwrap()
            .kind()
    };
    assert_eq!(kind(FAT32_MIN_LEN), Kind::Fat32);
    assert_eq!(kind(FAT32_MIN_LEN - MIB), Kind::Fat16);
}

#[test]
fn hard_links_become_copies() {
    let mut entries = vec![file("one", "the same")];
    entries.push(entry("two", EntryKind::HardLink(path(b"one"))));
    let bytes = bytes_of(&build(entries), Size::WithRoom(0));
    let twice = build(vec![file("one", "the same"), file("two", "the same")]);
    assert!(bytes == bytes_of(&twice, Size::WithRoom(0)));
}

#[test]
fn the_bytes_of_volumes_are_pinned() {
    let tree = build(system_partition());
    let sums = [Size::WithRoom(0), Size::Exactly(FAT32_MIN_LEN)]
        .map(|size| sha256(&bytes_of(&tree, size)));
    insta::assert_snapshot!(sums.join("\n"), @r"
    78d8c7b1e5948c8b99115ea01a1c9b8c7124486927d2a7876c034c1cafe0b6fc
    2df5c6b21bc55afa2464123c4b12b2baac784106e828bb0bda3ef48c3f3e3fb1
    ");
}

#[test]
fn what_a_volume_cannot_hold_is_refused() {
    let refused = |entries: Vec<Entry>| {
        let tree = build(entries);
        Image::new(&tree, &volume(Size::WithRoom(0)))
            .err()
            .unwrap()
            .to_string()
    };
    let large = EntryKind::File(Content::Stored {
        object: Digest::from_bytes([0; 32]),
        offset: 0,
        len: 1 << 32,
    });
    let many = |n: usize| file(&format!("many/{n} {}", "x".repeat(240)), "");
    let bad = Entry {
        path: path(b"a/\xff"),
        ..file("x", "")
    };
    assert!(refused(vec![file("a/b\u{7f}", "")]).contains("control character"));
    let messages = [
        refused(vec![bad]),
        refused(vec![file("a/b:c", "")]),
        refused(vec![file("a/😀", "")]),
        refused(vec![file("a/b.", "")]),
        refused(vec![file("a/ b", "")]),
        refused(vec![file("a/Same", ""), file("a/sAME", "")]),
        refused(vec![file("a/É", ""), file("a/é", "")]),
        refused(vec![entry(
            "link",
            EntryKind::Symlink(b"a".as_slice().into()),
        )]),
        refused(vec![entry(
            "dev/null",
            EntryKind::CharDevice { major: 1, minor: 3 },
        )]),
        refused(vec![entry("large", large)]),
        refused((0..4000).map(many).collect()),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r#"
    `/a/�` cannot be written to a FAT volume: its name is not UTF-8
    `/a/b:c` cannot be written to a FAT volume: its name holds a control character or one of `"*:<>?\|`
    `/a/😀` cannot be written to a FAT volume: its name holds a character that UCS-2 does not have
    `/a/b.` cannot be written to a FAT volume: its name begins with a space, or ends in a space or a dot
    `/a/ b` cannot be written to a FAT volume: its name begins with a space, or ends in a space or a dot
    `/a/Same` and `/a/sAME` have the same name on a FAT volume, where case does not count
    `/a/É` and `/a/é` have the same name on a FAT volume, where case does not count
    `/link` is a symlink: a FAT volume holds only files and directories
    `/dev/null` is a device: a FAT volume holds only files and directories
    `/large` has 4294967296 bytes: on a FAT volume a file has less than 4 GiB
    directory `/many` has too many entries for a FAT volume: with long names, more than 65536
    "#);
}

#[test]
fn volumes_that_cannot_be_are_refused() {
    let tree = build(Vec::new());
    let refused = |volume: &Volume| Image::new(&tree, volume).err().unwrap().to_string();
    let labelled = |label: &str| Volume {
        label: label.to_owned(),
        ..volume(Size::WithRoom(0))
    };
    let late = Volume {
        epoch: Epoch(4_354_819_200),
        ..volume(Size::WithRoom(0))
    };
    let messages = [
        refused(&labelled("lower")),
        refused(&labelled("TWELVE CHARS")),
        refused(&labelled(" SPACE")),
        refused(&late),
        refused(&volume(Size::Exactly(3 * MIB + 1))),
        refused(&volume(Size::Exactly(2 * MIB))),
        refused(&volume(Size::WithRoom(2 << 40))),
        refused(&volume(Size::WithRoom(u64::MAX))),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r"
    a FAT volume cannot be labelled `lower`: a label has at most 11 upper-case letters, digits, spaces and signs of `!#$%&'()-@^_{}~`, no space first
    a FAT volume cannot be labelled `TWELVE CHARS`: a label has at most 11 upper-case letters, digits, spaces and signs of `!#$%&'()-@^_{}~`, no space first
    a FAT volume cannot be labelled ` SPACE`: a label has at most 11 upper-case letters, digits, spaces and signs of `!#$%&'()-@^_{}~`, no space first
    the time 4354819200 is after the year 2107, where those of FAT volumes end
    a FAT volume cannot have 3145729 bytes: it has whole sectors of 512 bytes, more than 2.1 MiB and less than 2 TiB
    a FAT volume cannot have 2097152 bytes: it has whole sectors of 512 bytes, more than 2.1 MiB and less than 2 TiB
    a FAT volume cannot have 2199023255552 bytes: it has whole sectors of 512 bytes, more than 2.1 MiB and less than 2 TiB
    a FAT volume cannot have 18446744073709551615 bytes: it has whole sectors of 512 bytes, more than 2.1 MiB and less than 2 TiB
    ");
}

/// A store that has a byte less than it says.
struct Short;

impl ReadContent for Short {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> std::io::Result<()> {
        out.write_all(&vec![0; content.len() as usize - 1])
    }
}

#[test]
fn contents_of_another_length_are_an_error() {
    let tree = build(vec![file("a/file", "twelve bytes")]);
    let image = Image::new(&tree, &volume(Size::WithRoom(0))).unwrap();
    let error = image.write(&Short, &mut Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot write `/a/file` to the FAT volume"
    );
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-cA-C]{1,9}(\\.[a-cA-C]{1,4})?",
        2 => "[a-c~1. +é€_]{1,15}",
        1 => "[a-z0-9]{100,255}",
    ]
    .prop_filter("a name that FAT can hold", |name| {
        !name.starts_with(' ') && !name.ends_with(['.', ' '])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn any_tree_is_whole_or_refused(
        files in proptest::collection::vec(
            (proptest::collection::vec(any_name(), 1..4), 0_usize..9000),
            0..40,
        ),
        is_fat32: bool,
    ) {
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        for (names, len) in files {
            let name = names.join("/");
            // Nothing twice, whatever its case, and no file where a directory is.
            let key = name.to_uppercase() + "/";
            if !entries.keys().any(|other| other.starts_with(&key) || key.starts_with(other.as_str())) {
                entries.insert(key, file(&name, vec![len as u8; len]));
            }
        }
        let entries: Vec<Entry> = entries.into_values().collect();
        let size = if is_fat32 { Size::Exactly(FAT32_MIN_LEN) } else { Size::WithRoom(0) };
        match Image::new(&build(entries.clone()), &volume(size)) {
            Ok(_) => drop(judged(&entries, size)),
            // Directories on the way that differ in case only.
            Err(error) => prop_assert!(matches!(error, FatError::Clash { .. }), "{error}"),
        }
    }
}

#[test]
fn a_file_lies_where_it_is_said() {
    let tree = build(system_partition());
    for size in [Size::WithRoom(0), Size::WithRoom(FAT32_MIN_LEN)] {
        let image = Image::new(&tree, &volume(size)).unwrap();
        let bytes = written(&image, &InlineOnly);
        for visit in tree.walk() {
            let bedplate_tree::InodeKind::File(Content::Inline(content)) = &visit.inode.kind else {
                continue;
            };
            match image.file_offset(&visit.path) {
                Some(offset) => assert!(
                    bytes[offset as usize..].starts_with(content),
                    "{}",
                    visit.path
                ),
                None => assert!(content.is_empty(), "{}", visit.path),
            }
        }
        assert_eq!(image.file_offset(&path(b"EFI/none")), None);
    }
}
