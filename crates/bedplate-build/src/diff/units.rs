//! systemd's units: which there are, and what wants them (systemd.unit(5)).
//!
//! A unit is there if one of the directories has a file or link of its name. It is enabled by links in
//! `NAME.wants` and `NAME.requires`, and masked by a link to `/dev/null`. Presets are not looked at: they
//! say what a first boot would do, not what an image has.

use std::collections::{BTreeMap, BTreeSet};

use bedplate_tree::{InodeKind, Tree};
use bedplate_types::TreePath;
use serde::Serialize;

/// Where units lie, those first that win.
const DIRECTORIES: [&str; 4] = [
    "etc/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
];
const TYPES: [&str; 11] = [
    "service",
    "socket",
    "device",
    "mount",
    "automount",
    "swap",
    "target",
    "path",
    "timer",
    "slice",
    "scope",
];

/// A unit that is not the same in both hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnitChange {
    /// Its name, such as `cron.service`.
    pub unit: String,
    /// What it is in the old host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<UnitState>,
    /// What it is in the new host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<UnitState>,
}

/// What a unit is in a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UnitState {
    /// Is there a file of it? Units may be wanted that are not there, and instances have the file of their
    /// template.
    pub exists: bool,
    /// Is it a link to `/dev/null`, so that nothing can start it?
    pub masked: bool,
    /// The units that want or require it by links.
    #[serde(rename = "enabledBy", skip_serializing_if = "BTreeSet::is_empty")]
    pub enabled_by: BTreeSet<String>,
}

pub(super) fn compare(old: &Tree, new: &Tree) -> Vec<UnitChange> {
    let (old, new) = (units(old), units(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |unit: &String| {
        let (old, new) = (old.get(unit).cloned(), new.get(unit).cloned());
        (old != new).then(|| UnitChange {
            unit: unit.clone(),
            old,
            new,
        })
    };
    names.into_iter().filter_map(change).collect()
}

fn units(tree: &Tree) -> BTreeMap<String, UnitState> {
    let mut units: BTreeMap<String, UnitState> = BTreeMap::new();
    for directory in DIRECTORIES {
        for (name, kind) in children(tree, directory) {
            if is_unit(&name) {
                let unit = units.entry(name).or_default();
                // A file in an earlier directory hides this one.
                unit.masked |= !unit.exists && is_null(kind);
                unit.exists = true;
                continue;
            }
            let by = name.strip_suffix(".wants");
            let Some(by) = by.or_else(|| name.strip_suffix(".requires")) else {
                continue;
            };
            for (wanted, _) in children(tree, &format!("{directory}/{name}")) {
                let unit = units.entry(wanted).or_default();
                unit.enabled_by.insert(by.to_owned());
            }
        }
    }
    units
}

fn children<'a>(tree: &'a Tree, path: &str) -> Vec<(String, &'a InodeKind)> {
    let path = TreePath::parse(path.as_bytes()).ok();
    match path
        .and_then(|path| tree.get(&path))
        .map(|inode| &inode.kind)
    {
        Some(InodeKind::Directory(children)) => children
            .iter()
            .map(|(name, &id)| {
                let name = String::from_utf8_lossy(name).into_owned();
                (name, &tree.inode(id).kind)
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn is_unit(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, kind)| TYPES.contains(&kind))
}

fn is_null(kind: &InodeKind) -> bool {
    matches!(kind, InodeKind::Symlink(target) if **target == *b"/dev/null")
}
