//! `cargo xtask bench build`: how long `bedplate build` takes for an image of real size, and how much memory.
//!
//! In one run, on the same input: cold and warm builds, and beside them two programs that do one part of the work
//! each. Medians of three. LinuxKit's figures are quoted: its images cannot be had on every machine.

mod base;
mod input;
mod platform;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bedplate_sys::tool::Tool;
use bedplate_sys::usage::{Usage, measure};

use crate::error::{Context, Error, Result};
use crate::steps::{cargo, megabytes, run as run_program, step};
use crate::{setup, target, test};
use input::Input;

pub use base::base;
pub use platform::platform;

const RUNS: usize = 3;

/// LinuxKit at commit 3bf33c3a1 (2026-03-27), `kernel+initrd` of a 347 MB root file system from a warm cache, on
/// two cores: median of three. It has no cache of derived data, so a changed file costs the same.
const LINUXKIT: (&str, f64, u64) = ("LinuxKit, warm cache (quoted)", 9.09, 1_070_000_000);

/// Measures, and prints one table.
pub fn build() -> Result<()> {
    setup::programs()?;
    let directory = target()?.join("bench");
    let input = Input::ensure(&directory)?;
    let guest = test::guest_programs()?;
    step("build the tool, optimised", || {
        run_program(cargo().args(["build", "--quiet", "--release", "-p", "bedplate"]))
    })?;
    let bench = Bench {
        bedplate: target()?.join("release/bedplate"),
        guest,
        directory,
        input,
    };
    let mut table = Table::default();
    step(
        "bedplate build, the first time: packages and layers are fetched",
        || bench.build("first").map(|_| ()),
    )?;
    step("bedplate build, nothing compressed yet", || {
        table.median("bedplate, warm cache, cold segments", || bench.cold())
    })?;
    step("bedplate build, one file changed", || {
        table.median("bedplate, one `files:` entry changed", || bench.changed())
    })?;
    step("bedplate build, nothing changed", || {
        table.median("bedplate, nothing changed", || bench.build("same"))
    })?;
    step("gzip -dc of the layer", || {
        table.median("gzip -dc of the layer", || bench.gzip())
    })?;
    let cpio = bench.cpio()?;
    step("zstd -3 -T2 of the cpio", || {
        table.median("zstd -3 -T2 of the cpio", || bench.zstd(&cpio))
    })?;
    table.print(&bench)
}

struct Bench {
    bedplate: PathBuf,
    guest: PathBuf,
    directory: PathBuf,
    input: Input,
}

impl Bench {
    fn cache(&self) -> PathBuf {
        self.directory.join("cache")
    }

    fn build(&self, content: &str) -> Result<Usage> {
        self.build_with(content, &[])
    }

    fn build_with(&self, content: &str, extra: &[&str]) -> Result<Usage> {
        let spec = self.input.spec(content)?;
        let mut tool = Tool::new("env", "coreutils")
            .arg(&self.bedplate)
            .arg("build")
            .arg(&spec)
            .args(extra);
        tool = tool
            .args(["--name", "big", "-o"])
            .arg(self.directory.join("out"));
        let tool = tool
            .env("XDG_CACHE_HOME", self.cache())
            .env("BEDPLATE_GUEST_DIR", &self.guest);
        good(measure(quiet(tool)).context("run bedplate")?)
    }

    /// With everything in the cache but derived data.
    fn cold(&self) -> Result<Usage> {
        let segments = self.cache().join("bedplate/segments");
        if segments.exists() {
            fs::remove_dir_all(&segments).context("remove the cached segments")?;
        }
        self.build("same")
    }

    fn changed(&self) -> Result<Usage> {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        self.build(&format!("changed at {}", now.as_nanos()))
    }

    fn gzip(&self) -> Result<Usage> {
        good(
            measure(quiet(
                Tool::new("gzip", "gzip").arg("-dc").arg(self.input.layer()),
            ))
            .context("run gzip")?,
        )
    }

    fn zstd(&self, cpio: &Path) -> Result<Usage> {
        let tool = Tool::new("zstd", "zstd")
            .args(["-q", "-3", "-T2", "-c"])
            .arg(cpio);
        good(measure(quiet(tool)).context("run zstd")?)
    }

    /// The initrd without compression.
    fn cpio(&self) -> Result<PathBuf> {
        let there = self.directory.join("out/big-initrd.img");
        let size = fs::metadata(&there).context("look at the initrd")?.len();
        let cpio = self.directory.join("big.cpio");
        self.build_with("same", &["--compression", "none"])?;
        fs::rename(&there, &cpio).context("keep the uncompressed initrd")?;
        fs::write(self.directory.join("initrd-size"), size.to_string())?;
        Ok(cpio)
    }
}

fn quiet(mut tool: Tool) -> Tool {
    tool.command().stdout(std::process::Stdio::null());
    tool
}

fn good(usage: Usage) -> Result<Usage> {
    if usage.success {
        Ok(usage)
    } else {
        Err(Error::from(
            "the program that was measured failed".to_owned(),
        ))
    }
}

#[derive(Default)]
struct Table(Vec<(&'static str, Usage)>);

impl Table {
    fn median(&mut self, name: &'static str, run: impl Fn() -> Result<Usage>) -> Result<()> {
        let mut runs = (0..RUNS).map(|_| run()).collect::<Result<Vec<_>>>()?;
        runs.sort_by_key(|usage| usage.wall);
        self.0.push((name, runs[RUNS / 2]));
        Ok(())
    }

    fn print(&self, bench: &Bench) -> Result<()> {
        let size = |path: &Path| {
            fs::metadata(path)
                .map(|meta| megabytes(meta.len()))
                .context("look at the input")
        };
        let initrd = fs::read_to_string(bench.directory.join("initrd-size"))?
            .parse()
            .unwrap_or_default();
        println!(
            "\nroot file system {}, layer {}, initrd {}",
            size(&bench.input.rootfs())?,
            size(&bench.input.layer())?,
            megabytes(initrd)
        );
        self.print_rows();
        let (name, wall, memory) = LINUXKIT;
        println!("| {name} | {wall:.2} | – | – | {} |", megabytes(memory));
        Ok(())
    }

    fn print_rows(&self) {
        println!("\n| work | wall s | user s | sys s | memory |\n|---|---|---|---|---|");
        for (name, usage) in &self.0 {
            let [wall, user, system] =
                [usage.wall, usage.user, usage.system].map(|time: Duration| time.as_secs_f64());
            println!(
                "| {name} | {wall:.2} | {user:.2} | {system:.2} | {} |",
                megabytes(usage.memory)
            );
        }
    }
}
