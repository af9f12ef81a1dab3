//! Container images made in memory, as an OCI layout or as `docker save` writes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

/// A layer in the making.
#[derive(Default)]
pub struct Layer {
    entries: Vec<Entry>,
    /// A tar that was made elsewhere.
    whole: Option<Vec<u8>>,
}

struct Entry {
    path: String,
    kind: EntryType,
    mode: u32,
    owner: (u64, u64),
    link: Option<String>,
    device: Option<(u32, u32)>,
    content: Vec<u8>,
    xattrs: BTreeMap<String, Vec<u8>>,
}

impl Layer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that is a tar already.
    pub fn of_tar(tar: Vec<u8>) -> Self {
        Self {
            entries: Vec::new(),
            whole: Some(tar),
        }
    }

    /// Adds a file that belongs to root.
    pub fn file(self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        self.entry(path, EntryType::Regular, mode, None, content.into())
    }

    /// Adds a directory.
    pub fn directory(self, path: &str, mode: u32) -> Self {
        self.entry(path, EntryType::Directory, mode, None, Vec::new())
    }

    /// Adds a symbolic link.
    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(path, EntryType::Symlink, 0o777, Some(target), Vec::new())
    }

    /// Adds another name for an earlier file.
    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(path, EntryType::Link, 0o644, Some(target), Vec::new())
    }

    /// Adds a character device.
    pub fn device(mut self, path: &str, mode: u32, number: (u32, u32)) -> Self {
        self = self.entry(path, EntryType::Char, mode, None, Vec::new());
        self.entries
            .last_mut()
            .expect("it was added just now")
            .device = Some(number);
        self
    }

    /// Adds a whiteout: what lower layers have at `path` is gone.
    pub fn without(self, path: &str) -> Self {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let slash = if parent.is_empty() { "" } else { "/" };
        self.file(&format!("{parent}{slash}.wh.{name}"), 0o644, "")
    }

    /// Gives the last entry this owner.
    pub fn owned_by(mut self, uid: u64, gid: u64) -> Self {
        self.entries.last_mut().expect("an entry comes first").owner = (uid, gid);
        self
    }

    /// Gives the last entry an extended attribute.
    pub fn xattr(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let entry = self.entries.last_mut().expect("an entry comes first");
        entry.xattrs.insert(name.to_owned(), value.into());
        self
    }

    fn entry(
        mut self,
        path: &str,
        kind: EntryType,
        mode: u32,
        link: Option<&str>,
        content: Vec<u8>,
    ) -> Self {
        let path = path.trim_start_matches('/').to_owned();
        let link = link.map(str::to_owned);
        self.entries.push(Entry {
            path,
            kind,
            mode,
            owner: (0, 0),
            link,
            device: None,
            content,
            xattrs: BTreeMap::new(),
        });
        self
    }

    /// The layer as a tar.
    pub fn tar(&self) -> Vec<u8> {
        if let Some(whole) = &self.whole {
            return whole.clone();
        }
        let mut tar = tar::Builder::new(Vec::new());
        for entry in &self.entries {
            let keys: Vec<String> = entry
                .xattrs
                .keys()
                .map(|name| format!("SCHILY.xattr.{name}"))
                .collect();
            let values = entry.xattrs.values().map(Vec::as_slice);
            tar.append_pax_extensions(keys.iter().map(String::as_str).zip(values))
                .expect("memory takes a header");
            let mut header = Header::new_ustar();
            header.set_entry_type(entry.kind);
            header.set_mode(entry.mode);
            header.set_uid(entry.owner.0);
            header.set_gid(entry.owner.1);
            header.set_mtime(1_000_000_000);
            header.set_size(entry.content.len() as u64);
            if let Some((major, minor)) = entry.device {
                let placed = header
                    .set_device_major(major)
                    .and_then(|()| header.set_device_minor(minor));
                placed.expect("this kind of header has device numbers");
            }
            let written = match &entry.link {
                Some(target) => tar.append_link(&mut header, &entry.path, target),
                None => tar.append_data(&mut header, &entry.path, entry.content.as_slice()),
            };
            written
                .unwrap_or_else(|error| panic!("cannot put `{}` into a tar: {error}", entry.path));
        }
        tar.into_inner().expect("memory takes a tar")
    }
}

/// An image: layers and a run configuration.
#[derive(Default)]
pub struct Image {
    layers: Vec<Vec<u8>>,
    config: serde_json::Map<String, Value>,
}

impl Image {
    /// Without layers.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the programs of busybox (Debian's busybox-static) in `/bin`.
    pub fn busybox() -> Self {
        let program = ["/bin/busybox", "/usr/bin/busybox"]
            .iter()
            .find_map(|path| fs::read(path).ok());
        let program = program.expect("busybox is not installed: run `cargo xtask setup`");
        let names = "cat echo false grep httpd id ifconfig ls mkdir nc sh sleep stat test touch true udhcpc wget";
        let layer = Layer::new()
            .directory("bin", 0o755)
            .file("bin/busybox", 0o755, program);
        Self::new().layer(&names.split(' ').fold(layer, |layer, name| {
            layer.symlink(&format!("bin/{name}"), "busybox")
        }))
    }

