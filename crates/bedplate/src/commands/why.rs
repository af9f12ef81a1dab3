//! `bedplate why`

use std::path::Path;
use std::process::ExitCode;

use bedplate_build::{Workshop, assemble};
use bedplate_store::Store;
use bedplate_tree::Tree;
use bedplate_types::TreePath;

use super::plan_of;
use crate::command_line::WhyArguments;
use crate::output::say;
use crate::programs;
use crate::progress::reporter;
use crate::report::Failure;

pub fn run(arguments: WhyArguments, json: bool, cache: &Path) -> Result<ExitCode, Failure> {
    let store = Store::open(cache)?;
    let progress = reporter(json);
    let (plan, lock) = plan_of(
        &arguments.spec,
        &[],
        &arguments.resolving,
        &store,
        &*progress,
    )?;
    let workshop = Workshop {
        store: &store,
        progress: &*progress,
        programs: &programs::find(),
    };
    let host = assemble(&plan, &lock, &workshop)?;
    let found = bedplate_build::why(&host.tree, &arguments.path);
    let found = found.ok_or_else(|| {
        let missing = Failure::new(1, format!("the host has no `{}`", arguments.path));
        match nearest(&host.tree, &arguments.path) {
            Some(hint) => missing.hint(hint),
            None => missing,
        }
    })?;
    if json {
        say!(
            "{}",
            serde_json::to_string_pretty(&found).expect("an explanation is plain data")
        );
        return Ok(ExitCode::SUCCESS);
    }
    let target = found
        .target
        .map(|target| format!(" -> {target}"))
        .unwrap_or_default();
    let (uid, gid) = found.owner;
    say!(
        "{}{target}: {} {} {uid}:{gid}",
        found.path,
        found.kind,
        found.mode
    );
    say!("  from {}", found.origin);
    for origin in found.over {
        say!("  over {origin}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the way to a path that is not there ends, unless that is the root.
fn nearest(tree: &Tree, path: &TreePath) -> Option<String> {
    let parents = std::iter::successors(path.parent(), TreePath::parent);
    let found = parents
        .filter(|parent| !parent.is_root())
        .find_map(|parent| bedplate_build::why(tree, &parent))?;
    Some(match found.target {
        Some(target) => format!("`{}` is a symlink to `{target}`: look there", found.path),
        None => format!("the nearest that it has is `{}`", found.path),
    })
}
