//! What is done before the runtime makes a container: mounts, directories, cgroups (LinuxKit's `runtime.json`).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bedplate_boot::{Mount, Runtime};
use bedplate_sys::mounting::{self, Options, Unmount, flag};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Make a directory with its parents, mode 0755.
    Directory(PathBuf),
    /// Mount something.
    Mount {
        /// Device, directory or name.
        source: String,
        /// Where.
        target: PathBuf,
        /// Type of file system.
        kind: String,
        /// Its options.
        options: Options,
    },
}

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub enum PreparationError {
    /// A directory.
    #[error("cannot make the directory `{}`", path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A mount.
    #[error("cannot mount `{what}` at `{}`", target.display())]
    Mount {
        /// Its source, or its type.
        what: String,
        /// Where.
        target: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that this init does not do.
    #[error("the mount at `{}` asks for id mappings, which `runtime.mounts` does not do", target.display())]
    IdMapped {
        /// Where.
        target: PathBuf,
    },
}

/// Has this container been prepared before?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// No: everything is to be done.
    First,
    /// Yes: mounts outside of its bundle stand.
    Again,
}

/// What is to be done for the container in `bundle`, in order.
pub fn plan(bundle: &Path, runtime: &Runtime, turn: Turn) -> Result<Vec<Step>, PreparationError> {
    let mut steps = Vec::new();
    for mount in runtime.mounts.iter().flatten() {
        let target = place(bundle, &mount.destination);
        if !(mount.uid_mappings.is_empty() && mount.gid_mappings.is_empty()) {
            return Err(PreparationError::IdMapped { target });
        }
        if turn == Turn::First || target.starts_with(bundle) {
            plan_mount(mount, target, &mut steps);
        }
    }
    let directories = runtime
        .mkdir
        .iter()
        .flatten()
        .map(|directory| Step::Directory(place(bundle, directory)));
    steps.extend(directories);
    let cgroups = runtime.cgroups.iter().flatten();
    steps.extend(cgroups.map(|name| {
        Step::Directory(Path::new("/sys/fs/cgroup").join(name.trim_start_matches('/')))
    }));
    Ok(steps)
}

fn plan_mount(mount: &Mount, target: PathBuf, steps: &mut Vec<Step>) {
    steps.push(Step::Directory(target.clone()));
    for option in &mount.options {
        if let Some(("upperdir" | "workdir", directory)) = option.split_once('=') {
            steps.push(Step::Directory(directory.into()));
        }
    }
    let mut options = mounting::parse_options(&mount.options);
    if mount.kind == "bind" {
        options.flags |= flag::BIND;
    }
    steps.push(Step::Mount {
        source: mount.source.clone(),
        target,
        kind: mount.kind.clone(),
        options,
    });
}

/// A relative path lies under the container's root.
fn place(bundle: &Path, path: &str) -> PathBuf {
    bundle.join("rootfs").join(path)
}

/// Directories whose files are seen below the container's root once the steps are done, itself last.
pub fn sources_of_root(bundle: &Path, steps: &[Step]) -> Vec<PathBuf> {
    let root = bundle.join("rootfs");
    let mut sources = Vec::new();
    for step in steps {
        let Step::Mount {
            source,
            target,
            options,
            ..
        } = step
        else {
            continue;
        };
        if *target != root {
            continue;
        }
        let lower = options
            .data
            .split(',')
            .find_map(|option| option.strip_prefix("lowerdir="));
        sources.extend(
            lower
                .into_iter()
                .flat_map(|lower| lower.split(':'))
                .map(PathBuf::from),
        );
        if options.flags & flag::BIND != 0 {
            sources.push(source.into());
        }
    }
    if !sources.contains(&root) {
        sources.push(root);
    }
    sources
}

/// Does the steps.
pub fn apply(steps: &[Step]) -> Result<(), PreparationError> {
    for step in steps {
        match step {
            Step::Directory(path) => make_directory(path)?,
            Step::Mount {
                source,
                target,
                kind,
                options,
            } => {
                mounting::mount(source, target, kind, options).map_err(|error| {
                    PreparationError::Mount {
                        what: if source.is_empty() {
                            kind.clone()
                        } else {
                            source.clone()
                        },
                        target: target.clone(),
                        source: error,
                    }
                })?;
            }
        }
    }
    Ok(())
}

fn make_directory(path: &Path) -> Result<(), PreparationError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path);
    made.map_err(|source| PreparationError::Directory {
        path: path.to_owned(),
        source,
    })
}

