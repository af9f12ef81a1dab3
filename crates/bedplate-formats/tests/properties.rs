//! For any tree: what is written reads back as it was, whatever the order of arrival.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use std::io::Cursor;
use std::num::NonZeroUsize;

use bedplate_formats::content::InlineOnly;
use bedplate_formats::{cpio, squashfs, tar};
use bedplate_tree::{Content, Entry, EntryKind, InodeKind, Meta, Tree, TreeBuilder, Xattrs};
use bedplate_types::{Digest, TreePath};
use common::squashfs::{read_back, small_blocks, written};
use common::{EPOCH, InArchive, listing};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no slash, no NUL", |byte| !matches!(byte, 0 | b'/'));
    let long = (98_usize..=255).prop_map(|len| vec![b'n'; len]);
    prop_oneof![4 => "[a-c]{1,2}".prop_map(String::into_bytes), 2 => vec(byte, 1..20), 1 => long]
        .prop_filter("a real name", |name| {
            !matches!(name.as_slice(), b"." | b"..")
        })
}

fn path() -> impl Strategy<Value = TreePath> {
    vec(name(), 1..4).prop_map(|names| TreePath::parse(&names.join(&b'/')).unwrap())
}

fn xattrs() -> impl Strategy<Value = Xattrs> {
    btree_map(
        "(user|security)\\.[a-z]{1,8}",
        vec(any::<u8>(), 0..40),
        0..3,
    )
    .prop_map(|attributes| {
        attributes
            .into_iter()
            .map(|(name, value)| (name.into_bytes().into(), value.into()))
            .collect()
    })
}

fn meta() -> impl Strategy<Value = Meta> {
    let owner = || prop_oneof![0_u32..2000, any::<u32>()];
    (
        0_u32..=0o7777,
        owner(),
        owner(),
        0_u64..2_000_000_000,
        xattrs(),
    )
        .prop_map(|(mode, uid, gid, mtime, xattrs)| Meta {
            mode,
            uid,
            gid,
            mtime,
            xattrs,
        })
}

/// Short ones of any bytes, and longer ones of one byte.
fn content() -> impl Strategy<Value = Content> {
    let repeated = (any::<u8>(), 0_usize..20_000).prop_map(|(byte, len)| vec![byte; len]);
    prop_oneof![
        3 => vec(any::<u8>(), 0..1500),
        1 => repeated,
        1 => (0_usize..20_000).prop_map(|len| vec![0; len]),
    ]
    .prop_map(Content::inline)
}

fn kind() -> impl Strategy<Value = EntryKind> {
    let target = vec(any::<u8>().prop_filter("no NUL", |&byte| byte != 0), 1..200);
    let device = || (0_u32..4096, 0_u32..1 << 20);
    prop_oneof![
        2 => Just(EntryKind::Directory),
        4 => content().prop_map(EntryKind::File),
        1 => target.prop_map(|target| EntryKind::Symlink(target.into())),
        1 => device().prop_map(|(major, minor)| EntryKind::CharDevice { major, minor }),
        1 => device().prop_map(|(major, minor)| EntryKind::BlockDevice { major, minor }),
        1 => Just(EntryKind::Fifo),
        2 => path().prop_map(EntryKind::HardLink),
    ]
}

/// A tree of what of the entries can be put in: the builder refuses links to nothing, and more.
fn tree() -> impl Strategy<Value = Tree> {
    vec((path(), meta(), kind()), 0..30).prop_map(|entries| {
        let mut builder = TreeBuilder::new();
        let origin = builder.origin("any");
        for (path, meta, kind) in entries {
            // Refused ones leave the tree as it was, or with a parent more: it is a tree all the same.
            let _ = builder.insert(Entry { path, meta, kind }, origin);
        }
        builder.freeze(EPOCH)
    })
}

fn rebuilt(entries: Vec<Entry>) -> Tree {
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("any");
    for entry in entries {
        builder.insert(entry, origin).unwrap();
    }
    builder.freeze(EPOCH)
}

/// The same tree as far as a cpio archive can hold it: no attributes, symlinks one by one.
fn without_losses(tree: &Tree) -> Tree {
    let entries = tree.entries().zip(tree.walk()).map(|(mut entry, visit)| {
        if let InodeKind::Symlink(target) = &visit.inode.kind {
            entry.kind = EntryKind::Symlink(target.clone());
        }
        entry.meta.xattrs.clear();
        entry
    });
    rebuilt(entries.collect())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn a_tar_reads_back_as_it_was(tree in tree()) {
        let archive = tar::write(&tree, &InlineOnly, EPOCH, Vec::new()).unwrap();
        let object = Digest::from_bytes([0; 32]);
        let entries = tar::read(Cursor::new(&archive), object, &tar::Limits::default()).unwrap();
        prop_assert_eq!(listing(&rebuilt(entries), &InArchive(archive)), listing(&tree, &InlineOnly));
    }

    #[test]
    fn a_cpio_reads_back_as_it_was(tree in tree()) {
        let archive = cpio::write(&tree, &InlineOnly, Vec::new()).unwrap();
        prop_assert_eq!(archive.len() % 512, 0);
        let members = cpio::read(&archive[..], &cpio::Limits::default()).unwrap().remove(0);
        let expected = listing(&without_losses(&tree), &InlineOnly);
        let again = rebuilt(cpio::entries(members).unwrap());
        prop_assert_eq!(listing(&again, &InlineOnly), &expected[..]);

        let object = Digest::from_bytes([0; 32]);
        let indexed = cpio::index(Cursor::new(&archive), 0, object, &cpio::Limits::default());
        let (members, end) = indexed.unwrap().unwrap();
        prop_assert_eq!(end, archive.len() as u64);
        let again = rebuilt(cpio::entries(members).unwrap());
        prop_assert_eq!(listing(&again, &InArchive(archive)), expected);
    }

    #[test]
    fn a_squashfs_reads_back_as_it_was(tree in tree(), threads in 1_usize..4) {
        let options = squashfs::Options {
            threads: NonZeroUsize::new(threads).unwrap(),
            ..small_blocks()
        };
        let image = written(&tree, &options);
        prop_assert_eq!(image.len() % 4096, 0);
        let (again, contents) = read_back(&image);
        prop_assert_eq!(listing(&again, &contents), listing(&tree, &InlineOnly));
    }

    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..2000)) {
        let object = Digest::from_bytes([0; 32]);
        let _ = tar::read(Cursor::new(&bytes), object, &tar::Limits::default());
        let _ = cpio::read(&bytes[..], &cpio::Limits::default());
        let _ = cpio::index(Cursor::new(&bytes), 0, object, &cpio::Limits::default());
    }
}
