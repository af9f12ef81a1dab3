//! The settings that hold: those of the spec, and where it says nothing those of the image's label.
//!
//! Field by field; an empty list or map of the spec replaces the label's, an empty text does not. The
//! `.add` lists come on top of the list that holds: the label's on the label's own, the spec's on
//! whichever list holds. (LinuxKit drops `.add` where the spec sets the base list, and in labels.)

use bedplate_boot::{Namespaces, Runtime};

use crate::check::syntax;
use crate::settings::Settings;

/// Merges the settings of a spec over those of a label.
pub(super) fn effective(label: &Settings, spec: &Settings) -> Settings {
    let label = label.clone();
    let spec = spec.clone();
    Settings {
        command: spec.command.or(label.command),
        env: spec.env.or(label.env),
        cwd: text(spec.cwd, label.cwd),
        capabilities: added(
            spec.capabilities.as_deref().map(capabilities),
            spec.capabilities_add.as_deref().map(capabilities),
            label.capabilities.as_deref().map(capabilities),
            label.capabilities_add.as_deref().map(capabilities),
        ),
        capabilities_add: None,
        ambient: spec.ambient.or(label.ambient),
        mounts: spec.mounts.or(label.mounts),
        binds: added(spec.binds, spec.binds_add, label.binds, label.binds_add),
        binds_add: None,
        tmpfs: spec.tmpfs.or(label.tmpfs),
        devices: spec.devices.or(label.devices),
        net: text(spec.net, label.net),
        pid: text(spec.pid, label.pid),
        ipc: text(spec.ipc, label.ipc),
        uts: text(spec.uts, label.uts),
        userns: text(spec.userns, label.userns),
        hostname: text(spec.hostname, label.hostname),
        readonly: spec.readonly.or(label.readonly),
        masked_paths: spec.masked_paths.or(label.masked_paths),
        readonly_paths: spec.readonly_paths.or(label.readonly_paths),
        uid: spec.uid.or(label.uid),
        gid: spec.gid.or(label.gid),
        additional_gids: spec.additional_gids.or(label.additional_gids),
        no_new_privileges: spec.no_new_privileges.or(label.no_new_privileges),
        oom_score_adj: spec.oom_score_adj.or(label.oom_score_adj),
        rootfs_propagation: spec.rootfs_propagation.or(label.rootfs_propagation),
        cgroups_path: spec.cgroups_path.or(label.cgroups_path),
        resources: spec.resources.or(label.resources),
        sysctl: spec.sysctl.or(label.sysctl),
        rlimits: spec.rlimits.or(label.rlimits),
        uid_mappings: spec.uid_mappings.or(label.uid_mappings),
        gid_mappings: spec.gid_mappings.or(label.gid_mappings),
        annotations: spec.annotations.or(label.annotations),
        runtime: runtime(spec.runtime, label.runtime),
    }
}

fn text(spec: Option<String>, label: Option<String>) -> Option<String> {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    filled(spec).or(filled(label))
}

/// The words `all` and `none` written out, so that lists can be joined. Both were checked.
fn capabilities(written: &[String]) -> Vec<String> {
    syntax::capabilities(written).unwrap_or_else(|_| written.to_vec())
}

type List = Option<Vec<String>>;

fn added(spec: List, spec_add: List, label: List, label_add: List) -> List {
    let holds = spec.or_else(|| joined(label, label_add));
    joined(holds, spec_add)
}

/// Both lists in order, each entry once.
fn joined(first: List, second: List) -> List {
    if first.is_none() && second.is_none() {
        return None;
    }
    let mut seen = std::collections::BTreeSet::new();
    let both = first
        .into_iter()
        .flatten()
        .chain(second.into_iter().flatten());
    let list = both.filter(|entry| seen.insert(entry.clone())).collect();
    Some(list)
}

fn runtime(spec: Option<Runtime>, label: Option<Runtime>) -> Option<Runtime> {
    let (spec, label) = match (spec, label) {
        (Some(spec), Some(label)) => (spec, label),
        (spec, label) => return spec.or(label),
    };
    Some(Runtime {
        cgroups: spec.cgroups.or(label.cgroups),
        mounts: spec.mounts.or(label.mounts),
        mkdir: spec.mkdir.or(label.mkdir),
        interfaces: spec.interfaces.or(label.interfaces),
        bind_ns: Namespaces {
            cgroup: spec.bind_ns.cgroup.or(label.bind_ns.cgroup),
            ipc: spec.bind_ns.ipc.or(label.bind_ns.ipc),
            mnt: spec.bind_ns.mnt.or(label.bind_ns.mnt),
            net: spec.bind_ns.net.or(label.bind_ns.net),
            pid: spec.bind_ns.pid.or(label.bind_ns.pid),
            user: spec.bind_ns.user.or(label.bind_ns.user),
            uts: spec.bind_ns.uts.or(label.bind_ns.uts),
        },
        namespace: spec.namespace.or(label.namespace),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> List {
        Some(list.iter().map(|&text| text.to_owned()).collect())
    }

    #[test]
    fn add_comes_on_top_of_the_list_that_holds() {
        assert_eq!(
            added(None, texts(&["c"]), texts(&["a"]), texts(&["b", "a"])),
            texts(&["a", "b", "c"])
        );
        assert_eq!(
            added(texts(&["x"]), texts(&["c"]), texts(&["a"]), texts(&["b"])),
            texts(&["x", "c"])
        );
        assert_eq!(added(texts(&[]), None, texts(&["a"]), None), texts(&[]));
        assert_eq!(added(None, None, None, None), None);
    }

    #[test]
    fn empty_texts_say_nothing_and_empty_lists_do() {
        let label = Settings {
            cwd: Some("/l".into()),
            env: texts(&["A=1"]),
            ..Settings::default()
        };
        let spec = Settings {
            cwd: Some(String::new()),
            env: texts(&[]),
            ..Settings::default()
        };
        let merged = effective(&label, &spec);
        assert_eq!(
            (merged.cwd.as_deref(), merged.env),
            (Some("/l"), texts(&[]))
        );
    }
}
