//! `files:`: exactly one kind each, at a path in the host.

use bedplate_types::TreePath;

use super::host::Spot;
use super::settings::{Known, check_id};
use super::syntax::Wrong;
use crate::diagnostics::Diagnostic;
use crate::gathering::reason;
use crate::settings::Id;
use crate::spec::{HostFile, HostFileKind, MetadataForm, Spec};
use crate::variables::Variables;
use crate::written;

/// Checks files and puts them into the spec.
pub(super) fn merge(
    files: &[(Spot<'_>, &written::File)],
    known: &Known,
    variables: &Variables,
    spec: &mut Spec,
    found: &mut Vec<Diagnostic>,
) {
    for (spot, written) in files {
        for (pointer, id) in [("/uid", &written.uid), ("/gid", &written.gid)] {
            if let Some(Err(Wrong(message, hint))) =
                id.as_ref().map(|id| check_id(id, &known.containers))
            {
                let mut problem = spot.inner(pointer).error(message);
                problem.hint = hint;
                found.push(problem);
            }
        }
        if written.optional == Some(true) && written.source.is_none() {
            found.push(
                spot.inner("/optional")
                    .warning("`optional` has no effect without `source`"),
            );
        }
        let path = path(spot, &written.path, found);
        let kind = kind(spot, written, variables, found);
        if let (Some(path), Some(kind)) = (path, kind) {
            spec.files.push(HostFile {
                path,
                kind,
                mode: written
                    .mode
                    .as_ref()
                    .and_then(|mode| u32::from_str_radix(mode, 8).ok()),
                uid: written.uid.clone().unwrap_or(Id::Number(0)),
                gid: written.gid.clone().unwrap_or(Id::Number(0)),
                place: spot.place(),
            });
        }
    }
}

fn path(spot: &Spot<'_>, written: &str, found: &mut Vec<Diagnostic>) -> Option<TreePath> {
    let spot = spot.inner("/path");
    let path: TreePath = match written.parse() {
        Ok(path) => path,
        Err(error) => {
            found.push(spot.error(reason(&error)));
            return None;
        }
    };
    if path.is_root() {
        found.push(spot.error(format!("the path `{written}` of a file is the root itself")));
        return None;
    }
    // PID 1 mounts a tmpfs over each of these, in LinuxKit as in Bedplate.
    let hidden = path
        .components()
        .next()
        .filter(|first| [&b"run"[..], b"tmp", b"var"].contains(first));
    if let Some(first) = hidden
        && path.components().count() > 1
    {
        let message = format!(
            "`{path}` cannot be seen in the running host: a tmpfs is mounted on `/{}`",
            String::from_utf8_lossy(first)
        );
        found.push(
            spot.warning(message)
                .hint("place it elsewhere and bind it into the container that needs it"),
        );
    }
    Some(path)
}

fn kind(
    spot: &Spot<'_>,
    written: &written::File,
    variables: &Variables,
    found: &mut Vec<Diagnostic>,
) -> Option<HostFileKind> {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mut kinds = Vec::new();
    if written.directory == Some(true) {
        kinds.push(("directory", HostFileKind::Directory));
    }
    if let Some(target) = filled(&written.symlink) {
        kinds.push(("symlink", HostFileKind::Symlink(target)));
    }
    if let Some(contents) = &written.contents {
        kinds.push(("contents", HostFileKind::Contents(contents.clone())));
    }
    if let Some(source) = filled(&written.source) {
        let path = host_path(spot, &source, variables, found)?;
        kinds.push((
            "source",
            HostFileKind::Source {
                path,
                named: named(spot, &source),
                optional: written.optional.unwrap_or(false),
            },
        ));
    }
    if let Some(form) = filled(&written.metadata) {
        let form = if form == "json" {
            MetadataForm::Json
        } else {
            MetadataForm::Yaml
        };
        kinds.push(("metadata", HostFileKind::Metadata(form)));
    }
    let names: Vec<String> = kinds.iter().map(|(name, _)| format!("`{name}`")).collect();
    match kinds.len() {
        1 => kinds.pop().map(|(_, kind)| kind),
        0 if written.metadata.is_none() && spot.has("metadata")
            || written.contents.is_none() && spot.has("contents") =>
        {
            None // It could not be read, and that was reported.
        }
        0 => {
            let message = format!("nothing says what the file `{}` is", written.path);
            let hint = "add one of `contents`, `source`, `metadata`, `directory` and `symlink`";
            found.push(spot.error(message).hint(hint));
            None
        }
        _ => {
            let message = format!("the file `{}` has {}", written.path, names.join(" and "));
            found.push(
                spot.error(message)
                    .hint("a file is one thing only: remove the others"),
            );
            None
        }
    }
}

/// A path of the build machine as the first spec file would name it: what says so is the same wherever they lie.
fn named(spot: &Spot<'_>, written: &str) -> String {
    if written.starts_with("~/") {
        return written.to_owned();
    }
    spot.source.way.join(written).to_string_lossy().into_owned()
}

/// A path of the build machine: `~/` is the home directory, relative ones start from the spec file.
fn host_path(
    spot: &Spot<'_>,
    written: &str,
    variables: &Variables,
    found: &mut Vec<Diagnostic>,
) -> Option<std::path::PathBuf> {
    let Some(below) = written.strip_prefix("~/") else {
        return Some(spot.source.dir.join(written));
    };
    match variables.get("HOME") {
        Some(home) => Some(std::path::Path::new(home).join(below)),
        None => {
            let message = format!("the home directory that `{written}` starts from is not known");
            found.push(
                spot.inner("/source")
                    .error(message)
                    .hint("set HOME, or write the whole path"),
            );
            None
        }
    }
}
