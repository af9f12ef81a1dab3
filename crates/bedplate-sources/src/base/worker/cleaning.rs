//! Takes away what differs from one installation of the same packages to the next, and what belongs to one
//! machine only.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Files that go; a `*` at the end stands for any rest of the name.
const REMOVED: [&str; 24] = [
    "/boot/initrd.img-*",
    "/etc/.pwd.lock",
    "/etc/group-",
    "/etc/gshadow-",
    "/etc/passwd-",
    "/etc/shadow-",
    "/etc/ssh/ssh_host_*",
    "/etc/subgid-",
    "/etc/subuid-",
    "/initrd.img*",
    "/var/cache/apt/*",
    "/var/cache/debconf/*",
    "/var/cache/ldconfig/*",
    "/var/cache/man/*",
    "/var/lib/apt/lists/*",
    "/var/lib/dbus/machine-id",
    "/var/lib/dpkg/available",
    "/var/lib/dpkg/lock*",
    "/var/lib/dpkg/triggers/Lock",
    "/var/lib/dpkg/updates/*",
    "/var/lib/systemd/credential.secret",
    "/var/lib/systemd/random-seed",
    "/var/lib/urandom/random-seed",
    "/vmlinuz*",
];
/// Directories whose files of the name `*-old` go.
const OLD: [&str; 2] = ["/var/lib/dpkg", "/var/lib/ucf"];
/// Logs of the installation; other files of the directory are emptied.
const LOGS: &str = "/var/log";
const INSTALLATION_LOGS: [&str; 5] = [
    "alternatives.log",
    "apt",
    "bootstrap.log",
    "dpkg.log",
    "fontconfig.log",
];
const DAY: u64 = 24 * 3600;

/// Cleans the root. `epoch` stands for the time of the installation.
pub(super) fn clean(epoch: u64) -> io::Result<()> {
    for pattern in REMOVED {
        for path in matching(pattern)? {
            remove(&path)?;
        }
    }
    for directory in OLD {
        for path in matching(&format!("{directory}/*"))? {
            if path.as_os_str().as_encoded_bytes().ends_with(b"-old") {
                remove(&path)?;
            }
        }
    }
    for name in INSTALLATION_LOGS {
        remove(&Path::new(LOGS).join(name))?;
    }
    empty_files(Path::new(LOGS))?;
    remove_byte_code(Path::new("/usr"))?;
    // systemd writes a new one at the first boot, and needs the file to be there for that.
    File::create("/etc/machine-id")?;
    for file in ["/etc/shadow", "/etc/gshadow"] {
        if let Some(text) = optional(fs::read_to_string(file))? {
            let kept = if file == "/etc/shadow" {
                shadow(&text, epoch / DAY)
            } else {
                text
            };
            fs::write(file, kept)?;
        }
    }
    Ok(())
}

/// The file with the last change of each password on `day`, and root locked unless it is (shadow(5)).
fn shadow(text: &str, day: u64) -> String {
    let line = |line: &str| {
        let mut fields: Vec<String> = line.split(':').map(str::to_owned).collect();
        if let [name, password, changed, ..] = fields.as_mut_slice() {
            if name == "root" && !password.starts_with(['*', '!']) {
                *password = "*".to_owned();
            }
            if !changed.is_empty() {
                *changed = day.to_string();
            }
        }
        fields.join(":") + "\n"
    };
    text.lines().map(line).collect()
}

fn matching(pattern: &str) -> io::Result<Vec<PathBuf>> {
    let path = Path::new(pattern);
    let Some(start) = pattern.strip_suffix('*') else {
        return Ok(vec![path.to_owned()]);
    };
    let parent = path.parent().unwrap_or(Path::new("/"));
    let Some(entries) = optional(fs::read_dir(parent))? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path
            .as_os_str()
            .as_encoded_bytes()
            .starts_with(start.as_bytes())
        {
            found.push(path);
        }
    }
    Ok(found)
}

/// Removes a file or a tree, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    let Some(meta) = optional(fs::symlink_metadata(path))? else {
        return Ok(());
    };
    if meta.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    }
}

fn empty_files(directory: &Path) -> io::Result<()> {
    for entry in optional(fs::read_dir(directory))?.into_iter().flatten() {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            empty_files(&entry.path())?;
        } else if kind.is_file() {
            File::options()
                .write(true)
                .truncate(true)
                .open(entry.path())?;
        }
    }
    Ok(())
}

/// Python's compiled modules hold times of their sources, and are made again where they may be.
fn remove_byte_code(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        if entry.file_name() == "__pycache__" {
            fs::remove_dir_all(entry.path())?;
        } else {
            remove_byte_code(&entry.path())?;
        }
    }
    Ok(())
}

fn optional<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_change_on_the_day_of_the_packages_and_root_has_none() {
        let text = "root::20000:0:99999:7:::\nsshd:!:20001::::::\nroot2:*::0:\n";
        insta::assert_snapshot!(shadow(text, 5), @r"
        root:*:5:0:99999:7:::
        sshd:!:5::::::
        root2:*::0:
        ");
    }
}
