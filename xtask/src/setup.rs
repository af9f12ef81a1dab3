//! Installs what is missing, or says how to.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::{Context, Error, Result};
use crate::packages::{PACKAGES, Package};
use crate::steps::{cargo, output, run, step};

/// Version of cargo-deny that is installed where none is.
const CARGO_DENY: &str = "0.20.2";

/// Ids that the tests' user may use in user namespaces.
const SUBORDINATE: &str = "100000-165535";

/// Everything that any other task needs.
pub fn all() -> Result<()> {
    programs()?;
    deny().map(|_| ())
}

/// Packages of the distribution and the Rust target: what building, tests and the demo need.
pub fn programs() -> Result<()> {
    install_packages(
        &PACKAGES
            .iter()
            .filter(|package| !package.is_there())
            .collect::<Vec<_>>(),
    )?;
    subordinate_ids()?;
    rust_target()
}

/// Tests that run as root build bases as `nobody`, who has no subordinate ids by itself.
fn subordinate_ids() -> Result<()> {
    let has = |file: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| line.starts_with("nobody:"))
    };
    let root = fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
    if !root || has("/etc/subuid") && has("/etc/subgid") {
        return Ok(());
    }
    let (users, groups) = ("--add-subuids", "--add-subgids");
    step("give nobody subordinate ids", || {
        run(Command::new("usermod").args([users, SUBORDINATE, groups, SUBORDINATE, "nobody"]))
    })
}

fn install_packages(missing: &[&Package]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    for package in missing {
        println!("    missing: {} ({})", package.name, package.why);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    let by_hand = format!(
        "apt-get install --no-install-recommends {}",
        names.join(" ")
    );
    let Some(prefix) = privilege() else {
        return Err(Error::from(format!(
            "packages are missing; install them:\n  sudo {by_hand}"
        )));
    };
    step(&format!("apt-get install {}", names.join(" ")), || {
        // Lists may be absent on a fresh machine, or present and good: try without a new one first.
        let install =
            || run(apt(prefix, &["install", "-y", "-qq", "--no-install-recommends"]).args(&names));
        install().or_else(|_| {
            run(&mut apt(prefix, &["update", "-qq"]))?;
            install()
        })
    })
}

/// The words before a command that needs root: none for root, `sudo` where it asks no password.
fn privilege() -> Option<&'static [&'static str]> {
    let root = fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0);
    let sudo = || {
        let mut command = Command::new("sudo");
        command
            .args(["-n", "true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    match crate::steps::in_path("apt-get") {
        true if root => Some(&["env"]),
        true if sudo() => Some(&["sudo", "-n", "env"]),
        _ => None,
    }
}

fn apt(prefix: &[&str], arguments: &[&str]) -> Command {
    let mut command = Command::new(prefix[0]);
    command
        .args(&prefix[1..])
        .args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(arguments)
        .stdout(Stdio::null());
    command
}

/// The target of the guest programs. `rust-toolchain.toml` names it; a Rust without rustup has it or not.
fn rust_target() -> Result<()> {
    let sysroot = output(
        Command::new("rustc")
            .args(["--print", "sysroot"])
            .current_dir(crate::root()),
    )?;
    let library = PathBuf::from(sysroot.trim()).join("lib/rustlib/x86_64-unknown-linux-musl/lib");
    if library.is_dir() {
        return Ok(());
    }
    step("rustup target add x86_64-unknown-linux-musl", || {
        run(Command::new("rustup").args(["target", "add", "x86_64-unknown-linux-musl"]).current_dir(crate::root()))
            .context("get the Rust target x86_64-unknown-linux-musl (without rustup: the package of your distribution)")
    })
}

/// cargo-deny: the one in `PATH`, or one of our own below the target directory.
pub fn deny() -> Result<PathBuf> {
    if crate::steps::in_path("cargo-deny") {
        return Ok("cargo-deny".into());
    }
    let tools = crate::root().join("target/xtask-tools");
    let program = tools.join("bin/cargo-deny");
    if !program.is_file() {
        // Without optimisation: compiling it takes a minute so, and it runs once.
        step("cargo install cargo-deny (once)", || {
            let mut install = cargo();
            install.args([
                "install",
                "--quiet",
                "--locked",
                "--debug",
                "cargo-deny",
                "--version",
                CARGO_DENY,
                "--root",
            ]);
            install
                .arg(&tools)
                .env("CARGO_PROFILE_DEV_DEBUG", "0")
                .env("CARGO_TARGET_DIR", tools.join("build"));
            run(&mut install)?;
            fs::remove_dir_all(tools.join("build")).context("remove what building cargo-deny left")
        })?;
    }
    Ok(program)
}
