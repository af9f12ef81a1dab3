//! ISO 9660: xorriso reads what we meant.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use std::io::Cursor;

use bedplate_formats::content::InlineOnly;
use bedplate_formats::iso9660::{BLOCK, Image, IsoError, Volume};
use bedplate_sys::tool::Tool;
use bedplate_tree::{Content, Entry, EntryKind, Meta, Tree};
use common::{EPOCH, build, path};

fn volume() -> Volume {
    Volume {
        label: "TEST_1".to_owned(),
        epoch: EPOCH,
        bios: None,
        efi: None,
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

/// Directories in several levels, one of several blocks, and files of lengths around a block.
fn medium() -> Tree {
    let many = (0..200).map(|n| file(&format!("many/file_{n:03}"), format!("{n}\n")));
    let lengths =
        [0_usize, 1, 2047, 2048, 2049].map(|len| file(&format!("len/{len}.bin"), vec![b'x'; len]));
    let others = [
        file("platform/root.img", vec![7; 100_000]),
        file("boot/grub.img", vec![9; 5000]),
        file("a/b/c/d/e/f/g", "deep"),
        entry("empty", EntryKind::Directory),
    ];
    build(many.chain(lengths).chain(others).collect())
}

fn written(image: &Image<'_>) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.write(&InlineOnly, &mut out).unwrap();
    let mut bytes = out.into_inner();
    assert!(bytes.len() as u64 <= image.byte_len());
    bytes.resize(usize::try_from(image.byte_len()).unwrap(), 0);
    bytes
}

#[test]
fn xorriso_finds_all_files() {
    let tree = medium();
    let bytes = written(&Image::new(&tree, &volume()).unwrap());
    let directory = tempfile::tempdir().unwrap();
    let iso = directory.path().join("test.iso");
    std::fs::write(&iso, &bytes).unwrap();
    let out = directory.path().join("out");
    let said = Tool::new("xorriso", "xorriso")
        .args(["-abort_on", "WARNING", "-osirrox", "on", "-indev"])
        .arg(&iso)
        .args(["-toc", "-pvd_info", "-extract", "/"])
        .arg(&out)
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("Volume Id    : TEST_1"), "{said}");
    for visit in tree.walk() {
        let upper = visit.path.to_string().to_uppercase();
        let found = out.join(upper.trim_start_matches('/'));
        match &visit.inode.kind {
            bedplate_tree::InodeKind::File(Content::Inline(bytes)) => {
                assert!(std::fs::read(&found).unwrap() == **bytes, "{upper}");
            }
            _ => assert!(found.is_dir(), "{upper}"),
        }
    }
}

#[test]
fn what_boots_lies_where_it_is_said() {
    let tree = medium();
    let plain = Image::new(&tree, &volume()).unwrap();
    let bootable = Volume {
        bios: Some(path(b"boot/grub.img")),
        efi: Some(3 << 20),
        ..volume()
    };
    let image = Image::new(&tree, &bootable).unwrap();
    let bytes = written(&image);
    let offset = |image: &Image<'_>| {
        usize::try_from(image.file_offset(&path(b"boot/grub.img")).unwrap()).unwrap()
    };
    assert_eq!(bytes[offset(&image)..][..5000], [9; 5000]);
    assert_eq!(plain.efi_offset(), None);
    let efi = image.efi_offset().unwrap();
    assert_eq!(efi % (1 << 20), 0);
    assert!((offset(&image) as u64) >= efi + (3 << 20));
    // The catalogue leads to both.
    let catalogue = u32::from_le_bytes(bytes[17 * 2048 + 71..][..4].try_into().unwrap());
    let catalogue = &bytes[catalogue as usize * 2048..];
    let block = |at: usize| {
        u64::from(u32::from_le_bytes(
            catalogue[at..at + 4].try_into().unwrap(),
        ))
    };
    assert_eq!(
        (catalogue[0], catalogue[32], block(40)),
        (1, 0x88, offset(&image) as u64 / BLOCK)
    );
    assert_eq!(
        (catalogue[64], catalogue[65], block(104)),
        (0x91, 0xef, efi / BLOCK)
    );
    let words = catalogue[..32]
        .chunks(2)
        .map(|word| u16::from_le_bytes([word[0], word[1]]));
    assert_eq!(words.fold(0_u16, u16::wrapping_add), 0);

    // One that nothing else boots is the default entry.
    let alone = Volume {
        bios: None,
        ..bootable.clone()
    };
    let bytes = written(&Image::new(&tree, &alone).unwrap());
    let catalogue = u32::from_le_bytes(bytes[17 * 2048 + 71..][..4].try_into().unwrap());
    assert_eq!(bytes[catalogue as usize * 2048..][..2], [1, 0xef]);
    let missing = Volume {
        bios: Some(path(b"boot/none")),
        ..bootable
    };
    assert!(matches!(
        Image::new(&tree, &missing),
        Err(IsoError::NoBootFile(_))
    ));
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let (one, two) = (medium(), medium());
    assert!(
        written(&Image::new(&one, &volume()).unwrap())
            == written(&Image::new(&two, &volume()).unwrap())
    );
}

#[test]
fn what_would_be_lost_is_refused() {
    let refused = |entry: Entry| {
        let tree = build(vec![entry]);
        Image::new(&tree, &volume())
            .map(|image| image.byte_len())
            .unwrap_err()
            .to_string()
    };
    assert!(refused(file("README", "")).starts_with("`/README` cannot be written"));
    assert!(refused(file("a.b.c", "")).starts_with("`/a.b.c` cannot be written"));
    let link = entry("link", EntryKind::Symlink(b"x".as_slice().into()));
    assert!(refused(link).contains("a symlink"), "symlinks");
    assert!(refused(file("a/b/c/d/e/f/g/h/i", "")).contains("too deep"));
    let large = Content::Stored {
        object: bedplate_types::Digest::from_bytes([1; 32]),
        offset: 0,
        len: 1 << 32,
    };
    assert!(refused(entry("large", EntryKind::File(large))).contains("less than 4 GiB"));
    let tree = build(Vec::new());
    let labelled = |label: &str| {
        Image::new(
            &tree,
            &Volume {
                label: label.to_owned(),
                ..volume()
            },
        )
        .is_ok()
    };
    assert!(labelled("WEB") && !labelled("web") && !labelled(""));
}
