//! dpkg's database, as dpkg would have written it after unpacking (deb(5), `/var/lib/dpkg`).
//!
//! ```text
//! status                       a paragraph a package: `install ok unpacked`
//! info/format                  1
//! info/NAME[:ARCH].list        its paths; with the architecture where it may be there for several
//! info/NAME[:ARCH].*           its control files
//! triggers/File                PATH NAME[/noawait]
//! triggers/TRIGGER             NAME[/noawait]
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;

use super::super::job::Job;
use super::choosing::names;
use super::unpacking::Package;

/// Where it is.
pub(super) const DPKG: &str = "/var/lib/dpkg";

/// Control files that are scripts.
const SCRIPTS: [&str; 5] = ["config", "postinst", "postrm", "preinst", "prerm"];
/// What the stand-in for an initramfs generator provides.
const STOOD_IN: &str = "linux-initramfs-tool";

/// Writes the database of packages that are unpacked.
pub(super) fn write(packages: &[Package], job: &Job) -> io::Result<()> {
    for directory in ["info", "triggers", "updates", "alternatives", "parts"] {
        fs::create_dir_all(format!("{DPKG}/{directory}"))?;
    }
    fs::write(format!("{DPKG}/info/format"), "1\n")?;
    fs::write(format!("{DPKG}/arch"), format!("{}\n", job.arch))?;
    fs::write(format!("{DPKG}/available"), "")?;
    let mut status = String::new();
    for package in packages {
        status += &paragraph(package);
        write_info(package)?;
    }
    if packages.iter().any(wants_stand_in) {
        status += &job.stand_in;
        let name = job
            .stand_in
            .lines()
            .find_map(|line| line.strip_prefix("Package: "));
        let info = format!("{DPKG}/info/{}", name.unwrap_or_default());
        fs::write(format!("{info}.list"), "/.\n")?;
        fs::write(format!("{info}.md5sums"), "")?;
    }
    fs::write(format!("{DPKG}/status"), status)?;
    write_triggers(packages)
}

fn wants_stand_in(package: &Package) -> bool {
    let depends = package.fields.get("Depends").unwrap_or_default();
    names(depends).any(|name| name == STOOD_IN)
}

/// The name that dpkg's files have: of a package that may be there for several architectures, one each.
pub(super) fn info_name(package: &Package) -> String {
    match package.fields.get("Multi-Arch") {
        Some("same") => {
            let arch = package.fields.get("Architecture").unwrap_or_default();
            format!("{}:{arch}", package.name)
        }
        _ => package.name.clone(),
    }
}

fn paragraph(package: &Package) -> String {
    let control = package.files.get("control").map(Vec::as_slice);
    let control = String::from_utf8_lossy(control.unwrap_or_default());
    let mut text = String::new();
    for line in control.lines().filter(|line| !line.trim().is_empty()) {
        let _ = writeln!(text, "{line}");
        if line.starts_with("Package:") {
            text += "Status: install ok unpacked\n";
        }
    }
    let conffiles = package.conffiles();
    if !conffiles.is_empty() {
        text += "Conffiles:\n";
        for path in conffiles {
            let _ = writeln!(text, " /{path} newconffile");
        }
    }
    text + "\n"
}

fn write_info(package: &Package) -> io::Result<()> {
    let name = info_name(package);
    let mut list = Vec::new();
    for path in &package.list {
        list.push(b'/');
        list.extend_from_slice(if path.is_root() {
            b"."
        } else {
            path.as_bytes()
        });
        list.push(b'\n');
    }
    fs::write(format!("{DPKG}/info/{name}.list"), list)?;
    for (file, bytes) in &package.files {
        if file == "control" {
            continue;
        }
        let path = format!("{DPKG}/info/{name}.{file}");
        fs::write(&path, bytes)?;
        if SCRIPTS.contains(&file.as_str()) {
            fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// Who is interested in what (deb-triggers(5)). A trigger with a slash is a path.
fn write_triggers(packages: &[Package]) -> io::Result<()> {
    let mut files = String::new();
    let mut named: BTreeMap<&str, String> = BTreeMap::new();
    for package in packages {
        let text = package
            .files
            .get("triggers")
            .map(Vec::as_slice)
            .unwrap_or_default();
        let Ok(text) = std::str::from_utf8(text) else {
            continue;
        };
        for line in text.lines() {
            let mut words = line
                .split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace();
            let (Some(how), Some(trigger)) = (words.next(), words.next()) else {
                continue;
            };
            let waits = match how {
                "interest" | "interest-await" => "",
                "interest-noawait" => "/noawait",
                _ => continue,
            };
            let name = info_name(package);
            let _ = match trigger.starts_with('/') {
                true => writeln!(files, "{trigger} {name}{waits}"),
                false => writeln!(named.entry(trigger).or_default(), "{name}{waits}"),
            };
        }
    }
    fs::write(format!("{DPKG}/triggers/File"), files)?;
    fs::write(format!("{DPKG}/triggers/Unincorp"), "")?;
    for (trigger, text) in named {
        fs::write(format!("{DPKG}/triggers/{trigger}"), text)?;
    }
    Ok(())
}
