//! `bedplate lock`, and where a lock lies.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bedplate_spec::lock::ImageRequest;
use bedplate_spec::lock_file::LockFile;
use bedplate_store::Store;
use bedplate_sys::replace::ReplacedFile;
use bedplate_types::Arch;

use super::{Resolved, resolve};
use crate::command_line::LockArguments;
use crate::output::say;
use crate::progress::reporter;
use crate::report::Failure;

pub fn run(arguments: LockArguments, json: bool, cache: &Path) -> Result<ExitCode, Failure> {
    let path = path(&arguments.spec)?;
    if arguments.resolving.locked {
        return Err(Failure::new(2, "`lock` cannot be told to be `--locked`")
            .hint("to see whether a lock is current: --check"));
    }
    let store = Store::open(cache)?;
    let progress = reporter(json);
    let Resolved { lock, arch, .. } = resolve(
        &arguments.spec,
        &arguments.format,
        &arguments.resolving,
        &store,
        &*progress,
    )?;
    let file = LockFile::of(&lock, arch).map_err(|incomplete| {
        let names: Vec<String> = incomplete.iter().map(ImageRequest::describe).collect();
        let text = format!(
            "the cache does not say where {} came from",
            names.join(", ")
        );
        Failure::new(4, text).hint("ask again: --pull always")
    })?;
    let text = file.render();
    if arguments.check {
        let is_current = fs::read_to_string(&path).is_ok_and(|old| old == text);
        return match is_current {
            true => Ok(ExitCode::SUCCESS),
            false => Err(Failure::new(
                3,
                format!("{} is not what the names stand for now", path.display()),
            )
            .hint(format!("write it anew: {}", command(&arguments.spec)))),
        };
    }
    write(&path, &text)
        .map_err(|error| Failure::new(6, format!("cannot write {}: {error}", path.display())))?;
    say!("{}", path.display());
    Ok(ExitCode::SUCCESS)
}

/// The lock of a spec, which must say what all of `requests` stand for.
pub(super) fn read(
    specs: &[String],
    requests: &[ImageRequest],
    arch: Arch,
) -> Result<LockFile, Failure> {
    let path = path(specs)?;
    let hint = format!("write it: {}", command(specs));
    let wrong = |why: String| Failure::new(3, why).hint(&hint);
    let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => wrong(format!("there is no {}", path.display())),
        _ => Failure::new(6, format!("cannot read {}: {error}", path.display())),
    })?;
    let lock = LockFile::parse(&text)
        .map_err(|error| wrong(format!("{} cannot be used: {error}", path.display())))?;
    if lock.arch != arch {
        let why = format!(
            "{} is for {}, the host for {arch}",
            path.display(),
            lock.arch
        );
        return Err(wrong(why));
    }
    match requests.iter().find(|request| !lock.has(request)) {
        None => Ok(lock),
        Some(missing) => {
            let why = format!(
                "{} does not match the spec: it has nothing for `{}`",
                path.display(),
                missing.describe()
            );
            Err(wrong(why))
        }
    }
}

/// `NAME.lock` beside the first spec.
fn path(specs: &[String]) -> Result<PathBuf, Failure> {
    match specs.first().map(String::as_str) {
        None | Some("-") => Err(Failure::new(
            2,
            "a spec from standard input has no place for a lock",
        )
        .hint("name a file first")),
        Some(first) => Ok(Path::new(first).with_extension("lock")),
    }
}

fn command(specs: &[String]) -> String {
    format!("bedplate lock {}", specs.join(" "))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = ReplacedFile::create(path)?;
    file.write_all(text.as_bytes())?;
    file.commit()
}
