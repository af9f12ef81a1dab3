//! Two trees side by side.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

use bedplate_tree::{Content, Entry, EntryKind, Meta, Tree, TreeBuilder, side_by_side};
use bedplate_types::Epoch;

fn entry(name: &str, mode: u32, kind: EntryKind) -> Entry {
    Entry {
        path: name.parse().unwrap(),
        meta: Meta::with_mode(mode),
        kind,
    }
}

fn file(name: &str, content: &str) -> Entry {
    entry(name, 0o644, EntryKind::File(Content::inline(content)))
}

fn symlink(name: &str, target: &str) -> Entry {
    entry(name, 0o777, EntryKind::Symlink(target.as_bytes().into()))
}

fn tree(entries: Vec<Entry>) -> Tree {
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("test");
    builder.layer(entries, origin).unwrap();
    builder.freeze(Epoch(9))
}

/// One line for each name: in which trees it is, what changed, and whether its bytes must be compared.
fn listing(old: &Tree, new: &Tree) -> String {
    let line = |pair: bedplate_tree::Pair<'_>| {
        let sides = match (pair.old, pair.new) {
            (Some(_), Some(_)) => "both",
            (Some(_), None) => "old ",
            _ => "new ",
        };
        let undecided = if pair.undecided().is_some() { " ?" } else { "" };
        format!("{sides} {} {:?}{undecided}\n", pair.path, pair.aspects())
    };
    side_by_side(old, new).map(line).collect()
}

#[test]
fn every_name_of_both_trees_is_met_once_in_walking_order() {
    let old = tree(vec![
        file("a/x", "1"),
        file("a-b", "1"),
        file("gone/below/deep", "1"),
        file("turns", "was a file"),
    ]);
    let new = tree(vec![
        file("a/x", "2"),
        file("a/y", "1"),
        file("a-b", "22"),
        file("turns/into", "a directory"),
    ]);
    insta::assert_snapshot!(listing(&old, &new), @r"
    both / {}
    both /a {}
    both /a/x {} ?
    new  /a/y {}
    both /a-b {Size}
    old  /gone {}
    old  /gone/below {}
    old  /gone/below/deep {}
    both /turns {Kind, Mode}
    new  /turns/into {}
    ");
}

#[test]
fn each_aspect_is_told_and_times_are_not() {
    let null = |minor| EntryKind::CharDevice { major: 1, minor };
    let mut timed = file("time", "same");
    timed.meta.mtime = 5;
    let mut labelled = file("label", "same");
    labelled
        .meta
        .xattrs
        .insert(b"user.a".as_slice().into(), b"1".as_slice().into());
    let mut owned = file("owner", "same");
    owned.meta.gid = 7;
    let old = tree(vec![
        file("time", "same"),
        file("label", "same"),
        file("owner", "same"),
        entry("mode", 0o4755, EntryKind::Fifo),
        entry("device", 0o600, null(3)),
        symlink("link", "here"),
        symlink("kind", "here"),
        file("empty", ""),
    ]);
    let new = tree(vec![
        timed,
        labelled,
        owned,
        entry("mode", 0o755, EntryKind::Fifo),
        entry("device", 0o600, null(5)),
        symlink("link", "there"),
        entry("kind", 0o777, EntryKind::Fifo),
        file("empty", ""),
    ]);
    insta::assert_snapshot!(listing(&old, &new), @r"
    both / {}
    both /device {Device}
    both /empty {}
    both /kind {Kind}
    both /label {Xattrs} ?
    both /link {Target}
    both /mode {Mode}
    both /owner {Owner} ?
    both /time {} ?
    ");
}
