//! An initrd is a row of segments, each a whole cpio archive of its own, compressed by itself.
//!
//! ```text
//! initrd = segment*          segment = compress(cpio entries, TRAILER!!!, zeros to 512)
//! ```
//!
//! The kernel unpacks any number of compressed archives one after another (init/initramfs.c). That lets
//! segments be compressed in parallel, and be kept: a segment is a function of its entries, so one that
//! was made before is copied from the store, and a changed file costs one segment.
//!
//! Where a segment ends depends on the names around, not on a count from the start, so that a new file
//! early in the tree moves few boundaries. All names of a hard-linked file stand in one segment, where
//! the last of them is met, because the kernel forgets links at the end of an archive.

use std::collections::HashMap;

use bedplate_boot::{COMPLETE_MARKER, INIT};
use bedplate_tree::{Content, InodeId, InodeKind, Tree, Visit};
use bedplate_types::{Digest, Object};
use sha2::{Digest as _, Sha256};

/// A segment ends at a path whose hash says so after this many bytes of content, …
const SOFT_LIMIT: u64 = 8 << 20;
/// … and at any name after this many.
const HARD_LIMIT: u64 = 32 << 20;
/// What an entry costs beside its content, roughly.
const HEADER: u64 = 160;

/// Names that are written together.
#[derive(Debug, Default)]
pub(crate) struct Segment<'a> {
    pub(crate) visits: Vec<Visit<'a>>,
}

/// Divides a walk of `tree` into segments.
pub(crate) fn divide(tree: &Tree) -> Vec<Segment<'_>> {
    let mut held: HashMap<InodeId, Vec<Visit<'_>>> = HashMap::new();
    let mut segments = Vec::new();
    let mut current = Segment::default();
    let mut size = 0;
    let mut visits: Vec<Visit<'_>> = tree.walk().skip(1).collect();
    visits.sort_by_key(turn);
    for visit in visits {
        if size >= HARD_LIMIT || (size >= SOFT_LIMIT && is_boundary(&visit)) {
            segments.push(std::mem::take(&mut current));
            size = 0;
        }
        size += HEADER;
        let links = visit.inode.nlink as usize;
        if links == 1 {
            size += content_len(&visit);
            current.visits.push(visit);
            continue;
        }
        let names = held.entry(visit.id).or_default();
        names.push(visit);
        if names.len() == links {
            let names = std::mem::take(names);
            size += content_len(&names[0]);
            current.visits.extend(names);
        }
    }
    if !current.visits.is_empty() || segments.is_empty() {
        segments.push(current);
    }
    segments
}

/// PID 1 is unpacked first and the marker of a complete root last, so that a kernel that runs out of memory
/// between them still starts somebody who can say so.
fn turn(visit: &Visit<'_>) -> u8 {
    match visit.path.as_bytes() {
        path if path == &INIT.as_bytes()[1..] => 0,
        path if path == &COMPLETE_MARKER.as_bytes()[1..] => 2,
        _ => 1,
    }
}

fn content_len(visit: &Visit<'_>) -> u64 {
    match &visit.inode.kind {
        InodeKind::File(content) => content.len(),
        _ => 0,
    }
}

/// FNV-1a of the path, mixed so that its last letters count too (they reach low bits only): one name in 64
/// is a boundary.
fn is_boundary(visit: &Visit<'_>) -> bool {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = visit
        .path
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, step);
    (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 58 == 0
}

/// Names a whole tree, with all that [`Segment::key`] leaves out because no cpio holds it.
pub(crate) fn tree_key(tree: &Tree, how: &str) -> Digest<Object> {
    let all = Segment {
        visits: tree.walk().collect(),
    };
    let mut hash = Sha256::new();
    hash.update(all.key(how).as_bytes());
    for (number, inode) in (0_u32..).zip(tree.inodes()) {
        for (name, value) in &inode.meta.xattrs {
            for bytes in [&number.to_le_bytes()[..], name, value] {
                hash.update((bytes.len() as u32).to_le_bytes());
                hash.update(bytes);
            }
        }
    }
    Digest::from_bytes(hash.finalize().into())
}

