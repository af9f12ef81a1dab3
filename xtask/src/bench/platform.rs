//! `cargo xtask bench platform`: what it takes to write a platform whose base is in the cache, and how large its root
//! is beside what mksquashfs makes of the same tree.

use std::fs;
use std::path::{Path, PathBuf};

use bedplate_sys::tool::Tool;
use bedplate_sys::usage::{Usage, measure};
use serde_json::Value;

use super::base::{PACKAGES, SUITE};
use super::{Table, good, quiet};
use crate::error::{Context, Result};
use crate::steps::{cargo, megabytes, run as run_program, step};
use crate::{setup, target, test};

const FORMATS: [&str; 3] = ["kernel+initrd+root", "uki", "raw"];

/// Measures, and prints tables of time and size.
pub fn platform() -> Result<()> {
    setup::programs()?;
    let guest = test::guest_programs()?;
    step("build the tool, optimised", || {
        run_program(cargo().args(["build", "--quiet", "--release", "-p", "bedplate"]))
    })?;
    let directory = target()?.join("bench/platform");
    fs::create_dir_all(&directory).context("make a directory")?;
    let bench = Bench {
        bedplate: target()?.join("release/bedplate"),
        guest,
        directory,
    };
    let mut table = Table::default();
    step(
        "bedplate build, the first time: the base is installed",
        || bench.build("first").map(drop),
    )?;
    step("bedplate build, one file changed", || {
        table.median("netboot set, UKI and disk, one file changed", || {
            bench.changed()
        })
    })?;
    step("bedplate build, nothing changed", || {
        table.median("the same, nothing changed", || bench.build("same"))
    })?;
    let tree = bench.unpack()?;
    step("mksquashfs", || {
        table.median("mksquashfs -comp zstd", || {
            bench.mksquashfs(&tree, "usual", &[])
        })
    })?;
    let same = ["-Xcompression-level", "6", "-b", "1M"];
    step("mksquashfs, at our settings", || {
        table.median("mksquashfs -comp zstd, level 6, 1 MiB", || {
            bench.mksquashfs(&tree, "same", &same)
        })
    })?;
    table.print_rows();
    bench.print_sizes()
}

struct Bench {
    bedplate: PathBuf,
    guest: PathBuf,
    directory: PathBuf,
}

impl Bench {
    fn out(&self, file: &str) -> PathBuf {
        self.directory.join("out").join(file)
    }

    fn build(&self, content: &str) -> Result<Usage> {
        let packages = PACKAGES.join(", ");
        let spec = format!(
            "base: {{debian: {{suite: {SUITE}, packages: [linux-image-cloud-amd64, {packages}]}}}}\n\
             kernel: {{cmdline: console=ttyS0}}\n\
             files: [{{path: etc/motd, contents: \"{content}\"}}]\n"
        );
        let file = self.directory.join("platform.yml");
        fs::write(&file, spec).context("write the spec")?;
        let tool = quiet(Tool::new("env", "coreutils"))
            .arg(&self.bedplate)
            .arg("build")
            .arg(&file)
            .args(FORMATS.iter().flat_map(|format| ["--format", format]))
            .arg("-o")
            .arg(self.directory.join("out"))
            .arg("--cache")
            .arg(self.directory.join("cache"))
            .env("BEDPLATE_GUEST_DIR", &self.guest);
        good(measure(tool).context("run bedplate")?)
    }

    fn changed(&self) -> Result<Usage> {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        self.build(&format!("changed at {}", now.as_nanos()))
    }

    /// The root as files, for others to pack.
    fn unpack(&self) -> Result<PathBuf> {
        let tree = self.directory.join("tree");
        let tool = Tool::new("unsquashfs", "squashfs-tools")
            .args(["-quiet", "-no-progress", "-force", "-dest"])
            .arg(&tree)
            .arg(self.out("platform-root.img"));
        tool.output().context("unpack the root")?;
        Ok(tree)
    }

    fn mksquashfs(&self, tree: &Path, name: &str, options: &[&str]) -> Result<Usage> {
        let tool = quiet(Tool::new("mksquashfs", "squashfs-tools"))
            .arg(tree)
            .arg(self.out(&format!("{name}.squashfs")))
            .args(["-comp", "zstd", "-noappend", "-quiet", "-no-progress"])
            .args(options);
        good(measure(tool).context("run mksquashfs")?)
    }

    fn print_sizes(&self) -> Result<()> {
        let description =
            fs::read(self.out("platform-image.json")).context("read the description")?;
        let description: Value =
            serde_json::from_slice(&description).context("read the description")?;
        let ours = |field: &str| description[field].as_u64().unwrap_or_default();
        let theirs = |name: &str| -> Result<u64> {
            let path = self.out(&format!("{name}.squashfs"));
            Ok(fs::metadata(path).context("look at the image")?.len())
        };
        println!("\n| root | size |\n|---|---|");
        for (name, size) in [
            ("bedplate", ours("dataLen")),
            ("bedplate, with the hashes of dm-verity", ours("len")),
            ("mksquashfs -comp zstd", theirs("usual")?),
            ("mksquashfs -comp zstd, level 6, 1 MiB", theirs("same")?),
        ] {
            println!("| {name} | {} |", megabytes(size));
        }
        Ok(())
    }
}
