//! `cargo xtask dist`: one static binary that holds all it needs.

use std::path::PathBuf;

use crate::error::Result;
use crate::steps::{cargo, length, step};
use crate::{setup, target, test};

const TARGET: &str = "x86_64-unknown-linux-musl";

/// Builds the guest programs, then `bedplate` with them inside, and gives its path.
pub fn run() -> Result<PathBuf> {
    setup::programs()?;
    let guest = test::guest_programs()?;
    let binary = target()?.join(TARGET).join("release/bedplate");
    step("build bedplate with the guest programs inside", || {
        let mut build = cargo();
        build.args([
            "build",
            "--quiet",
            "--release",
            "--target",
            TARGET,
            "-p",
            "bedplate",
        ]);
        crate::steps::run(build.env("BEDPLATE_EMBED_DIR", guest))
    })?;
    println!("{} ({})", binary.display(), length(&binary)?);
    Ok(binary)
}
