//! `metadata`: what the cloud, or whoever attached a disk, says of this machine.
//!
//! ```text
//! /run/config/provider              who said it
//! /run/config/hostname              the machine's name
//! /run/config/ssh/authorized_keys   public keys, one a line
//! /run/config/userdata              user data, as it came
//! /run/config/NAME…                 user data that is JSON in LinuxKit's form, as files
//! ```
//!
//! These are LinuxKit's places. A disk is looked for first; then the service of the cloud that the firmware names is
//! asked, and no other: an address that means something elsewhere is not asked on trust. Nothing found is no failure.

mod disk;
mod http;
mod services;
mod tree;

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::Error;
use crate::options::Options;
use crate::{Result, say};
use services::Service;

/// Who is asked (`auto`, `disk` or the name of a service), where the files go, whether the host gets its name, how long
/// a service may take, and for tests where it is and where the machine is described.
pub const OPTIONS: &[&str] = &["provider", "into", "hostname", "wait", "base", "sys"];

/// What was said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The machine's name.
    pub hostname: Option<String>,
    /// Public keys of whoever may log in.
    pub keys: Vec<String>,
    /// User data.
    pub userdata: Option<Vec<u8>>,
}

/// Does it.
pub fn run(options: &Options) -> Result<()> {
    let asked = options.get("provider").unwrap_or("auto");
    let into = Path::new(options.get("into").unwrap_or("/run/config"));
    let sets_hostname = match options.get("hostname").unwrap_or("set") {
        "set" => true,
        "keep" => false,
        other => {
            return Err(Error::Usage(format!(
                "`--hostname={other}` is not set or keep"
            )));
        }
    };
    let found = match asked {
        "disk" => disk::read()?.map(|found| ("disk", found)),
        "auto" => match disk::read()? {
            Some(found) => Some(("disk", found)),
            None => {
                let sys = Path::new(options.get("sys").unwrap_or("/sys"));
                match services::of_machine(sys) {
                    Some(service) => Some((service.name, ask(service, options)?)),
                    None => None,
                }
            }
        },
        name => match services::named(name) {
            Some(service) => Some((service.name, ask(service, options)?)),
            None => {
                return Err(Error::Usage(format!(
                    "`--provider={name}` is not auto, disk, {}",
                    services::names().join(", ")
                )));
            }
        },
    };
    let Some((provider, metadata)) = found else {
        say("no disk with metadata is there, and the firmware names no known cloud");
        return Ok(());
    };
    say(format!(
        "{provider}: hostname {}, {} keys, {} bytes of user data",
        metadata.hostname.as_deref().unwrap_or("none"),
        metadata.keys.len(),
        metadata.userdata.as_ref().map_or(0, Vec::len)
    ));
    write(into, provider, &metadata)?;
    match metadata.hostname.filter(|_| sets_hostname) {
        Some(name) => {
            bedplate_sys::machine::set_hostname(&name).map_err(Error::io("set the host's name"))
        }
        None => Ok(()),
    }
}

fn ask(service: &Service, options: &Options) -> Result<Metadata> {
    let base = options.get("base").unwrap_or(services::BASE);
    let client = http::Client::new(base, options.seconds("wait", 60)?)?;
    let metadata = (service.ask)(&client)?;
    Ok(clean(metadata))
}

/// Only what can be a host name, and keys that are one line each.
fn clean(metadata: Metadata) -> Metadata {
    let is_line = |key: &String| !key.is_empty() && !key.contains(char::is_control);
    let keys = metadata.keys.iter().map(|key| key.trim().to_owned());
    Metadata {
        hostname: metadata
            .hostname
            .map(|name| name.trim().to_owned())
            .filter(|name| is_hostname(name)),
        keys: keys.filter(is_line).collect(),
        userdata: metadata.userdata.filter(|data| !data.is_empty()),
    }
}

/// Is it a name that hostname(7) allows?
fn is_hostname(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 64 && name.split('.').all(is_label)
}

fn write(into: &Path, provider: &str, metadata: &Metadata) -> Result<()> {
    let place = |name: &str, bytes: &[u8], mode: u32| {
        let path = into.join(name);
        write_file(&path, bytes, mode).map_err(Error::io(format!("write {}", path.display())))
    };
    if let Some(name) = &metadata.hostname {
        place("hostname", format!("{name}\n").as_bytes(), 0o644)?;
    }
    if !metadata.keys.is_empty() {
        let keys = metadata.keys.join("\n") + "\n";
        place("ssh/authorized_keys", keys.as_bytes(), 0o600)?;
    }
    if let Some(data) = &metadata.userdata {
        place("userdata", data, 0o600)?;
        match tree::files(data) {
            Ok(files) => {
                for file in files {
                    place(&file.path, file.contents.as_bytes(), file.mode)?;
                }
            }
            Err(wrong) => say(format!("the user data is not made into files: {wrong}")),
        }
    }
    // Last, so that whoever waits for it finds the rest.
    place("provider", format!("{provider}\n").as_bytes(), 0o644)
}

/// Writes a file beside its place, then there.
fn write_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent)?;
    let beside = parent.join(format!(
        ".{}.new",
        path.file_name().unwrap_or_default().to_string_lossy()
    ));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&beside)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    io::Write::write_all(&mut file, bytes)?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_do_harm_is_left_out() {
        let cleaned = clean(Metadata {
            hostname: Some("a b\n".into()),
            keys: vec!["ssh-ed25519 A me ".into(), "x\ny".into(), String::new()],
            userdata: Some(Vec::new()),
        });
        let keys = vec!["ssh-ed25519 A me".to_owned()];
        assert_eq!(
            cleaned,
            Metadata {
                keys,
                ..Metadata::default()
            }
        );
        for (name, good) in [
            ("web-1.example.org", true),
            ("-a", false),
            ("a..b", false),
            ("../x", false),
        ] {
            assert_eq!(is_hostname(name), good, "{name}");
        }
    }
}
