//! How large the hosts are, and which paths make the difference.

use bedplate_tree::{Inode, InodeKind, side_by_side};
use serde::Serialize;

use super::Change;
use crate::built::Built;

/// As many of the largest changes are told.
const LARGEST: usize = 10;

/// Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// The files that were looked into.
    pub image: Change<u64>,
    /// All files in the roots, those with several names once.
    pub contents: Change<u64>,
    /// How many names there are in the roots.
    pub names: Change<u64>,
    /// The artefacts that both manifests name, where their sizes differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub artefacts: Vec<ArtefactSize>,
    /// The paths whose sizes differ most, at most 10; 0 where there is no file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub largest: Vec<PathSize>,
}

/// An artefact of both hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArtefactSize {
    /// `kernel`, `initrd`, `root`, … as in the manifest.
    pub kind: String,
    /// Its size in bytes.
    pub size: Change<u64>,
}

/// A path of one host, or of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathSize {
    /// The path.
    pub path: String,
    /// Length of the file in bytes.
    pub size: Change<u64>,
}

pub(super) fn compare(old: &Built, new: &Built) -> Sizes {
    let both = |of: fn(&Built) -> u64| Change {
        old: of(old),
        new: of(new),
    };
    Sizes {
        image: both(|built| built.size),
        contents: both(|built| built.tree.content_len()),
        names: both(|built| built.tree.walk().count() as u64),
        artefacts: artefacts(old, new),
        largest: largest(old, new),
    }
}

fn artefacts(old: &Built, new: &Built) -> Vec<ArtefactSize> {
    let (Some(old), Some(new)) = (&old.manifest, &new.manifest) else {
        return Vec::new();
    };
    let both = old.artefacts.iter().filter_map(|artefact| {
        let mut others = new.artefacts.iter();
        let other = others.find(|other| other.kind == artefact.kind)?;
        (other.size != artefact.size).then(|| ArtefactSize {
            kind: artefact.kind.clone(),
            size: Change {
                old: artefact.size,
                new: other.size,
            },
        })
    });
    both.collect()
}

fn largest(old: &Built, new: &Built) -> Vec<PathSize> {
    let mut changes: Vec<PathSize> = side_by_side(&old.tree, &new.tree)
        .map(|pair| PathSize {
            path: pair.path.to_string(),
            size: Change {
                old: len(pair.old),
                new: len(pair.new),
            },
        })
        .filter(|change| change.size.old != change.size.new)
        .collect();
    changes.sort_by(|a, b| {
        let by = |change: &PathSize| change.size.old.abs_diff(change.size.new);
        by(b).cmp(&by(a)).then_with(|| a.path.cmp(&b.path))
    });
    changes.truncate(LARGEST);
    changes
}

fn len(inode: Option<&Inode>) -> u64 {
    match inode.map(|inode| &inode.kind) {
        Some(InodeKind::File(content)) => content.len(),
        _ => 0,
    }
}
