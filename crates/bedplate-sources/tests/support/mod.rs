//! Images made here, and what comes of them in a store.

#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use bedplate_formats::compression::Compression;
use bedplate_formats::content::InlineOnly;
use bedplate_formats::tar;
use bedplate_sources::{Options, SourceError, Sources};
use bedplate_spec::lock::{ImageRequest, ResolvedImage};
use bedplate_store::Store;
use bedplate_tree::{Content, Entry, EntryKind, Meta, TreeBuilder};
use bedplate_types::{Arch, Blob, Digest, Epoch, Silent};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A directory with a store in it.
pub struct Bench {
    pub directory: tempfile::TempDir,
    pub store: Store,
}

impl Bench {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("cache")).unwrap();
        Self { directory, store }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn options(&self) -> Options {
        Options::new(Arch::Amd64, self.path())
    }

    pub fn resolve(&self, reference: &str) -> Result<ResolvedImage, SourceError> {
        self.resolve_with(reference, self.options())
    }

    pub fn resolve_with(
        &self,
        reference: &str,
        options: Options,
    ) -> Result<ResolvedImage, SourceError> {
        Sources::new(&self.store, options, &Silent).resolve(&request(reference))
    }

    /// What the layers of `image` hold, lowest first, as `mode uid/gid name` lines.
    pub fn listing(&self, image: &ResolvedImage) -> String {
        let mut text = String::new();
        for layer in &image.layers {
            let file = self.store.open_object(&layer.cast()).unwrap();
            for entry in tar::read(file, layer.cast(), &tar::Limits::default()).unwrap() {
                text.push_str(&line(&entry));
            }
        }
        text
    }
}

fn line(entry: &Entry) -> String {
    let Meta { mode, uid, gid, .. } = entry.meta;
    let what = match &entry.kind {
        EntryKind::Directory => "/".to_owned(),
        EntryKind::File(content) => format!(" {} bytes", content.len()),
        EntryKind::Symlink(target) => format!(" -> {}", String::from_utf8_lossy(target)),
        EntryKind::HardLink(target) => format!(" = {target}"),
        EntryKind::CharDevice { major, minor } => format!(" char {major}:{minor}"),
        EntryKind::BlockDevice { major, minor } => format!(" block {major}:{minor}"),
        EntryKind::Fifo => " fifo".to_owned(),
    };
    let xattrs: String = entry
        .meta
        .xattrs
        .keys()
        .map(|name| format!(" {}", String::from_utf8_lossy(name)))
        .collect();
    format!("{mode:04o} {uid}/{gid} {}{what}{xattrs}\n", entry.path)
}

pub fn request(reference: &str) -> ImageRequest {
    ImageRequest::Reference(reference.parse().unwrap())
}

/// An error with its causes, as a program would print it.
pub fn chain(error: &SourceError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(&format!("\n  caused by: {cause}"));
        next = cause.source();
    }
    if let Some(hint) = error.hint() {
        text.push_str(&format!("\nhint: {hint}"));
    }
    text
}

/// An uncompressed layer of files.
pub fn layer(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("test");
    for (path, text) in files {
        let kind = EntryKind::File(Content::inline(*text));
        let entry = Entry {
            path: path.parse().unwrap(),
            meta: Meta::with_mode(0o644),
            kind,
        };
        builder.insert(entry, origin).unwrap();
    }
    tar::write(&builder.freeze(Epoch(0)), &InlineOnly, Epoch(0), Vec::new()).unwrap()
}

pub fn compress(bytes: &[u8], how: Compression) -> Vec<u8> {
    match how {
        Compression::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        _ => bytes.to_vec(),
    }
}

pub fn sha256(bytes: &[u8]) -> Digest<Blob> {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// An OCI image layout that is being made.
pub struct Layout {
    pub dir: PathBuf,
    pub manifests: Vec<Value>,
}

impl Layout {
    pub fn new(dir: &Path) -> Self {
        fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
        fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self {
            dir: dir.to_owned(),
            manifests: Vec::new(),
        }
    }

    /// Adds a blob and gives its descriptor.
    pub fn blob(&self, bytes: &[u8], media_type: &str) -> Value {
        let digest = sha256(bytes);
        fs::write(self.dir.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// Adds an image of gzip layers and gives its manifest's descriptor.
    pub fn image(&self, arch: &str, layers: &[Vec<u8>]) -> Value {
        let diff_ids: Vec<Digest<Blob>> = layers.iter().map(|layer| sha256(layer)).collect();
        let blobs = layers
            .iter()
            .map(|layer| self.blob(&compress(layer, Compression::Gzip), GZIP));
        self.image_of(arch, &blobs.collect::<Vec<_>>(), &diff_ids)
    }

    pub fn image_of(&self, arch: &str, layers: &[Value], diff_ids: &[Digest<Blob>]) -> Value {
        let config = json!({
            "architecture": arch, "os": "linux",
            "config": {"Entrypoint": ["/bin/web"], "Env": ["A=1"], "Cmd": null, "Labels": {"org.mobyproject.config": "{}"}},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let config = self.blob(
            config.to_string().as_bytes(),
            "application/vnd.oci.image.config.v1+json",
        );
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        let mut descriptor = self.blob(manifest.to_string().as_bytes(), MANIFEST);
        descriptor["platform"] = json!({"os": "linux", "architecture": arch});
        descriptor
    }

    /// Enters an image in the layout's index.
    pub fn name(mut self, tag: &str, mut descriptor: Value) -> Self {
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        self.manifests.push(descriptor);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests});
        fs::write(self.dir.join("index.json"), index.to_string()).unwrap();
        self
    }
}