    /// Puts a layer on top.
    pub fn layer(mut self, layer: &Layer) -> Self {
        self.layers.push(layer.tar());
        self
    }

    /// Sets a key of the run configuration (`Cmd`, `Env`, `Labels`, …).
    pub fn config(mut self, key: &str, value: Value) -> Self {
        self.config.insert(key.to_owned(), value);
        self
    }

    /// Writes an OCI image layout whose index has this image under `tag`. An index that is there gets one more.
    pub fn write_oci(&self, directory: &Path, tag: &str) {
        let layout = json!({"imageLayoutVersion": "1.0.0"}).to_string();
        write(&directory.join("oci-layout"), layout.as_bytes());
        let blob = |media_type: &str, bytes: &[u8]| {
            write(&directory.join("blobs/sha256").join(hex(bytes)), bytes);
            json!({"mediaType": media_type, "digest": format!("sha256:{}", hex(bytes)), "size": bytes.len()})
        };
        let layers: Vec<Value> = self
            .layers
            .iter()
            .map(|layer| blob("application/vnd.oci.image.layer.v1.tar", layer))
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": blob("application/vnd.oci.image.config.v1+json", self.config_json().as_bytes()),
            "layers": layers,
        });
        let mut entry = blob(
            "application/vnd.oci.image.manifest.v1+json",
            manifest.to_string().as_bytes(),
        );
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        entry["platform"] = json!({"architecture": "amd64", "os": "linux"});
        let file = directory.join("index.json");
        let mut index = fs::read(&file).map_or_else(
            |_| json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}),
            |bytes| serde_json::from_slice(&bytes).expect("the index that is there is JSON"),
        );
        index["manifests"]
            .as_array_mut()
            .expect("an index has manifests")
            .push(entry);
        write(&file, index.to_string().as_bytes());
    }

    /// Writes the archive that `docker save` makes.
    pub fn write_docker_archive(&self, file: &Path, tag: &str) {
        let config = self.config_json();
        let names: Vec<String> = self
            .layers
            .iter()
            .map(|layer| format!("{}/layer.tar", hex(layer)))
            .collect();
        let config_name = format!("{}.json", hex(config.as_bytes()));
        let manifest =
            json!([{"Config": config_name, "RepoTags": [tag], "Layers": names}]).to_string();
        let mut outer = Layer::new().file(&config_name, 0o644, config);
        for (name, layer) in names.iter().zip(&self.layers) {
            outer = outer.file(name, 0o644, layer.clone());
        }
        write(file, &outer.file("manifest.json", 0o644, manifest).tar());
    }

    fn config_json(&self) -> String {
        let diff_ids: Vec<String> = self
            .layers
            .iter()
            .map(|layer| format!("sha256:{}", hex(layer)))
            .collect();
        json!({
            "architecture": "amd64",
            "os": "linux",
            "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        })
        .to_string()
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn write(path: &Path, bytes: &[u8]) {
    let parent = path.parent().expect("a file lies in a directory");
    fs::create_dir_all(parent)
        .unwrap_or_else(|error| panic!("cannot make {}: {error}", parent.display()));
    fs::write(path, bytes)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_images_share_a_layout() {
        let dir = tempfile::tempdir().unwrap();
        let layer = Layer::new()
            .file("/etc/x", 0o600, "x")
            .owned_by(3, 4)
            .xattr("user.a", "b")
            .without("etc/y");
        for tag in ["one", "two"] {
            Image::new()
                .layer(&layer)
                .config("Cmd", json!([tag]))
                .write_oci(dir.path(), tag);
        }
        let index: Value =
            serde_json::from_slice(&fs::read(dir.path().join("index.json")).unwrap()).unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
        assert_eq!(
            fs::read_dir(dir.path().join("blobs/sha256"))
                .unwrap()
                .count(),
            5
        );
    }

    #[test]
    fn a_layer_is_a_tar_with_owners_and_attributes() {
        let tar = Layer::new()
            .file("/etc/x", 0o600, "x")
            .owned_by(3, 4)
            .xattr("user.a", "b")
            .without("etc/y")
            .tar();
        let mut archive = tar::Archive::new(tar.as_slice());
        let mut entries = archive.entries().unwrap();
        let mut first = entries.next().unwrap().unwrap();
        assert_eq!(
            (
                first.header().uid().unwrap(),
                first.header().mode().unwrap()
            ),
            (3, 0o600)
        );
        let extensions = first.pax_extensions().unwrap().unwrap();
        assert!(
            extensions
                .flatten()
                .any(|x| x.key_bytes() == b"SCHILY.xattr.user.a" && x.value_bytes() == b"b")
        );
        assert_eq!(
            entries.next().unwrap().unwrap().path_bytes().as_ref(),
            b"etc/.wh.y"
        );
    }
}
