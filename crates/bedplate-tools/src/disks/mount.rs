//! `mount`: a file system at a place that the host sees.
//!
//! A container sees the host's `/var` as a shared mount, so that what is mounted below it appears in the host and in
//! the containers that start later. A place that is not shared would be filled for this container only: it is refused.

use std::fs;
use std::path::{Path, PathBuf};

use bedplate_sys::mounting;

use super::Wanted;
use crate::error::Error;
use crate::options::Options;
use crate::{Result, say};

/// What to mount (`LABEL=…`, `UUID=…`, a device), where, with which options (as `mount -o`), and how long to wait for it.
pub const OPTIONS: &[&str] = &["what", "at", "options", "wait"];

/// Does it.
pub fn run(options: &Options) -> Result<()> {
    let wanted = Wanted::parse(options.need("what")?)?;
    let at = place(options.need("at")?)?;
    let table = fs::read_to_string("/proc/self/mountinfo").map_err(Error::io("read the mounts"))?;
    check_shared(&table, &at)?;
    let (device, found) = wanted.find(options.seconds("wait", 10)?)?;
    if found.kind == "swap" {
        return Err(Error::refused(
            format!("{wanted} is swap space, which cannot be mounted"),
            "",
        ));
    }
    fs::create_dir_all(&at).map_err(Error::io(format!("make {}", at.display())))?;
    let words: Vec<&str> = options
        .get("options")
        .unwrap_or("noatime")
        .split(',')
        .collect();
    let source = device.path().to_string_lossy().into_owned();
    mounting::mount(&source, &at, found.kind, &mounting::parse_options(&words))
        .map_err(Error::io(format!("mount {source} at {}", at.display())))?;
    say(format!("{source} ({}) is at {}", found.kind, at.display()));
    Ok(())
}

fn place(text: &str) -> Result<PathBuf> {
    let path = Path::new(text);
    let plain = path.components().all(|part| {
        matches!(
            part,
            std::path::Component::RootDir | std::path::Component::Normal(_)
        )
    });
    if path.is_absolute() && plain && path.parent().is_some() {
        return Ok(path.to_owned());
    }
    Err(Error::Usage(format!(
        "`{text}` is not an absolute path below `/`"
    )))
}

/// Does the mount that `at` lies in pass mounts on to the host (proc_pid_mountinfo(5), the optional field `shared`)?
fn check_shared(mountinfo: &str, at: &Path) -> Result<()> {
    let holder = mountinfo
        .lines()
        .filter_map(|line| {
            let (before, _) = line.split_once(" - ")?;
            let fields: Vec<&str> = before.split(' ').collect();
            let point = fields.get(4)?.replace("\\040", " ");
            let is_shared = fields
                .get(6..)?
                .iter()
                .any(|field| field.starts_with("shared:"));
            at.starts_with(&point).then_some((point, is_shared))
        })
        // Of two mounts at one place the later lies above.
        .max_by_key(|(point, _)| point.len());
    match holder {
        Some((point, true)) if point != "/" => Ok(()),
        _ => Err(Error::refused(
            format!(
                "{} is not shared with the host, which would not see the mount",
                at.display()
            ),
            "choose a place below /var",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &str = "\
22 1 0:20 / / rw,relatime - overlay overlay rw
23 22 0:21 / /dev rw shared:3 master:2 - devtmpfs dev rw
24 22 0:22 / /var rw,nosuid shared:5 - tmpfs tmpfs rw
25 24 0:23 / /var/private rw - tmpfs tmpfs rw
";

    #[test]
    fn only_a_place_that_the_host_sees_is_taken() {
        let shared = |at: &str| check_shared(MOUNTINFO, Path::new(at)).is_ok();
        assert!(shared("/var/lib/data"));
        assert!(shared("/var"));
        assert!(!shared("/srv"));
        assert!(!shared("/variable"));
        assert!(!shared("/var/private/x"));
    }

    #[test]
    fn a_place_is_absolute_and_plain() {
        assert!(place("/var/lib/data").is_ok());
        for bad in ["var/lib", "/", "/var/../etc", ""] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }
}
