//! Settings of a container, from a spec or from a label: every value must be understood.

use std::collections::{BTreeMap, BTreeSet};

use super::syntax::{self, Wrong};
use crate::settings::{Id, Settings};
use crate::suggestions::nearest;

/// What settings may refer to.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Volumes, and whether they are read-only.
    pub volumes: BTreeMap<String, bool>,
    /// Names of containers, each of which has a user id.
    pub containers: BTreeSet<String>,
}

/// Something wrong in settings.
#[derive(Debug)]
pub(crate) struct Problem {
    /// JSON pointer from the settings: `/binds/1`.
    pub pointer: String,
    pub message: String,
    pub hint: Option<String>,
}

/// Everything that is wrong with `settings`.
pub(crate) fn check_settings(settings: &Settings, known: &Known) -> Vec<Problem> {
    let mut checker = Checker {
        known,
        problems: Vec::new(),
    };
    checker.mounts(settings);
    checker.privileges(settings);
    checker.namespaces(settings);
    checker.ids(settings);
    checker.runtime(settings);
    checker.problems
}

struct Checker<'a> {
    known: &'a Known,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn note<T>(&mut self, pointer: impl Into<String>, result: Result<T, Wrong>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Wrong(message, hint)) => {
                self.problems.push(Problem {
                    pointer: pointer.into(),
                    message,
                    hint,
                });
                None
            }
        }
    }

    fn mounts(&mut self, settings: &Settings) {
        for (key, binds) in [
            ("binds", &settings.binds),
            ("binds.add", &settings.binds_add),
        ] {
            for (index, text) in binds.iter().flatten().enumerate() {
                let pointer = format!("/{key}/{index}");
                if let Some(mount) = self.note(&pointer, syntax::bind(text)) {
                    let result = self.volume(&mount.source, &mount.options);
                    self.note(pointer, result);
                }
            }
        }
        for (index, text) in settings.tmpfs.iter().flatten().enumerate() {
            self.note(format!("/tmpfs/{index}"), syntax::tmpfs(text));
        }
        for (index, mount) in settings.mounts.iter().flatten().enumerate() {
            let pointer = format!("/mounts/{index}");
            if let Some(mount) = self.note(&pointer, syntax::complete_mount(mount))
                && mount.kind == "bind"
            {
                let result = self.volume(&mount.source, &mount.options);
                self.note(pointer, result);
            }
        }
    }

    /// What is not an absolute path is the name of a volume.
    fn volume(&self, source: &str, options: &[String]) -> Result<(), Wrong> {
        if source.starts_with('/') {
            return Ok(());
        }
        let Some(readonly) = self.known.volumes.get(source) else {
            let hint = match nearest(source, self.known.volumes.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "define it under `volumes:`, or write a path that begins with `/`: `/{source}`"
                ),
            };
            return Err(Wrong(format!("there is no volume `{source}`"), Some(hint)));
        };
        if *readonly && !options.iter().any(|option| option == "ro") {
            let message =
                format!("the volume `{source}` is read-only, but this mounts it for writing");
            return Err(Wrong(message, Some("add the option `ro`".to_owned())));
        }
        Ok(())
    }

    fn privileges(&mut self, settings: &Settings) {
        let lists = [
            ("capabilities", &settings.capabilities),
            ("capabilities.add", &settings.capabilities_add),
            ("ambient", &settings.ambient),
        ];
        for (key, list) in lists {
            for (index, _) in list.iter().flatten().enumerate() {
                let all = list.as_deref().unwrap_or_default();
                let one = if all.len() == 1 {
                    all
                } else {
                    &all[index..=index]
                };
                let alone = all.len() == 1 || !is_set_word(&all[index]);
                let result = if alone {
                    syntax::capabilities(one).map(drop)
                } else {
                    Err(not_alone(&all[index]))
                };
                self.note(format!("/{key}/{index}"), result);
            }
        }
        for (index, text) in settings.rlimits.iter().flatten().enumerate() {
            self.note(format!("/rlimits/{index}"), syntax::rlimit(text));
        }
    }

    fn namespaces(&mut self, settings: &Settings) {
        for (key, text) in namespaces_of(settings) {
            // An empty text is as good as none, as LinuxKit has it.
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                self.note(format!("/{key}"), syntax::namespace(key, text));
            }
        }
    }

    fn ids(&mut self, settings: &Settings) {
        let groups = settings.additional_gids.iter().flatten().enumerate();
        let ids = [
            ("/uid".to_owned(), &settings.uid),
            ("/gid".to_owned(), &settings.gid),
        ]
        .into_iter()
        .filter_map(|(pointer, id)| Some((pointer, id.as_ref()?)))
        .chain(groups.map(|(index, id)| (format!("/additionalGids/{index}"), id)));
        for (pointer, id) in ids {
            let result = check_id(id, &self.known.containers);
            self.note(pointer, result);
        }
    }

    fn runtime(&mut self, settings: &Settings) {
        let Some(runtime) = &settings.runtime else {
            return;
        };
        for (index, interface) in runtime.interfaces.iter().flatten().enumerate() {
            if interface.add == "veth" && interface.peer.is_empty() {
                let message = format!("the veth `{}` has no `peer`", interface.name);
                let hint = Some("name its other end, which stays in the host".to_owned());
                self.note::<()>(
                    format!("/runtime/interfaces/{index}"),
                    Err(Wrong(message, hint)),
                );
            }
        }
        for (index, mount) in runtime.mounts.iter().flatten().enumerate() {
            if mount.destination.is_empty() {
                let message = "a mount of `runtime` has no destination".to_owned();
                self.note::<()>(
                    format!("/runtime/mounts/{index}"),
                    Err(Wrong(message, None)),
                );
            }
        }
    }
}

/// The namespace keys with what is said for them.
pub(crate) fn namespaces_of(settings: &Settings) -> [(&'static str, Option<&str>); 5] {
    [
        ("net", settings.net.as_deref()),
        ("ipc", settings.ipc.as_deref()),
        ("uts", settings.uts.as_deref()),
        ("pid", settings.pid.as_deref()),
        ("userns", settings.userns.as_deref()),
    ]
}

/// A name must be that of a container, or `root`.
pub(crate) fn check_id(id: &Id, containers: &BTreeSet<String>) -> Result<(), Wrong> {
    let Id::Name(name) = id else { return Ok(()) };
    if name == "root" || containers.contains(name) || name.parse::<u32>().is_ok() {
        return Ok(());
    }
    let hint = match nearest(name, containers.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a number, or the name of a container in this spec".to_owned(),
    };
    Err(Wrong(
        format!("there is no container `{name}` to take an id from"),
        Some(hint),
    ))
}

fn is_set_word(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "all" | "none")
}

fn not_alone(name: &str) -> Wrong {
    Wrong(
        format!("`{name}` stands beside other capabilities"),
        Some(format!("`{name}` must be the only entry")),
    )
}
