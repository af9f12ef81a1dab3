//! `bedplate`: the command line. It parses, calls the libraries, and is the only one that prints.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "printing is what this program is for"
)]

mod command_line;
mod commands;
mod fragments;
mod keys;
mod loading;
mod output;
mod programs;
mod progress;
mod report;

use std::process::ExitCode;

use bedplate_run::Interrupts;
use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use command_line::{Command, CommandLine};
use report::Failure;

fn main() -> ExitCode {
    if let Some(code) = bedplate_sources::worker() {
        return code;
    }
    let CommandLine {
        cache,
        json,
        command,
    } = match CommandLine::try_parse() {
        Ok(command_line) => command_line,
        Err(error) if error.use_stderr() && std::env::args().any(|word| word == "--json") => {
            return Failure::from(&error).tell(true);
        }
        Err(error) => error.exit(),
    };
    let interrupts = Interrupts::default();
    let booting = matches!(command, Command::Run(_));
    catch_signals(booting, interrupts.clone());
    let cache = commands::cache_directory(cache);
    let result = match command {
        Command::Build(arguments) => commands::build::run(arguments, json, &cache),
        Command::Image(command) => commands::image::run(command, json),
        Command::Lock(arguments) => commands::lock::run(arguments, json, &cache),
        Command::Why(arguments) => commands::why::run(arguments, json, &cache),
        Command::Diff(arguments) => commands::diff::run(&arguments, json, &cache),
        Command::Run(arguments) => {
            commands::run::run(arguments, json, cache, interrupts).map_err(Into::into)
        }
        Command::Fragments { command } => commands::fragments::run(command, json),
        Command::Key(command) => commands::key::run(command, json),
        Command::Cache(command) => commands::cache::run(command, json, &cache),
        Command::Completion { shell } => Ok(commands::texts::completion(shell)),
        Command::Schema => Ok(commands::texts::schema()),
        Command::Man { command } => commands::texts::man(&command),
        Command::Reference => Ok(commands::texts::reference()),
    };
    result.unwrap_or_else(|failure| failure.tell(json))
}

/// Ctrl-C removes what is half done and ends with 130; a host that runs is powered off instead.
fn catch_signals(booting: bool, interrupts: Interrupts) {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else {
        return;
    };
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if booting {
                interrupts.interrupt();
                continue;
            }
            bedplate_sys::scratch::clean();
            eprintln!("interrupted: nothing half done is left");
            std::process::exit(128 + signal);
        }
    });
}
