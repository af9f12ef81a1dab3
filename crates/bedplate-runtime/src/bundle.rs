//! From the bundle that was built to one that libcontainer reads as it was meant.
//!
//! The bundle of the host is read-only, so the changed `config.json` goes beside the container's state:
//!
//! ```text
//! ROOT/ID/                 libcontainer's state
//! ROOT/.bundles/ID/        config.json, changed; read again by exec
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::honouring::not_honoured;
use crate::host_devices::{self, HostDevices};
use crate::reporting;

/// A bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Its `config.json` cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its `config.json` is not JSON, or not an object where it should be.
    #[error("`{}` is malformed", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The changed one cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A bundle as libcontainer gets it.
#[derive(Debug)]
pub struct Changed {
    /// Where it is.
    pub directory: PathBuf,
    /// Its `config.json`.
    pub config: Value,
    /// The host's `/dev`, if the container wants it: libcontainer must not see that.
    pub host_devices: Option<HostDevices>,
}

/// Where the changed bundle of a container is.
pub fn changed_bundle(root: &Path, id: &str) -> PathBuf {
    root.join(".bundles").join(id)
}

/// Makes the changed bundle, and tells what of it is not honoured.
pub fn prepare(bundle: &Path, root: &Path, id: &str) -> Result<Changed, BundleError> {
    let path = bundle.join("config.json");
    let bytes = fs::read(&path).map_err(|source| BundleError::Read {
        path: path.clone(),
        source,
    })?;
    let config: Value =
        serde_json::from_slice(&bytes).map_err(|source| BundleError::Malformed { path, source })?;
    for sentence in not_honoured(&config) {
        reporting::print(&sentence);
    }
    let mut config = adjust(config, bundle, id);
    let host_devices = host_devices::take(&mut config);
    make_working_directory(&config);
    let directory = changed_bundle(root, id);
    let path = directory.join("config.json");
    let text = serde_json::to_vec(&config).expect("what was JSON is JSON");
    fs::create_dir_all(&directory)
        .and_then(|()| fs::write(&path, text))
        .map_err(|source| BundleError::Write { path, source })?;
    Ok(Changed {
        directory,
        config,
        host_devices,
    })
}

/// Says outright what libcontainer would otherwise take another way than runc does.
fn adjust(mut config: Value, bundle: &Path, id: &str) -> Value {
    if let Some(path) = config.pointer_mut("/root/path")
        && let Some(relative) = path.as_str()
    {
        *path = json!(bundle.join(relative).to_string_lossy());
    }
    if let Some(process) = config.get_mut("process").and_then(Value::as_object_mut) {
        // Without the key libcontainer keeps all capabilities; LinuxKit's default is none.
        process.entry("capabilities").or_insert_with(|| json!({}));
        // runc's default; libcontainer's is that of whoever called it.
        let user = process
            .entry("user")
            .or_insert_with(|| json!({"uid": 0, "gid": 0}));
        if let Some(user) = user.as_object_mut() {
            user.entry("umask").or_insert_with(|| json!(0o022));
        }
        if process
            .get("cwd")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .is_empty()
        {
            process.insert("cwd".into(), json!("/"));
        }
    }
    if let Some(config) = config.as_object_mut() {
        let linux = config
            .entry("linux")
            .or_insert_with(|| Value::Object(Map::new()));
        let unset = linux
            .get("cgroupsPath")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .is_empty();
        if let (true, Some(linux)) = (unset, linux.as_object_mut()) {
            linux.insert("cgroupsPath".into(), json!(format!("/bedplate/{id}")));
        }
    }
    config
}

/// runc makes a working directory that is missing; libcontainer refuses the container.
fn make_working_directory(config: &Value) {
    let text = |pointer| config.pointer(pointer).and_then(Value::as_str);
    let (Some(root), Some(cwd)) = (text("/root/path"), text("/process/cwd")) else {
        return;
    };
    let mut place = PathBuf::from(root);
    for component in Path::new(cwd).components() {
        let std::path::Component::Normal(name) = component else {
            continue;
        };
        place.push(name);
        match fs::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_dir() => {}
            // A link may lead out of the root: it stays as the image has it.
            Ok(_) => return,
            // A read-only root: libcontainer says that the directory is missing.
            Err(_) if fs::create_dir(&place).is_err() => return,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unsaid_is_said() {
        let config = adjust(
            json!({"root": {"path": "rootfs"}, "process": {"args": ["x"]}}),
            Path::new("/b"),
            "web",
        );
        assert_eq!(
            config,
            json!({
                "root": {"path": "/b/rootfs"},
                "process": {
                    "args": ["x"], "capabilities": {}, "cwd": "/", "user": {"uid": 0, "gid": 0, "umask": 18}
                },
                "linux": {"cgroupsPath": "/bedplate/web"}
            })
        );
        let said = json!({"root": {"path": "/r"}, "process": {"capabilities": {"bounding": ["CAP_KILL"]}, "cwd": "/x",
            "user": {"uid": 5, "gid": 6, "umask": 0}},
            "linux": {"cgroupsPath": "/mine"}});
        assert_eq!(adjust(said.clone(), Path::new("/b"), "web"), said);
    }

    #[test]
    fn a_missing_working_directory_is_made_but_not_through_links() {
        let root = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("link")).unwrap();
        for cwd in ["/srv/app", "/link/app"] {
            make_working_directory(
                &json!({"root": {"path": root.path()}, "process": {"cwd": cwd}}),
            );
        }
        assert!(root.path().join("srv/app").is_dir());
        assert!(!outside.path().join("app").exists());
    }
}