/// Takes the mounts of the bundle away, the last first. What lies outside of it was asked for and stays.
pub fn undo(bundle: &Path, steps: &[Step]) {
    for step in steps.iter().rev() {
        if let Step::Mount {
            target, options, ..
        } = step
            && target.starts_with(bundle)
            && options.flags & flag::REMOUNT == 0
        {
            // It may never have been mounted, if the preparation failed half way.
            let _ = mounting::unmount(target, Unmount::Detach);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As LinuxKit's builder writes it for a writable container.
    const WRITABLE: &str = r#"{
        "mounts": [
            {"destination": "/containers/services/web/tmp", "type": "tmpfs", "source": "tmpfs"},
            {"destination": "/containers/services/web/tmp", "options": ["remount", "private"]},
            {"destination": "/containers/services/web/rootfs", "type": "overlay", "source": "overlay",
             "options": ["lowerdir=/containers/services/db/lower", "upperdir=/containers/services/web/tmp/upper",
                         "workdir=/containers/services/web/tmp/work"]},
            {"destination": "/var/lib/x", "type": "bind", "source": "/y", "options": ["ro"]}
        ],
        "mkdir": ["data", "/var/data"],
        "cgroups": ["systemreserved"]
    }"#;
    const BUNDLE: &str = "/containers/services/web";

    fn steps(json: &str, turn: Turn) -> Vec<Step> {
        plan(
            Path::new(BUNDLE),
            &serde_json::from_str(json).unwrap(),
            turn,
        )
        .unwrap()
    }

    fn text(steps: &[Step]) -> Vec<String> {
        let one = |step: &Step| match step {
            Step::Directory(path) => format!("mkdir {}", path.display()),
            Step::Mount {
                source,
                target,
                kind,
                options,
            } => {
                format!(
                    "mount {source}:{kind} {} {:x} {}",
                    target.display(),
                    options.flags | options.propagation,
                    options.data
                )
            }
        };
        steps.iter().map(one).collect()
    }

    #[test]
    fn linuxkits_runtime_is_planned_in_its_order() {
        let web = "/containers/services/web";
        assert_eq!(
            text(&steps(WRITABLE, Turn::First)),
            [
                format!("mkdir {web}/tmp"),
                format!("mount tmpfs:tmpfs {web}/tmp 0 "),
                format!("mkdir {web}/tmp"),
                format!("mount : {web}/tmp 40020 "),
                format!("mkdir {web}/rootfs"),
                format!("mkdir {web}/tmp/upper"),
                format!("mkdir {web}/tmp/work"),
                format!(
                    "mount overlay:overlay {web}/rootfs 0 lowerdir=/containers/services/db/lower,upperdir={web}/tmp/upper,workdir={web}/tmp/work"
                ),
                "mkdir /var/lib/x".into(),
                "mount /y:bind /var/lib/x 1001 ".into(),
                format!("mkdir {web}/rootfs/data"),
                "mkdir /var/data".into(),
                "mkdir /sys/fs/cgroup/systemreserved".into(),
            ]
        );
    }

    #[test]
    fn a_second_turn_leaves_mounts_outside_of_the_bundle_alone() {
        let again = text(&steps(WRITABLE, Turn::Again));
        assert!(again.iter().any(|line| line.starts_with("mount overlay")));
        assert!(!again.iter().any(|line| line.starts_with("mount /y")));
    }

    #[test]
    fn the_root_is_known_by_what_it_is_made_of() {
        let bundle = Path::new(BUNDLE);
        let sources = sources_of_root(bundle, &steps(WRITABLE, Turn::First));
        assert_eq!(
            sources,
            [
                Path::new("/containers/services/db/lower"),
                &bundle.join("rootfs")
            ]
        );
        let readonly = r#"{"mounts": [{"destination": "/containers/services/web/rootfs", "source": "/other", "options": ["bind"]}]}"#;
        assert_eq!(
            sources_of_root(bundle, &steps(readonly, Turn::First)),
            [Path::new("/other"), &bundle.join("rootfs")]
        );
    }

    #[test]
    fn id_mappings_are_refused_and_not_dropped() {
        let json = r#"{"mounts": [{"destination": "/x", "uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]}]}"#;
        let refused = plan(
            Path::new(BUNDLE),
            &serde_json::from_str(json).unwrap(),
            Turn::First,
        );
        assert!(matches!(refused, Err(PreparationError::IdMapped { .. })));
    }
}
