//! Containers: names, images, supervision, and what their settings refer to.

use std::collections::BTreeMap;

use bedplate_boot::{Probe, Ready};

use super::host::Spot;
use super::images::request_of_container;
use super::settings::{Known, Problem, check_settings};
use super::syntax::{self, Wrong};
use crate::diagnostics::Diagnostic;
use crate::planning::InitFlavour;
use crate::spec::{Container, Spec};
use crate::written;

/// Which list a container stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Onboot,
    Onshutdown,
    Services,
}

impl Section {
    /// The list's key.
    pub fn key(self) -> &'static str {
        match self {
            Self::Onboot => "onboot",
            Self::Onshutdown => "onshutdown",
            Self::Services => "services",
        }
    }

    /// What a container in it is called.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Onboot => "onboot container",
            Self::Onshutdown => "onshutdown container",
            Self::Services => "service",
        }
    }
}

/// A container as written, and where.
pub(super) type Located<'a> = (Section, Spot<'a>, &'a written::Container);

/// Checks containers and puts them into the spec.
pub(super) fn merge(
    containers: &[Located<'_>],
    known: &Known,
    spec: &mut Spec,
    found: &mut Vec<Diagnostic>,
) {
    let mut services: BTreeMap<&str, &Spot<'_>> = BTreeMap::new();
    for (section, spot, written) in containers {
        let name = written.name.as_str();
        if !syntax::is_container_name(name) {
            let message = format!("`{name}` cannot be the name of a container");
            let hint = "it has letters, digits, `_`, `.`, `-` and `+`, and at most 128 of them";
            found.push(spot.inner("/name").error(message).hint(hint));
        }
        if *section == Section::Services
            && let Some(first) = services.insert(name, spot)
        {
            let place = first.inner("/name").place();
            let line = place.at.map_or(String::new(), |at| format!(":{}", at.line));
            let message = format!("a second service has the name `{name}`");
            let hint = format!(
                "the first one is at {}{line}; rename one of them",
                place.file
            );
            found.push(spot.inner("/name").error(message).hint(hint));
        }
        for Problem {
            pointer,
            message,
            hint,
        } in check_settings(&written.settings, known)
        {
            let mut problem = spot.inner(&pointer).error(message);
            problem.hint = hint;
            found.push(problem);
        }
        check_supervision(*section, spot, written, spec.flavour, found);
        if let Some(container) = container(*section, spot, written, found) {
            match section {
                Section::Onboot => spec.onboot.push(container),
                Section::Onshutdown => spec.onshutdown.push(container),
                Section::Services => spec.services.push(container),
            }
        }
    }
}

fn container(
    section: Section,
    spot: &Spot<'_>,
    written: &written::Container,
    found: &mut Vec<Diagnostic>,
) -> Option<Container> {
    let what = format!("{} `{}`", section.noun(), written.name);
    let image = request_of_container(&written.origin, spot, &what, found);
    let says_empty = written.origin.image.as_deref() == Some("");
    if image.is_none() && (says_empty || !spot.has("image")) && !spot.has("packages") {
        let hint =
            "add `image:` with a reference, or `packages:` with names of distribution packages";
        found.push(spot.error(format!("the {what} has no image")).hint(hint));
    }
    let ready = written
        .ready
        .as_ref()
        .and_then(|ready| probe(ready, &spot.inner("/ready"), found));
    Some(Container {
        name: written.name.clone(),
        image: image?,
        settings: written.settings.clone(),
        restart: written.restart,
        after: written.after.clone().unwrap_or_default(),
        ready,
        on_failure: written.on_failure,
        place: spot.place(),
    })
}

/// Keys of Bedplate's init must not be dropped in silence by another.
fn check_supervision(
    section: Section,
    spot: &Spot<'_>,
    written: &written::Container,
    flavour: InitFlavour,
    found: &mut Vec<Diagnostic>,
) {
    let keys = [
        ("restart", written.restart.is_some(), Section::Services),
        ("after", written.after.is_some(), Section::Services),
        ("ready", written.ready.is_some(), Section::Services),
        ("onFailure", written.on_failure.is_some(), Section::Onboot),
    ];
    for (key, _, home) in keys.into_iter().filter(|(_, there, _)| *there) {
        let spot = spot.inner(&format!("/{key}"));
        if section != home {
            let message = format!(
                "`{key}` has no meaning for the {} `{}`",
                section.noun(),
                written.name
            );
            found.push(
                spot.error(message)
                    .hint(format!("it belongs to containers under `{}:`", home.key())),
            );
        } else if flavour == InitFlavour::Images {
            let message =
                format!("`{key}` needs Bedplate's init, but the images of `init:` bring their own");
            found.push(spot.error(message).hint("remove `init:`, or add `bedplate` to it in place of LinuxKit's init, runc and containerd"));
        }
    }
}

fn probe(written: &written::Ready, spot: &Spot<'_>, found: &mut Vec<Diagnostic>) -> Option<Ready> {
    let mut probes: Vec<(&str, Result<Probe, Wrong>)> = Vec::new();
    if let Some(port) = written.tcp {
        probes.push(("/tcp", Ok(Probe::Tcp(port))));
    }
    if let Some(text) = &written.http {
        probes.push(("/http", syntax::http_probe(text)));
    }
    if let Some(path) = &written.file {
        let absolute = path.starts_with('/') && !path.split('/').any(|part| part == "..");
        let hint = Some("it begins with `/` and has no `..`".to_owned());
        let wrong = || Wrong(format!("`{path}` is not an absolute path"), hint);
        probes.push((
            "/file",
            absolute
                .then(|| Probe::File(path.clone()))
                .ok_or_else(wrong),
        ));
    }
    if let Some(command) = &written.exec {
        let wrong = || Wrong("the command of `exec` is empty".to_owned(), None);
        let probe = (!command.is_empty()).then(|| Probe::Exec(command.clone()));
        probes.push(("/exec", probe.ok_or_else(wrong)));
    }
    let hint = "write one of `tcp`, `http`, `file` and `exec`";
    let count = probes.len();
    if count == 0
        && ["tcp", "http", "file", "exec"]
            .into_iter()
            .any(|key| spot.has(key))
    {
        return None; // It could not be read, and that was reported.
    }
    let Some((pointer, result)) = probes.into_iter().next().filter(|_| count == 1) else {
        let what = if count == 0 {
            "nothing to try"
        } else {
            "more than one probe"
        };
        found.push(spot.error(format!("`ready` has {what}")).hint(hint));
        return None;
    };
    match result {
        Ok(probe) => Some(Ready {
            probe,
            interval_ms: written.interval.unwrap_or(1_000),
            timeout_ms: written.timeout.unwrap_or(60_000),
        }),
        Err(Wrong(message, hint)) => {
            let mut problem = spot.inner(pointer).error(message);
            problem.hint = hint;
            found.push(problem);
            None
        }
    }
}
