//! `cargo xtask bench base`: how long the packages of a base take, and how long mmdebstrap takes for the same.
//!
//! Both have all package files at hand, and both run as an ordinary user does, or as root, as this does. mmdebstrap
//! fetches the package lists each time, so one row of ours does too. Memory is that of the largest process: what the
//! root in memory takes comes on top of ours.

use std::fs;
use std::path::{Path, PathBuf};

use bedplate_sys::tool::Tool;
use bedplate_sys::usage::{Usage, measure};
use serde_json::Value;

use super::{Table, good, quiet};
use crate::error::{Context, Result};
use crate::steps::{cargo, run as run_program, step};
use crate::{setup, target};

pub(super) const SUITE: &str = "trixie";
/// What a platform has, without its kernel.
pub(super) const PACKAGES: [&str; 13] = [
    "ca-certificates",
    "dbus",
    "iproute2",
    "kmod",
    "libnss-myhostname",
    "libnss-resolve",
    "nftables",
    "openssh-server",
    "systemd",
    "systemd-container",
    "systemd-resolved",
    "systemd-sysv",
    "udev",
];

/// Measures, and prints one table.
pub fn base() -> Result<()> {
    setup::programs()?;
    step("build the tool, optimised", || {
        run_program(cargo().args(["build", "--quiet", "--release", "-p", "bedplate"]))
    })?;
    let directory = target()?.join("bench/base");
    fs::create_dir_all(&directory).context("make a directory")?;
    let bench = Bench {
        bedplate: target()?.join("release/bedplate"),
        directory,
    };
    bench.write_spec()?;
    step("bedplate lock: packages are fetched", || bench.lock())?;
    let archives = bench.archives()?;
    let mut table = Table::default();
    step("bedplate, from package files", || {
        table.median("bedplate, lists at hand", || bench.bedplate(&[]))
    })?;
    step("bedplate, lists fetched", || {
        table.median("bedplate, lists fetched", || {
            bench.bedplate(&["--pull", "always"])
        })
    })?;
    step("mmdebstrap", || {
        table.median("mmdebstrap", || bench.mmdebstrap(&archives))
    })?;
    table.print_rows();
    Ok(())
}

struct Bench {
    bedplate: PathBuf,
    directory: PathBuf,
}

impl Bench {
    fn cache(&self) -> PathBuf {
        self.directory.join("cache")
    }

    fn write_spec(&self) -> Result<()> {
        let packages = PACKAGES.join(", ");
        let spec = format!("base: {{debian: {{suite: {SUITE}, packages: [{packages}]}}}}\n");
        fs::write(self.directory.join("base.yml"), spec).context("write the spec")
    }

    fn tool(&self, command: &str) -> Tool {
        quiet(Tool::new("env", "coreutils"))
            .arg(&self.bedplate)
            .arg("--cache")
            .arg(self.cache())
            .arg(command)
            .arg(self.directory.join("base.yml"))
    }

    fn lock(&self) -> Result<()> {
        self.tool("lock").output().context("run bedplate lock")?;
        Ok(())
    }

    /// The base step alone: a plan takes it, and nothing is built.
    fn bedplate(&self, extra: &[&str]) -> Result<Usage> {
        for made in ["image", "derived"] {
            let refs = self.cache().join("refs").join(made);
            if refs.exists() {
                fs::remove_dir_all(&refs).context("forget the base")?;
            }
        }
        let tool = self.tool("build").arg("--dry-run").args(extra);
        good(measure(tool).context("run bedplate")?)
    }

    fn mmdebstrap(&self, archives: &Path) -> Result<Usage> {
        let archives = archives.display();
        let fill = format!(
            "mkdir -p \"$1/var/cache/apt/archives\"; cp {archives}/*.deb \"$1/var/cache/apt/archives/\""
        );
        let tool = quiet(Tool::new("mmdebstrap", "mmdebstrap"))
            .args(["--quiet", "--variant=essential"])
            .arg(format!("--include={}", PACKAGES.join(",")))
            .arg(format!("--setup-hook={fill}"))
            .arg(SUITE)
            .arg(self.directory.join("mmdebstrap.tar"))
            .arg(self.sources_list()?);
        good(measure(tool).context("run mmdebstrap")?)
    }

    /// What apt was told for the base.
    fn sources_list(&self) -> Result<PathBuf> {
        let work = fs::read_dir(self.cache().join("work")).context("look into the cache")?;
        let lists = work
            .flatten()
            .map(|entry| entry.path().join("sources.list"));
        let found = lists.into_iter().find(|path| path.exists());
        Ok(found.ok_or_else(|| "the cache has no sources.list".to_owned())?)
    }

    /// The package files under the names that apt's own cache gives them.
    fn archives(&self) -> Result<PathBuf> {
        let directory = self.directory.join("archives");
        fs::create_dir_all(&directory).context("make a directory")?;
        let lock = fs::read(self.directory.join("base.lock")).context("read the lock")?;
        let lock: Value = serde_json::from_slice(&lock).context("read the lock")?;
        let sets = lock["packages"].as_object().into_iter().flatten();
        for package in sets
            .filter_map(|(_, set)| set["packages"].as_array())
            .flatten()
        {
            let field = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
            let version = field("version").replace(':', "%3a");
            let name = format!("{}_{version}_{}.deb", field("name"), field("arch"));
            let hex = field("sha256").replace("sha256:", "");
            let object = self.cache().join("objects").join(&hex[..2]).join(&hex[2..]);
            fs::copy(object, directory.join(name)).context("copy a package")?;
        }
        Ok(directory)
    }
}
