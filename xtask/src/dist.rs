//! `cargo xtask dist`: one static binary that holds all it needs, with its manual pages and completions.
//!
//! ```text
//! target/dist/bin/bedplate
//! target/dist/share/man/man1/bedplate.1, bedplate-build.1, …
//! target/dist/share/{bash-completion/completions/bedplate, zsh/site-functions/_bedplate, fish/vendor_completions.d/bedplate.fish}
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Result};
use crate::steps::{cargo, length, output, step};
use crate::{setup, target, test};

const TARGET: &str = "x86_64-unknown-linux-musl";
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "bash-completion/completions/bedplate"),
    ("zsh", "zsh/site-functions/_bedplate"),
    ("fish", "fish/vendor_completions.d/bedplate.fish"),
];

/// Builds the guest programs, then `bedplate` with them inside, and gives its path.
pub fn run() -> Result<PathBuf> {
    setup::programs()?;
    let guest = test::guest_programs()?;
    step("build bedplate with the guest programs inside", || {
        let mut build = cargo();
        build.args(["build", "--quiet", "--release", "--target", TARGET]);
        crate::steps::run(
            build
                .args(["-p", "bedplate"])
                .env("BEDPLATE_EMBED_DIR", guest),
        )
    })?;
    let dist = target()?.join("dist");
    let binary = dist.join("bin/bedplate");
    make_parent(&binary)?;
    fs::copy(target()?.join(TARGET).join("release/bedplate"), &binary)
        .context("put the binary into its place")?;
    step("manual pages and completions", || {
        // The reference has a heading for each command, `## bedplate cache gc`: none is forgotten.
        let reference = output(Command::new(&binary).arg("reference"))?;
        for command in reference
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
        {
            let path = format!("share/man/man1/{}.1", command.replace(' ', "-"));
            let words: Vec<&str> = ["man"]
                .into_iter()
                .chain(command.split_whitespace().skip(1))
                .collect();
            write(&dist.join(path), &binary, &words)?;
        }
        for (shell, path) in COMPLETIONS {
            let path = dist.join("share").join(path);
            write(&path, &binary, &["completion", shell])?;
        }
        Ok(())
    })?;
    println!("{} ({})", binary.display(), length(&binary)?);
    Ok(binary)
}

/// What `binary` prints for `words`, as a file.
fn write(path: &Path, binary: &Path, words: &[&str]) -> Result<()> {
    make_parent(path)?;
    let text = output(Command::new(binary).args(words))?;
    fs::write(path, text).context(format!("write {}", path.display()))
}

fn make_parent(path: &Path) -> Result<()> {
    let parent = path.parent().expect("a file of dist lies in a directory");
    fs::create_dir_all(parent).context(format!("make {}", parent.display()))
}
