//! `bedplate diff`

mod text;

use std::path::Path;
use std::process::ExitCode;

use bedplate_build::{Built, Parts, diff};
use bedplate_store::Store;

use crate::command_line::DiffArguments;
use crate::output::{print, say};
use crate::report::Failure;

/// As diff(1) has it.
const DIFFERENT: u8 = 1;

pub fn run(arguments: &DiffArguments, json: bool, cache: &Path) -> Result<ExitCode, Failure> {
    let store = Store::open(cache)?;
    let old = Built::open(&arguments.old, &store)?;
    let new = Built::open(&arguments.new, &store)?;
    let found = diff(&old, &new, parts(arguments))?;
    if json {
        say!(
            "{}",
            serde_json::to_string_pretty(&found).expect("a difference is plain data")
        );
    } else {
        print(text::Report::new(&found));
    }
    Ok(match found.equal {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(DIFFERENT),
    })
}

fn parts(arguments: &DiffArguments) -> Parts {
    let &DiffArguments {
        files,
        packages,
        units,
        ..
    } = arguments;
    match files || packages || units {
        false => Parts::ALL,
        true => Parts {
            files,
            packages,
            units,
            host: false,
        },
    }
}
