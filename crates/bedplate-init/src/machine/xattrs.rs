//! Extended attributes that a cpio archive could not carry, set again.
//!
//! Where the root is a tmpfs they are set in place. Where it is a ramfs, which has none, they are set in
//! the overlay that a container runs on; and where there is no overlay either, the file is covered by a
//! copy on a tmpfs that holds the attribute. Directories cannot be covered so: that is told.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use bedplate_boot::{XATTR_TABLE, XattrTable, bytes_from_text};
use bedplate_sys::{attributes, mounting};

use crate::console;

/// A tmpfs for copies: `/run` itself allows no programs.
const COPIES: &str = "/run/bedplate/attributes";
const CONTAINERS: &str = "/containers";

/// The attributes that are still to be set.
#[derive(Debug, Default)]
pub struct Attributes(Vec<Attributed>);

#[derive(Debug, PartialEq, Eq)]
struct Attributed {
    path: PathBuf,
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Attributes {
    /// Reads the table; empty where the host has none.
    pub fn read() -> Self {
        let json = match fs::read(XATTR_TABLE) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(error) => {
                console::warn(format_args!("read `{XATTR_TABLE}`"), &error);
                return Self::default();
            }
        };
        match serde_json::from_slice(&json) {
            Ok(table) => Self::from_table(&table),
            Err(error) => {
                console::warn(format_args!("understand `{XATTR_TABLE}`"), &error);
                Self::default()
            }
        }
    }

    fn from_table(XattrTable(table): &XattrTable) -> Self {
        let decoded = |(path, attributes): (&String, &BTreeMap<String, String>)| {
            let pairs = attributes
                .iter()
                .map(|(name, value)| Some((bytes_from_text(name)?, bytes_from_text(value)?)));
            let path = OsString::from_vec(bytes_from_text(path.trim_start_matches('/'))?);
            Some(Attributed {
                path: Path::new("/").join(path),
                attributes: pairs.collect::<Option<_>>()?,
            })
        };
        Self(table.iter().filter_map(decoded).collect())
    }

    /// Sets what can be set now, while the root is still writable, and keeps what waits for a container's overlay.
    pub fn apply_to_host(&mut self) {
        let mut waiting = Vec::new();
        for (number, attributed) in std::mem::take(&mut self.0).into_iter().enumerate() {
            match attributed.set_on(&attributed.path) {
                Ok(()) => {}
                Err(error) if !attributes::is_refusal(&error) => attributed.tell(&error),
                Err(_) if attributed.path.starts_with(CONTAINERS) => waiting.push(attributed),
                Err(_) => {
                    if let Err(error) =
                        attributed.cover(&attributed.path, &format!("host-{number}"))
                    {
                        attributed.tell(&error);
                    }
                }
            }
        }
        self.0 = waiting;
    }

    /// Sets what waits for files below `source`, which are seen below `target` now.
    pub fn apply_below(&self, source: &Path, target: &Path) {
        for (number, attributed) in self.0.iter().enumerate() {
            let Ok(relative) = attributed.path.strip_prefix(source) else {
                continue;
            };
            let seen = target.join(relative);
            let result = match attributed.set_on(&seen) {
                Err(error) if attributes::is_refusal(&error) => {
                    attributed.cover(&seen, &number.to_string())
                }
                other => other,
            };
            if let Err(error) = result {
                attributed.tell(&error);
            }
        }
    }
}

impl Attributed {
    fn set_on(&self, path: &Path) -> io::Result<()> {
        self.attributes
            .iter()
            .try_for_each(|(name, value)| attributes::set(path, name, value))
    }

    /// Covers the file with a copy that has the attributes. The copy is made once.
    fn cover(&self, path: &Path, name: &str) -> io::Result<()> {
        let metadata = fs::symlink_metadata(path)?;
        if !metadata.is_file() {
            return Err(io::Error::other(
                "only regular files can be covered by a copy, and this file system has no attributes",
            ));
        }
        let copy = Path::new(COPIES).join(name);
        if !copy.exists() {
            ensure_copies_mounted()?;
            fs::copy(path, &copy)?;
            use std::os::unix::fs::MetadataExt;
            std::os::unix::fs::chown(&copy, Some(metadata.uid()), Some(metadata.gid()))?;
            // A change of owner takes set-user-ID bits away.
            fs::set_permissions(&copy, metadata.permissions())?;
            self.set_on(&copy)?;
        }
        mounting::mount(
            &copy.to_string_lossy(),
            path,
            "",
            &mounting::parse_options(&["bind"]),
        )
    }

    fn tell(&self, error: &io::Error) {
        console::warn(
            format_args!("set the extended attributes of `{}`", self.path.display()),
            error,
        );
    }
}

fn ensure_copies_mounted() -> io::Result<()> {
    if Path::new(COPIES).exists() {
        return Ok(());
    }
    fs::create_dir_all(COPIES)?;
    mounting::mount(
        "tmpfs",
        Path::new(COPIES),
        "tmpfs",
        &mounting::parse_options(&["nodev", "mode=700"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_values_are_decoded() {
        let table = r#"{"usr/bin/ping":{"security.capability":"\u0001\u0000\u00ff"},"/x":{}}"#;
        let Attributes(read) = Attributes::from_table(&serde_json::from_str(table).unwrap());
        assert_eq!(
            read[0],
            Attributed {
                path: "/x".into(),
                attributes: vec![]
            }
        );
        assert_eq!(read[1].path, Path::new("/usr/bin/ping"));
        assert_eq!(
            read[1].attributes,
            [(b"security.capability".to_vec(), vec![1, 0, 255])]
        );
    }
}
