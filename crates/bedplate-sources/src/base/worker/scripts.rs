//! Maintainer scripts, run as dpkg runs them and, but for preinst, by it (Debian policy 6).

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;

use bedplate_sys::sandbox::{self, Ran};

use super::super::job::{Complaint, ComplaintKind};
use super::database::{DPKG, info_name};
use super::failed;
use super::unpacking::Package;

/// Says that no service may be started (invoke-rc.d(8)).
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// Packages whose preinst must come before all others: it makes the users that others name.
const FIRST: &str = "base-passwd";
/// The status of a package with which all is well.
const INSTALLED: &str = "Status: install ok installed";
/// How many lines of a script's output are shown.
const SHOWN: usize = 20;

/// Brings packages that are unpacked, and `archives` that are not, to `installed`.
pub(super) fn install(
    packages: &[Package],
    archives: &[String],
    epoch: u64,
) -> Result<(), Complaint> {
    let epoch = epoch.to_string();
    let environment = environment(&epoch);
    let policy = "#!/bin/sh\nexit 101\n";
    fs::write(POLICY, policy)
        .and_then(|()| fs::set_permissions(POLICY, Permissions::from_mode(0o755)))
        .map_err(failed("write policy-rc.d"))?;
    for package in in_order(packages) {
        preinst(package, &environment)?;
    }
    let dpkg = |arguments: &[&str]| {
        let mut all = vec!["--force-unsafe-io", "--abort-after=1000000"];
        all.extend(arguments);
        sandbox::run("dpkg", &all, &environment, "").map_err(failed("start dpkg"))
    };
    if !archives.is_empty() {
        // What fails here, for want of a package that is not unpacked yet, is tried again below.
        dpkg(&["--configure", "--pending"])?;
        let mut unpack = vec!["--unpack"];
        unpack.extend(archives.iter().map(String::as_str));
        told(dpkg(&unpack)?)?;
    }
    told(dpkg(&["--configure", "--pending"])?)?;
    let status =
        fs::read_to_string(format!("{DPKG}/status")).map_err(failed("read dpkg's status"))?;
    let left = not_installed(&status);
    if !left.is_empty() {
        let message = format!("dpkg left packages unconfigured: {}", left.join(", "));
        return Err(complaint(&message, ""));
    }
    fs::remove_file(POLICY).map_err(failed("remove policy-rc.d"))
}

fn environment(epoch: &str) -> Vec<(&str, &str)> {
    vec![
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("HOME", "/root"),
        ("LC_ALL", "C.UTF-8"),
        ("TERM", "dumb"),
        ("TZ", "UTC"),
        ("DEBIAN_FRONTEND", "noninteractive"),
        ("DEBCONF_NONINTERACTIVE_SEEN", "true"),
        ("SOURCE_DATE_EPOCH", epoch),
        // The order of hash tables shows in what some scripts write.
        ("PERL_HASH_SEED", "0"),
        ("PYTHONHASHSEED", "0"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ]
}

/// What others run on comes first.
fn in_order(packages: &[Package]) -> Vec<&Package> {
    let mut order: Vec<&Package> = packages
        .iter()
        .filter(|package| package.files.contains_key("preinst"))
        .collect();
    order.sort_by_key(|package| {
        let name = package.name.as_str();
        (name != FIRST, !package.is_first, name)
    });
    order
}

fn preinst(package: &Package, environment: &[(&str, &str)]) -> Result<(), Complaint> {
    let script = format!("{DPKG}/info/{}.preinst", info_name(package));
    let arch = package.fields.get("Architecture").unwrap_or_default();
    let mut all = environment.to_vec();
    all.extend([
        ("DPKG_ADMINDIR", DPKG),
        ("DPKG_ROOT", ""),
        ("DPKG_MAINTSCRIPT_NAME", "preinst"),
        ("DPKG_MAINTSCRIPT_PACKAGE", &package.name),
        ("DPKG_MAINTSCRIPT_ARCH", arch),
        ("DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT", "1"),
    ]);
    let ran = sandbox::run(&script, &["install"], &all, "");
    let ran = ran.map_err(|error: io::Error| Complaint {
        kind: ComplaintKind::Package,
        message: format!("the preinst of {} cannot be started: {error}", package.name),
        output: String::new(),
    })?;
    if ran.status.success() {
        return Ok(());
    }
    let message = format!("the preinst of {} failed ({})", package.name, ran.status);
    Err(complaint(&message, &ran.output))
}

/// What dpkg did, unless it failed: then, which packages' scripts did.
fn told(ran: Ran) -> Result<(), Complaint> {
    if ran.status.success() {
        return Ok(());
    }
    let failing = failing_packages(&ran.output);
    let message = match failing.as_slice() {
        [] => format!("dpkg failed ({})", ran.status),
        [one] => format!("a maintainer script of {one} failed"),
        // Those after the first mostly fail because of it.
        [first, rest @ ..] => {
            format!(
                "a maintainer script of {first} failed, and with it {}",
                rest.join(", ")
            )
        }
    };
    Err(complaint(&message, &ran.output))
}

/// The packages that dpkg could not process, in its order.
fn failing_packages(output: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for line in output.lines() {
        let rest = line
            .strip_prefix("dpkg: error processing package ")
            .or_else(|| line.strip_prefix("dpkg: error processing archive "));
        if let Some(name) = rest.and_then(|rest| rest.split(' ').next())
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// The packages of a status file that are in any other state than installed.
fn not_installed(status: &str) -> Vec<&str> {
    let paragraphs = status.split("\n\n");
    paragraphs
        .filter(|paragraph| !paragraph.lines().any(|line| line == INSTALLED))
        .filter_map(|paragraph| {
            paragraph
                .lines()
                .find_map(|line| line.strip_prefix("Package: "))
        })
        .collect()
}

fn complaint(message: &str, output: &str) -> Complaint {
    let lines: Vec<&str> = output.lines().collect();
    // dpkg goes on with other packages after the first failure, which is the one to see.
    let failure = lines
        .iter()
        .position(|line| line.starts_with("dpkg: error processing"));
    let end = failure.map_or(lines.len(), |line| lines.len().min(line + 2));
    Complaint {
        kind: ComplaintKind::Package,
        message: message.to_owned(),
        output: lines[end.saturating_sub(SHOWN)..end].join("\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dpkg_says_whose_script_failed() {
        let output = "\
Setting up bad (1) ...
it is all wrong
dpkg: error processing package bad (--configure):
 installed bad package post-installation script subprocess returned error exit status 3
dpkg: dependency problems prevent configuration of good:
dpkg: error processing package good (--configure):
 dependency problems - leaving unconfigured
Errors were encountered while processing:
 bad
 good
";
        assert_eq!(failing_packages(output), ["bad", "good"]);
        let shown = complaint("x", output).output;
        assert!(shown.ends_with("returned error exit status 3"), "{shown}");
        assert!(shown.contains("it is all wrong"), "{shown}");
    }
}
