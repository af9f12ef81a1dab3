//! What is done between making a container and letting it go: interfaces, and files for its namespaces.

use std::fs;
use std::io;
use std::path::Path;

use bedplate_boot::{Interface, Runtime};
use bedplate_sys::mounting::{self, Unmount};
use bedplate_sys::netlink::links::{self, NewLink};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make an interface.
    AddLink {
        /// Its name.
        name: String,
        /// Its rtnetlink type.
        kind: String,
        /// Name of the other end of a `veth`.
        peer: Option<String>,
        /// In the container's network namespace, or in the root's?
        inside: bool,
    },
    /// Move an interface into the container.
    MoveLink(String),
    /// Bind one of the container's namespaces to a file.
    BindNamespace(&'static str, String),
}

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// A rule of `runtime.interfaces` is broken.
    #[error("`runtime.interfaces`: {0}")]
    Rule(&'static str),
    /// An interface.
    #[error("cannot {doing} the network interface `{name}`")]
    Link {
        /// `make` or `move`.
        doing: &'static str,
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A namespace.
    #[error("cannot bind the {kind} namespace at `{path}`")]
    Namespace {
        /// Its name under `/proc/PID/ns`.
        kind: &'static str,
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// What is to be done, in order.
pub fn plan(runtime: &Runtime) -> Result<Vec<Step>, AttachmentError> {
    let mut steps = Vec::new();
    for interface in runtime.interfaces.iter().flatten() {
        plan_interface(interface, &mut steps)?;
    }
    let namespaces = &runtime.bind_ns;
    let binds = [
        ("cgroup", &namespaces.cgroup),
        ("ipc", &namespaces.ipc),
        ("mnt", &namespaces.mnt),
        ("net", &namespaces.net),
        ("pid", &namespaces.pid),
        ("user", &namespaces.user),
        ("uts", &namespaces.uts),
    ];
    for (kind, path) in binds {
        if let Some(path) = path.as_ref().filter(|path| !path.is_empty()) {
            steps.push(Step::BindNamespace(kind, path.clone()));
        }
    }
    Ok(steps)
}

fn plan_interface(interface: &Interface, steps: &mut Vec<Step>) -> Result<(), AttachmentError> {
    let Interface {
        name,
        add,
        peer,
        create_in_root,
    } = interface;
    if name.is_empty() {
        return Err(AttachmentError::Rule("an interface needs a `name`"));
    }
    let kind = if add.is_empty() && !peer.is_empty() {
        "veth"
    } else {
        add.as_str()
    };
    if kind == "veth" && peer.is_empty() {
        return Err(AttachmentError::Rule("a `veth` needs a `peer`"));
    }
    // A veth is made in the root namespace, where its other end stays.
    let inside = !create_in_root && kind != "veth" && !kind.is_empty();
    if !kind.is_empty() {
        let peer = (kind == "veth").then(|| peer.clone());
        steps.push(Step::AddLink {
            name: name.clone(),
            kind: kind.to_owned(),
            peer,
            inside,
        });
    }
    if !inside {
        steps.push(Step::MoveLink(name.clone()));
    }
    Ok(())
}

/// Does the steps for the container whose first process is `pid`.
pub fn apply(steps: &[Step], pid: u32) -> Result<(), AttachmentError> {
    for step in steps {
        match step {
            Step::AddLink {
                name,
                kind,
                peer,
                inside,
            } => {
                let link = NewLink {
                    name,
                    kind,
                    peer: peer.as_deref(),
                    namespace_of: inside.then_some(pid),
                };
                links::add(&link).map_err(|source| link_error("make", name, source))?;
            }
            Step::MoveLink(name) => {
                links::move_to_namespace_of(name, pid)
                    .map_err(|source| link_error("move", name, source))?;
            }
            Step::BindNamespace(kind, path) => {
                bind_namespace(kind, path, pid).map_err(|source| AttachmentError::Namespace {
                    kind,
                    path: path.clone(),
                    source,
                })?
            }
        }
    }
    Ok(())
}

fn link_error(doing: &'static str, name: &str, source: io::Error) -> AttachmentError {
    AttachmentError::Link {
        doing,
        name: name.to_owned(),
        source,
    }
}

fn bind_namespace(kind: &str, path: &str, pid: u32) -> io::Result<()> {
    let path = Path::new(path);
    // An earlier run of the container may have left its namespace there.
    let _ = mounting::unmount(path, Unmount::Detach);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::File::create(path)?;
    mounting::mount(
        &format!("/proc/{pid}/ns/{kind}"),
        path,
        "",
        &mounting::parse_options(&["bind"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(json: &str) -> Result<Vec<Step>, String> {
        plan(&serde_json::from_str(json).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn interfaces_are_moved_or_made_as_linuxkit_does() {
        let json = r#"{"interfaces": [{"name": "eth1"}, {"name": "wg0", "add": "wireguard", "createInRoot": true},
            {"name": "d0", "add": "dummy"}, {"name": "v0", "peer": "v1"}], "bindNS": {"net": "/run/netns/x"}}"#;
        let add = |name: &str, kind: &str, peer: Option<&str>, inside| Step::AddLink {
            name: name.into(),
            kind: kind.into(),
            peer: peer.map(Into::into),
            inside,
        };
        assert_eq!(
            steps(json).unwrap(),
            [
                Step::MoveLink("eth1".into()),
                add("wg0", "wireguard", None, false),
                Step::MoveLink("wg0".into()),
                add("d0", "dummy", None, true),
                add("v0", "veth", Some("v1"), false),
                Step::MoveLink("v0".into()),
                Step::BindNamespace("net", "/run/netns/x".into()),
            ]
        );
    }

    #[test]
    fn incomplete_interfaces_are_refused() {
        assert_eq!(
            steps(r#"{"interfaces": [{"add": "dummy"}]}"#).unwrap_err(),
            "`runtime.interfaces`: an interface needs a `name`"
        );
        assert_eq!(
            steps(r#"{"interfaces": [{"name": "v", "add": "veth"}]}"#).unwrap_err(),
            "`runtime.interfaces`: a `veth` needs a `peer`"
        );
    }
}
