//! How inputs merge, case by case.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use bedplate_tree::{Content, Entry, EntryKind, InodeKind, Meta, Tree, TreeBuilder, TreeError};
use bedplate_types::{Epoch, TreePath};

fn path(text: &str) -> TreePath {
    text.parse().unwrap()
}

/// `dir/`, `file=text`, `link->target`, `name<=hardlink-target`, `.wh.` names as they are.
fn entry(text: &str) -> Entry {
    let (name, kind) = if let Some((name, target)) = text.split_once("->") {
        (name, EntryKind::Symlink(target.as_bytes().into()))
    } else if let Some((name, target)) = text.split_once("<=") {
        (name, EntryKind::HardLink(path(target)))
    } else if let Some((name, content)) = text.split_once('=') {
        (name, EntryKind::File(Content::inline(content)))
    } else if text.ends_with('/') {
        (text, EntryKind::Directory)
    } else {
        (text, EntryKind::File(Content::inline("")))
    };
    Entry {
        path: path(name),
        meta: Meta {
            mtime: 99,
            ..Meta::with_mode(0o644)
        },
        kind,
    }
}

fn entries(text: &str) -> Vec<Entry> {
    text.split_whitespace().map(entry).collect()
}

fn listing(tree: &Tree) -> String {
    let mut lines = Vec::new();
    for visit in tree.walk().skip(1) {
        let line = match &visit.inode.kind {
            InodeKind::Directory(_) => format!("{}/", visit.path),
            InodeKind::Symlink(target) => {
                format!("{}->{}", visit.path, String::from_utf8_lossy(target))
            }
            InodeKind::File(Content::Inline(bytes)) => {
                format!(
                    "{}={}#{}",
                    visit.path,
                    String::from_utf8_lossy(bytes),
                    visit.inode.nlink
                )
            }
            _ => visit.path.to_string(),
        };
        lines.push(line);
    }
    lines.join(" ")
}

fn layered(layers: &[&str]) -> Result<Tree, TreeError> {
    let mut builder = TreeBuilder::new();
    for (number, layer) in layers.iter().enumerate() {
        let origin = builder.origin(&format!("layer {number}"));
        builder.layer(entries(layer), origin)?;
    }
    Ok(builder.freeze(Epoch(10)))
}

fn joined(inputs: &[&str]) -> Result<Tree, TreeError> {
    let mut builder = TreeBuilder::new();
    for (number, input) in inputs.iter().enumerate() {
        let mut one = TreeBuilder::new();
        let origin = one.origin(&format!("input {number}"));
        one.layer(entries(input), origin)?;
        builder.join(&TreePath::root(), &one.freeze(Epoch(10)))?;
    }
    Ok(builder.freeze(Epoch(10)))
}

#[test]
fn later_layers_win_and_directories_merge() {
    let tree = layered(&["etc/ etc/a=1 etc/b=1", "etc/b=2 etc/c=2"]).unwrap();
    assert_eq!(listing(&tree), "/etc/ /etc/a=1#1 /etc/b=2#1 /etc/c=2#1");
}

#[test]
fn whiteouts_hide_lower_layers_only() {
    let tree = layered(&["etc/a=1 etc/b=1", "etc/c=2 etc/.wh.a etc/.wh.c etc/d=2"]).unwrap();
    assert_eq!(listing(&tree), "/etc/ /etc/b=1#1 /etc/c=2#1 /etc/d=2#1");
}

#[test]
fn an_opaque_directory_keeps_what_its_own_layer_brings() {
    let tree = layered(&["etc/a=1 etc/deep/x=1", "etc/c=2 etc/.wh..wh..opq"]).unwrap();
    assert_eq!(listing(&tree), "/etc/ /etc/c=2#1");
}

#[test]
fn hard_links_share_an_inode_across_layers() {
    let tree = layered(&["bin/a=1", "bin/b<=bin/a bin/c<=bin/b"]).unwrap();
    assert_eq!(listing(&tree), "/bin/ /bin/a=1#3 /bin/b=1#3 /bin/c=1#3");
}

