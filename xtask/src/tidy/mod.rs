//! The repository's own rules, each a function from what is there to a list of sentences.

mod levels;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::steps::{cargo, output, run as run_program, step};

/// Checks all rules, and that generated files are current.
pub fn run() -> Result<()> {
    let metadata = metadata()?;
    let files = files(&crate::root())?;
    let mut findings = levels::check(&metadata);
    findings.extend(lints(&metadata));
    findings.extend(sources::check(&files));
    match crate::codegen::stale() {
        Ok(stale) => findings.extend(stale),
        Err(error) => findings.push(format!("generated files cannot be compared: {error}")),
    }
    if findings.is_empty() {
        println!("tidy: {} files are in order", files.len());
        return Ok(());
    }
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    Err(Error::from(format!("{} findings", findings.len())))
}

/// Checks licences, sources and duplicates of dependencies.
///
/// Not the advisory database: it is not reachable from everywhere that builds, and what it says changes without a
/// commit here.
pub fn dependencies(deny: &Path) -> Result<()> {
    step("cargo-deny", || {
        let mut command = std::process::Command::new(deny);
        command
            .current_dir(crate::root())
            .args(["--log-level", "error", "check"]);
        run_program(command.args(["licenses", "sources", "bans"]))
    })
}

/// A file of the repository.
struct SourceFile {
    /// Relative to the root.
    path: PathBuf,
    text: String,
}

fn metadata() -> Result<serde_json::Value> {
    let text = output(cargo().args(["metadata", "--no-deps", "--format-version", "1"]))?;
    serde_json::from_str(&text).context("read what `cargo metadata` says")
}

/// Every crate takes over the workspace's lints.
fn lints(metadata: &serde_json::Value) -> Vec<String> {
    let manifests = metadata["packages"].as_array().into_iter().flatten();
    let manifests = manifests.filter_map(|package| package["manifest_path"].as_str());
    let inherits = |path: &&str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        !text.contains("[lints]\nworkspace = true")
    };
    manifests
        .filter(inherits)
        .map(|path| format!("{path} does not have `[lints] workspace = true`"))
        .collect()
}

/// The text files that git knows, or that are new and not ignored.
fn files(root: &Path) -> Result<Vec<SourceFile>> {
    let mut git = std::process::Command::new("git");
    git.current_dir(root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let list = output(&mut git)?;
    let paths = list
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    Ok(paths
        .filter_map(|path| {
            Some(SourceFile {
                text: fs::read_to_string(root.join(&path)).ok()?,
                path,
            })
        })
        .collect())
}
