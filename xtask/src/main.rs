//! `cargo xtask`: set-up, tests, checks, demo and benchmarks. Each command does its own set-up.
//!
//! Like a shell script, it prints and starts programs; unlike the product, it may.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a program for developers"
)]

mod bench;
mod codegen;
mod demo;
mod dist;
mod error;
mod packages;
mod setup;
mod steps;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use error::Result;

/// What developers do in this repository, as commands.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what the tests and the demo need, where this may be done
    Setup,
    /// Set up and run all tests, those that boot machines included
    Test {
        /// Only tests whose name contains this
        filter: Option<String>,
    },
    /// Build examples/hello.yml, boot it, fetch its page, power it off
    Demo,
    /// Check what rustfmt and clippy do not: crate levels, file lengths, where processes start, generated files
    Tidy,
    /// Check licences, sources and duplicates of dependencies with cargo-deny
    Deny,
    /// Write the generated files: JSON Schema, references of specs and of the command line
    Codegen,
    /// Build one static binary with the guest programs inside, its man pages and completions
    Dist,
    /// Measure
    Bench {
        /// What
        what: Benchmark,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Benchmark {
    /// `bedplate build` of a 347 MB service image
    Build,
    /// The packages of a base, beside mmdebstrap
    Base,
    /// A platform whose base is in the cache, and the size of its root beside mksquashfs
    Platform,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Task::Setup => setup::all(),
        Task::Test { filter } => test::run(filter.as_deref()),
        Task::Demo => demo::run(),
        Task::Tidy => tidy::run(),
        Task::Deny => setup::deny().and_then(|deny| tidy::dependencies(&deny)),
        Task::Codegen => codegen::write(),
        Task::Dist => dist::run().map(|_| ()),
        Task::Bench {
            what: Benchmark::Build,
        } => bench::build(),
        Task::Bench {
            what: Benchmark::Base,
        } => bench::base(),
        Task::Bench {
            what: Benchmark::Platform,
        } => bench::platform(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent()
        .expect("xtask lies in the repository")
        .to_owned()
}

/// Where cargo builds.
fn target() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => Ok(std::path::absolute(directory)?),
        None => Ok(root().join("target")),
    }
}
