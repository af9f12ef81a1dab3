//! Metadata on a disk with a label: NoCloud (`cidata`) and OpenStack's config drive (`config-2`).
//!
//! ```text
//! cidata     /meta-data                            local-hostname, public-keys (YAML or JSON)
//!            /user-data
//! config-2   /openstack/latest/meta_data.json      as the HTTP service has it
//!            /openstack/latest/user_data
//! ```

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use bedplate_sys::mounting::{self, Unmount, flag};
use serde_json::Value;

use super::{Metadata, clean, services};
use crate::Result;
use crate::disks::Wanted;
use crate::error::Error;

/// Largest file that is read.
const LARGEST: u64 = 1 << 20;

/// Labels of such disks. Tools of DOS write them in capitals.
const LABELS: [&str; 4] = ["cidata", "CIDATA", "config-2", "CONFIG-2"];

/// Reads the first such disk; `None` if there is none.
pub fn read() -> Result<Option<Metadata>> {
    for label in LABELS {
        let found = Wanted::Label(label.to_owned())
            .find_all()?
            .into_iter()
            .next();
        if let Some((device, file_system)) = found {
            let source = device.path().to_string_lossy().into_owned();
            return mounted(&source, file_system.kind, |at| {
                read_tree(at).map_err(Error::io(format!("read {source}")))
            })
            .map(|metadata| Some(clean(metadata)));
        }
    }
    Ok(None)
}

fn mounted<T>(source: &str, kind: &str, read: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let at = Path::new("/tmp/metadata");
    let options = mounting::Options {
        flags: flag::RDONLY | flag::NOSUID | flag::NODEV | flag::NOEXEC,
        ..mounting::Options::default()
    };
    fs::create_dir_all(at)
        .and_then(|()| mounting::mount(source, at, kind, &options))
        .map_err(Error::io(format!("mount {source}")))?;
    let done = read(at);
    mounting::unmount(at, Unmount::Detach).map_err(Error::io(format!("unmount {source}")))?;
    done
}

/// Reads what such a disk holds.
fn read_tree(at: &Path) -> io::Result<Metadata> {
    if let Some(json) = read_file(&at.join("openstack/latest/meta_data.json"))? {
        let userdata = read_file(&at.join("openstack/latest/user_data"))?;
        let metadata = services::openstack_metadata(&json).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "meta_data.json is not as it should be",
            )
        })?;
        return Ok(Metadata {
            userdata,
            ..metadata
        });
    }
    let text = read_file(&at.join("meta-data"))?.unwrap_or_default();
    Ok(Metadata {
        userdata: read_file(&at.join("user-data"))?,
        ..nocloud(&String::from_utf8_lossy(&text))
    })
}

fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(io::Error::other(format!(
            "{} is larger than 1 MiB",
            path.display()
        ))),
        false => Ok(Some(bytes)),
    }
}

/// `meta-data` of NoCloud: JSON, or as much of YAML as people write there: texts, and `public-keys` as a list or map.
fn nocloud(text: &str) -> Metadata {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let name = value.get("local-hostname").or(value.get("hostname"));
        return Metadata {
            hostname: name.and_then(Value::as_str).map(str::to_owned),
            keys: services::keys(value.get("public-keys")),
            userdata: None,
        };
    }
    let (mut local, mut other, mut keys) = (None, None, Vec::new());
    let mut section = "";
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        if line.starts_with([' ', '-']) {
            let item = line.trim().trim_start_matches("- ");
            if section == "public-keys" {
                // An entry of a map has a name before it, which ends in a colon.
                let name_end = item.find(": ").filter(|end| !item[..*end].contains(' '));
                keys.push(unquoted(name_end.map_or(item, |end| &item[end + 2..])));
            }
        } else if let Some((key, value)) = line.split_once(':') {
            section = key.trim();
            let value = unquoted(value);
            match section {
                "local-hostname" => local = Some(value),
                "hostname" => other = Some(value),
                "public-keys" if !value.is_empty() => keys.push(value),
                _ => {}
            }
        }
    }
    Metadata {
        hostname: local.or(other),
        keys,
        userdata: None,
    }
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote));
    inner.unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nocloud_is_yaml_or_json() {
        let expected = Metadata {
            hostname: Some("web".into()),
            keys: vec!["ssh-ed25519 A me".into(), "ssh-rsa B you".into()],
            userdata: None,
        };
        for text in [
            "instance-id: i-1\nhostname: other\nlocal-hostname: web\npublic-keys:\n  - ssh-ed25519 A me\n  - \"ssh-rsa B you\"\n",
            "# made by hand\nlocal-hostname: 'web'\npublic-keys:\n- ssh-ed25519 A me\n- ssh-rsa B you\nx: y\n",
            "hostname: web\npublic-keys:\n  first: ssh-ed25519 A me\n  second: ssh-rsa B you\n",
            r#"{"local-hostname": "web", "public-keys": ["ssh-ed25519 A me", "ssh-rsa B you"]}"#,
        ] {
            assert_eq!(nocloud(text), expected, "{text}");
        }
        assert_eq!(nocloud(""), Metadata::default());
    }

    #[test]
    fn a_tree_of_either_kind_is_read() {
        let at = tempfile::tempdir().unwrap();
        fs::write(at.path().join("meta-data"), "local-hostname: a\n").unwrap();
        fs::write(at.path().join("user-data"), "hello").unwrap();
        let read = read_tree(at.path()).unwrap();
        assert_eq!(
            (read.hostname.as_deref(), read.userdata.as_deref()),
            (Some("a"), Some(&b"hello"[..]))
        );
        let latest = at.path().join("openstack/latest");
        fs::create_dir_all(&latest).unwrap();
        fs::write(
            latest.join("meta_data.json"),
            r#"{"hostname": "b", "public_keys": {"k": "ssh-rsa X"}}"#,
        )
        .unwrap();
        let read = read_tree(at.path()).unwrap();
        assert_eq!(
            (read.hostname.as_deref(), read.keys),
            (Some("b"), vec!["ssh-rsa X".to_owned()])
        );
        fs::write(latest.join("meta_data.json"), "[").unwrap();
        assert!(read_tree(at.path()).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[a-z:\\-\\n \"']{0,80}", more in any::<String>()) {
            let _ = nocloud(&text);
            let _ = nocloud(&format!("public-keys:\n {more}"));
        }
    }
}
