//! What the fuzz targets share: entries to a tree, and two trees compared by what can be seen of them.

use bedplate_tree::{Content, Entry, EntryKind, InodeKind, Tree, TreeBuilder};
use bedplate_types::Epoch;

/// A tree of entries, if they make one. Contents that lie in `archive` are taken out of it.
pub fn tree(mut entries: Vec<Entry>, archive: &[u8]) -> Option<Tree> {
    for entry in &mut entries {
        if let EntryKind::File(Content::Stored { offset, len, .. }) = entry.kind {
            let range = offset as usize..(offset + len) as usize;
            entry.kind = EntryKind::File(Content::inline(&archive[range]));
        }
    }
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("fuzz");
    for entry in entries {
        builder.insert(entry, origin).ok()?;
    }
    Some(builder.freeze(Epoch(u32::MAX.into())))
}

/// Fails unless both trees have the same names, metadata, contents and hard links.
pub fn assert_same(left: &Tree, right: &Tree) {
    let (mut left, mut right) = (left.walk(), right.walk());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return,
            (Some(a), Some(b)) => {
                assert_eq!(
                    (&a.path, a.first, a.inode.nlink),
                    (&b.path, b.first, b.inode.nlink)
                );
                assert_eq!(a.inode.meta, b.inode.meta, "{}", a.path);
                match (&a.inode.kind, &b.inode.kind) {
                    (InodeKind::Directory(_), InodeKind::Directory(_)) => {}
                    (a_kind, b_kind) => assert_eq!(a_kind, b_kind, "{}", a.path),
                }
            }
            (a, b) => panic!("one tree ends first: {a:?} {b:?}"),
        }
    }
}