#[test]
fn a_hard_link_survives_the_removal_of_its_first_name() {
    let tree = layered(&["bin/a=1 bin/b<=bin/a", "bin/.wh.a"]).unwrap();
    assert_eq!(listing(&tree), "/bin/ /bin/b=1#1");
}

#[test]
fn a_directory_replaces_a_symlink_between_layers() {
    let tree = layered(&["usr/lib/x=1 lib->usr/lib", "lib/ lib/y=2"]).unwrap();
    assert_eq!(
        listing(&tree),
        "/lib/ /lib/y=2#1 /usr/ /usr/lib/ /usr/lib/x=1#1"
    );
}

#[test]
fn a_directory_goes_through_a_symlink_between_inputs() {
    let tree = joined(&[
        "usr/lib/x=1 lib->usr/lib",
        "lib/ lib/modules/ lib/modules/m=2",
    ])
    .unwrap();
    assert_eq!(
        listing(&tree),
        "/lib->usr/lib /usr/ /usr/lib/ /usr/lib/modules/ /usr/lib/modules/m=2#1 /usr/lib/x=1#1"
    );
}

#[test]
fn a_directory_goes_through_a_symlink_that_dangles() {
    let tree = joined(&["lib->usr/lib", "lib/ lib/m=2"]).unwrap();
    assert_eq!(
        listing(&tree),
        "/lib->usr/lib /usr/ /usr/lib/ /usr/lib/m=2#1"
    );
}

#[test]
fn a_file_never_replaces_a_directory_with_entries_between_inputs() {
    let error = joined(&["etc/x/y=1", "etc/x=2"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`/etc/x` would replace a directory with entries of input 0 by a file"
    );
}

#[test]
fn symlinks_never_lead_out_of_the_image() {
    let error = layered(&["a->../../etc", "a/shadow=1"]).unwrap_err();
    assert!(matches!(error, TreeError::LeavesImage { .. }), "{error}");
    let tree = layered(&["etc/ a->/etc", "a/hosts=1"]).unwrap();
    assert_eq!(listing(&tree), "/a->/etc /etc/ /etc/hosts=1#1");
}

#[test]
fn symlink_loops_end_in_an_error() {
    for case in [
        ["a->b b->a", "a/x=1"],
        ["a->a", "a/x=1"],
        ["a->a/b", "a/x=1"],
    ] {
        assert!(layered(&case).is_err(), "{case:?}");
    }
}

#[test]
fn a_hard_link_to_nothing_or_to_a_directory_is_refused() {
    assert!(matches!(
        layered(&["a<=b"]),
        Err(TreeError::DanglingHardLink { .. })
    ));
    assert!(matches!(
        layered(&["d/ a<=d"]),
        Err(TreeError::DirectoryHardLink { .. })
    ));
}

#[test]
fn times_are_clamped_and_the_past_is_remembered() {
    let tree = layered(&["etc/hosts=1", "etc/hosts=2"]).unwrap();
    let inode = tree.get(&path("etc/hosts")).unwrap();
    assert_eq!(inode.meta.mtime, 10);
    assert_eq!(tree.origin(inode.origin), "layer 1");
    assert_eq!(
        inode
            .shadowed
            .iter()
            .map(|&id| tree.origin(id))
            .collect::<Vec<_>>(),
        ["layer 0"]
    );
}

#[test]
fn the_order_of_arrival_does_not_show() {
    assert_eq!(
        layered(&["b=1 a=1 c/d=1"]).unwrap(),
        layered(&["c/d=1 a=1 b=1"]).unwrap()
    );
}

#[test]
fn entries_make_the_same_tree_again() {
    let tree = layered(&["bin/a=1 bin/b<=bin/a etc/x->/bin/a d/"]).unwrap();
    let mut again = TreeBuilder::new();
    let origin = again.origin("layer 0");
    again.layer(tree.entries().collect(), origin).unwrap();
    assert_eq!(listing(&again.freeze(Epoch(10))), listing(&tree));
}
