//! `bedplate fragments`: the system containers that specs can include.

use std::process::ExitCode;

use serde_json::json;

use crate::command_line::FragmentsCommand;
use crate::fragments::{FRAGMENTS, Fragment, PREFIX, reference};
use crate::output::{print, say};
use crate::report::Failure;

/// Lists them, or prints one.
pub fn run(command: Option<FragmentsCommand>, as_json: bool) -> Result<ExitCode, Failure> {
    match command {
        None => list(as_json),
        Some(FragmentsCommand::Show { name }) => show(&name)?,
        Some(FragmentsCommand::Reference) => print(reference()),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(as_json: bool) {
    if as_json {
        let setting = |setting: crate::fragments::Setting| json!({"name": setting.name, "default": setting.default, "meaning": setting.meaning});
        let fragment = |fragment: &Fragment| {
            let settings: Vec<_> = fragment.settings().into_iter().map(setting).collect();
            json!({"name": format!("{PREFIX}{}", fragment.name), "summary": fragment.summary(), "settings": settings})
        };
        let list: Vec<_> = FRAGMENTS.iter().map(fragment).collect();
        return say!("{}", json!(list));
    }
    for fragment in FRAGMENTS {
        say!("{PREFIX}{:<10}{}", fragment.name, fragment.summary());
    }
}

fn show(name: &str) -> Result<(), Failure> {
    match Fragment::named(name) {
        Some(fragment) => print(fragment.text),
        None => {
            let failure = Failure::new(2, format!("there is no fragment `{name}`"));
            return Err(failure.hint("`bedplate fragments` lists them"));
        }
    }
    Ok(())
}
