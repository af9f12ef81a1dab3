//! `cargo xtask test`: set-up, the guest programs, then `cargo test`.

use std::path::PathBuf;

use crate::error::Result;
use crate::steps::{cargo, step};
use crate::{setup, target};

const TARGET: &str = "x86_64-unknown-linux-musl";

/// Runs all tests, or those whose name contains `filter`.
pub fn run(filter: Option<&str>) -> Result<()> {
    setup::programs()?;
    let guest = guest_programs()?;
    step("cargo test", || {
        let mut test = cargo();
        test.args(["test", "--workspace", "--quiet", "--no-fail-fast"])
            .args(filter)
            .env("BEDPLATE_GUEST_DIR", &guest);
        crate::steps::run(&mut test)
    })
}

/// Builds the programs that run inside hosts and gives the directory that holds them.
pub fn guest_programs() -> Result<PathBuf> {
    step("build the guest programs", || {
        let mut build = cargo();
        build.args(["build", "--quiet", "--profile", "guest", "--target", TARGET]);
        build.args(["-p", "bedplate-init", "-p", "bedplate-runtime"]);
        build.args(["-p", "bedplate-tools"]);
        crate::steps::run(&mut build)?;
        Ok(target()?.join(TARGET).join("guest"))
    })
}