impl Segment<'_> {
    /// Names what the segment's bytes are a function of: `how` (writer, compression), and the entries.
    pub(crate) fn key(&self, how: &str) -> Digest<Object> {
        let mut hash = Sha256::new();
        hash.update(how);
        let mut first_names: HashMap<InodeId, u32> = HashMap::new();
        for (number, visit) in (0_u32..).zip(&self.visits) {
            let meta = &visit.inode.meta;
            let link = *first_names.entry(visit.id).or_insert(number);
            let path = visit.path.as_bytes();
            hash.update((path.len() as u32).to_le_bytes());
            hash.update(path);
            for field in [link, visit.inode.nlink, meta.mode, meta.uid, meta.gid] {
                hash.update(field.to_le_bytes());
            }
            hash.update(meta.mtime.to_le_bytes());
            hash_kind(&mut hash, &visit.inode.kind);
        }
        Digest::from_bytes(hash.finalize().into())
    }
}

fn hash_kind(hash: &mut Sha256, kind: &InodeKind) {
    match kind {
        InodeKind::Directory(_) => hash.update(b"d"),
        InodeKind::File(Content::Inline(bytes)) => {
            hash.update(b"i");
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        InodeKind::File(Content::Stored {
            object,
            offset,
            len,
        }) => {
            hash.update(b"s");
            hash.update(object.as_bytes());
            hash.update(offset.to_le_bytes());
            hash.update(len.to_le_bytes());
        }
        InodeKind::Symlink(target) => {
            hash.update(b"l");
            hash.update((target.len() as u32).to_le_bytes());
            hash.update(target);
        }
        InodeKind::CharDevice { major, minor } => hash_device(hash, *b"c", *major, *minor),
        InodeKind::BlockDevice { major, minor } => hash_device(hash, *b"b", *major, *minor),
        InodeKind::Fifo => hash.update(b"p"),
    }
}

fn hash_device(hash: &mut Sha256, kind: [u8; 1], major: u32, minor: u32) {
    hash.update(kind);
    hash.update(major.to_le_bytes());
    hash.update(minor.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use bedplate_tree::{Entry, EntryKind, Meta, TreeBuilder};
    use bedplate_types::Epoch;

    use super::*;

    fn tree(names: impl Iterator<Item = (String, EntryKind)>) -> Tree {
        let mut builder = TreeBuilder::new();
        let origin = builder.origin("test");
        let entry = |(name, kind): (String, EntryKind)| Entry {
            path: name.parse().unwrap(),
            meta: Meta::with_mode(0o644),
            kind,
        };
        builder.layer(names.map(entry).collect(), origin).unwrap();
        builder.freeze(Epoch(0))
    }

    fn stored(number: u8, len: u64) -> EntryKind {
        EntryKind::File(Content::Stored {
            object: Digest::from_bytes([number; 32]),
            offset: 0,
            len,
        })
    }

    #[test]
    fn every_name_is_in_one_segment_and_links_stay_together() {
        let big = (0..200).map(|n| (format!("d{}/f{n:03}", n % 7), stored(n, 1 << 20)));
        let link = [
            ("a/first".to_owned(), stored(250, 1)),
            (
                "z/last".to_owned(),
                EntryKind::HardLink("a/first".parse().unwrap()),
            ),
        ];
        let tree = tree(big.chain(link));
        let segments = divide(&tree);
        assert!(segments.len() > 3, "{} segments", segments.len());
        let names: usize = segments.iter().map(|segment| segment.visits.len()).sum();
        assert_eq!(names, tree.walk().count() - 1);
        let last = segments.last().unwrap();
        let paths: Vec<String> = last
            .visits
            .iter()
            .map(|visit| visit.path.to_string())
            .collect();
        assert!(
            paths.ends_with(&["/z".into(), "/a/first".into(), "/z/last".into()]),
            "{paths:?}"
        );
    }

    #[test]
    fn names_that_differ_at_the_end_only_have_boundaries_among_them() {
        let files = (0..300).map(|n| (format!("data/f{n:03}"), stored(1, 1)));
        let tree = tree(files);
        let count = tree.walk().filter(is_boundary).count();
        assert!((1..15).contains(&count), "{count}");
    }

    #[test]
    fn a_new_file_changes_few_segments() {
        let base = |extra: Option<&str>| {
            let files = (0..=255).map(|n| (format!("usr/share/p{n}/data"), stored(n, 3 << 20)));
            tree(files.chain(extra.map(|name| (name.to_owned(), stored(9, 77)))))
        };
        let (old, new) = (base(None), base(Some("etc/motd")));
        let old_keys: Vec<_> = divide(&old)
            .iter()
            .map(|segment| segment.key("x"))
            .collect();
        let changed = divide(&new)
            .iter()
            .filter(|segment| !old_keys.contains(&segment.key("x")))
            .count();
        assert!(
            old_keys.len() > 20 && changed <= 2,
            "{changed} of {}",
            old_keys.len()
        );
    }
}
