//! `bedplate completion`, `schema`, `man` and `reference`: texts that are generated from the program itself.

use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use crate::command_line::CommandLine;
use crate::output::{print, say};
use crate::report::Failure;

/// Characters a line of help in the reference.
const WIDTH: usize = 100;

pub fn completion(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "bedplate", &mut script);
    print(String::from_utf8_lossy(&script));
    ExitCode::SUCCESS
}

pub fn schema() -> ExitCode {
    say!(
        "{}",
        serde_json::to_string_pretty(&bedplate_spec::schema()).expect("a schema is plain data")
    );
    ExitCode::SUCCESS
}

/// The page of the program, or of the command that `words` name, such as `cache gc`.
pub fn man(words: &[String]) -> Result<ExitCode, Failure> {
    let mut command = CommandLine::command();
    command.build();
    for word in words {
        let found = command.find_subcommand(word).cloned();
        command = found
            .ok_or_else(|| Failure::new(2, format!("there is no command `{}`", words.join(" "))))?;
    }
    let name = command.get_display_name().unwrap_or("bedplate").to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .title(name)
        .render(&mut page)
        .map_err(|error| Failure::new(6, format!("cannot render the manual page: {error}")))?;
    print(String::from_utf8_lossy(&page));
    Ok(ExitCode::SUCCESS)
}

/// The help of all commands as one Markdown page.
pub fn reference() -> ExitCode {
    let mut command = CommandLine::command().term_width(WIDTH);
    command.build();
    let mut page = String::from("# The command line\n");
    describe(&mut command, &mut page);
    print(page);
    ExitCode::SUCCESS
}

fn describe(command: &mut Command, page: &mut String) {
    let name = command.get_display_name().unwrap_or("bedplate");
    let title = name.replace('-', " ");
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.trim().lines().map(str::trim_end).collect();
    *page += &format!("\n## {title}\n\n```text\n{}\n```\n", lines.join("\n"));
    for command in command.get_subcommands_mut() {
        if !command.is_hide_set() && command.get_name() != "help" {
            describe(command, page);
        }
    }
}
