//! One module a command, and what several of them do alike.

pub mod build;
pub mod cache;
pub mod diff;
pub mod fragments;
pub mod image;
pub mod key;
pub mod lock;
pub mod run;
pub mod texts;
pub mod why;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bedplate_build::Format;
use bedplate_sources::{Options, Pull, Sources};
use bedplate_spec::lock::Lock;
use bedplate_spec::planning::BuildPlan;
use bedplate_spec::{Diagnostics, PlanOptions, Spec, Variables, parse, plan};
use bedplate_store::Store;
use bedplate_types::{Arch, Epoch, Progress};

use crate::command_line::{PullChoice, SpecArguments};
use crate::loading::Files;
use crate::report::Failure;

/// The cache: as told, or where the XDG base directory specification puts it.
pub fn cache_directory(told: Option<PathBuf>) -> PathBuf {
    let var = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    told.or_else(|| Some(var("XDG_CACHE_HOME")?.join("bedplate")))
        .or_else(|| Some(var("HOME")?.join(".cache/bedplate")))
        .unwrap_or_else(|| PathBuf::from("/var/tmp/bedplate"))
}

/// Specs, with everything that they and the formats name in the store.
struct Resolved {
    spec: Spec,
    lock: Lock,
    arch: Arch,
}

/// Specs to a plan, with everything that the plan and the formats name in the store.
pub fn plan_of(
    specs: &[String],
    formats: &[Format],
    arguments: &SpecArguments,
    store: &Store,
    progress: &dyn Progress,
) -> Result<(BuildPlan, Lock), Failure> {
    let Resolved { spec, lock, arch } = resolve(specs, formats, arguments, store, progress)?;
    let epoch = Epoch(arguments.epoch);
    let plan = plan(&spec, &lock, &PlanOptions { arch, epoch })?;
    warn(&plan.warnings, progress);
    Ok((plan, lock))
}

fn resolve(
    specs: &[String],
    formats: &[Format],
    arguments: &SpecArguments,
    store: &Store,
    progress: &dyn Progress,
) -> Result<Resolved, Failure> {
    let arch = match arguments.arch.or_else(Arch::native) {
        Some(arch) => arch,
        None => {
            return Err(Failure::new(
                2,
                "this machine's architecture is none that hosts are built for",
            )
            .hint("name one with --arch"));
        }
    };
    let spec = parse(specs, &Files, &variables(&arguments.set)?)?;
    warn(&spec.warnings, progress);
    let mut options = Options::new(arch, &spec.base);
    options.pull = match arguments.pull {
        PullChoice::Missing => Pull::IfMissing,
        PullChoice::Always => Pull::Always,
        PullChoice::Never => Pull::Never,
    };
    options.mirrors = arguments.mirror.iter().map(|text| mirror(text)).collect();
    options.stall = Duration::from_secs(arguments.network_timeout);
    options.retries = arguments.retries;
    let mut requests = spec.requests();
    requests.extend(formats.iter().flat_map(|format| format.requests(arch)));
    if arguments.locked {
        options.locked = Some(Arc::new(lock::read(specs, &requests, arch)?));
    }
    let lock = Sources::new(store, options, progress).resolve_all(&requests)?;
    Ok(Resolved { spec, lock, arch })
}

/// Who reports warnings says of each that it is one.
fn warn(warnings: &Diagnostics, progress: &dyn Progress) {
    for warning in warnings.iter() {
        progress.warn(warning.to_string().trim_start_matches("warning: "));
    }
}

fn variables(set: &[String]) -> Result<Variables, Failure> {
    let home = std::env::var("HOME")
        .ok()
        .map(|home| ("HOME".to_owned(), home));
    let mut variables = Variables::new().environment(home);
    for text in set {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::new(2, format!("`--set {text}` has no `=`")).hint("write --set NAME=VALUE")
        })?;
        variables = variables.set(name, value);
    }
    Ok(variables)
}

/// `[REGISTRY=]URL`
fn mirror(text: &str) -> (String, String) {
    match text.split_once('=') {
        Some((registry, url)) if !registry.contains("://") => (registry.to_owned(), url.to_owned()),
        _ => (String::new(), text.to_owned()),
    }
}
