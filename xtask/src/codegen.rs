//! Files that this repository's own code writes: written by `codegen`, compared by `tidy`.
//!
//! The language of specs is a library's affair; the command line is the program's, which prints it.

use std::fs;
use std::process::Command;

use crate::error::{Context, Result};
use crate::steps::{cargo, output, run, step};
use crate::{root, target};

/// Files that the program prints, and the words after `bedplate` that print them.
const PRINTED: &[(&str, &[&str])] = &[
    ("docs/src/reference/cli.md", &["reference"]),
    (
        "docs/src/reference/fragments.md",
        &["fragments", "reference"],
    ),
];

/// Writes all generated files.
pub fn write() -> Result<()> {
    for (path, text) in generated()? {
        let file = root().join(path);
        step(path, || {
            fs::create_dir_all(file.parent().expect("a generated file lies in a directory"))?;
            fs::write(&file, text).context(format!("write {path}"))
        })?;
    }
    Ok(())
}

/// Which files differ from what would be written.
pub fn stale() -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for (path, text) in generated()? {
        if fs::read_to_string(root().join(path)).unwrap_or_default() != text {
            findings.push(format!("{path} is not current: run `cargo xtask codegen`"));
        }
    }
    Ok(findings)
}

fn generated() -> Result<Vec<(&'static str, String)>> {
    let schema =
        serde_json::to_string_pretty(&bedplate_spec::schema()).context("render the JSON Schema")?;
    let mut files = vec![
        ("docs/bedplate.schema.json", schema + "\n"),
        (
            "docs/src/reference/spec.md",
            bedplate_spec::reference_markdown(),
        ),
    ];
    run(cargo().args(["build", "--quiet", "-p", "bedplate"]))?;
    for (path, words) in PRINTED {
        files.push((
            path,
            output(Command::new(target()?.join("debug/bedplate")).args(*words))?,
        ));
    }
    Ok(files)
}
