//! `bedplate completion`, `schema` and `man`: texts that are generated from the program itself.

use std::io;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::command_line::CommandLine;
use crate::report::Failure;

pub fn completion(shell: Shell) -> ExitCode {
    clap_complete::generate(
        shell,
        &mut CommandLine::command(),
        "bedplate",
        &mut io::stdout(),
    );
    ExitCode::SUCCESS
}

pub fn schema() -> ExitCode {
    println!(
        "{}",
        serde_json::to_string_pretty(&bedplate_spec::schema()).expect("a schema is plain data")
    );
    ExitCode::SUCCESS
}

pub fn man() -> Result<ExitCode, Failure> {
    let page = clap_mangen::Man::new(CommandLine::command());
    page.render(&mut io::stdout())
        .map_err(|error| Failure::new(6, format!("cannot print the manual page: {error}")))?;
    Ok(ExitCode::SUCCESS)
}
