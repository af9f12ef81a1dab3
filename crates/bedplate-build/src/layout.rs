//! An image as an OCI layout in a host (`format: oci` volumes), for runtimes that import it there.
//!
//! ```text
//! oci-layout  index.json                     (OCI image specification, "Image Layout")
//! blobs/sha256/MANIFEST                      names the two below
//! blobs/sha256/CONFIG                        the image's own, so that its image id stays
//! blobs/sha256/LAYER…                        tar without compression, as the store holds it
//! ```
//!
//! The manifest is another one than the registry's, which names compressed layers. Only the host's own
//! platform is there: no other could run.

use bedplate_spec::lock::{ImageId, ImageRequest, ResolvedImage};
use bedplate_store::Store;
use bedplate_tree::{Content, Tree};
use bedplate_types::{Arch, Digest, Epoch, Object, Reference};
use serde_json::{Value, json};

use crate::BuildError;
use crate::files::Files;
use crate::packages::read_bytes;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What `oci-layout` says.
pub(crate) const VERSION: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// What a layout is made for and with.
pub(crate) struct Maker<'a> {
    pub(crate) store: &'a Store,
    pub(crate) arch: Arch,
    pub(crate) epoch: Epoch,
}

impl Maker<'_> {
    /// The layout of `image`, whose root is `merged`. `platforms` is what the spec asks for: nothing, or
    /// the platform of the host.
    pub(crate) fn layout(
        &self,
        image: &ImageId,
        resolved: &ResolvedImage,
        platforms: &[String],
    ) -> Result<Tree, BuildError> {
        self.refuse_others(image, platforms)?;
        let layers: Vec<Digest<Object>> =
            resolved.layers.iter().map(|layer| layer.cast()).collect();
        let mut files = Files::default();
        let config = match self.config(image, resolved)? {
            Some(bytes) => bytes,
            None => self.make_config(resolved, &layers),
        };
        let config = files.blob(CONFIG, config);
        let layers = layers
            .iter()
            .map(|layer| self.layer(layer, &mut files))
            .collect::<Result<Vec<Value>, BuildError>>()?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        });
        let mut entry = files.blob(MANIFEST, render(&manifest));
        entry["platform"] = json!({"architecture": self.arch, "os": "linux"});
        if let ImageRequest::Reference(Reference::Registry(name)) = &image.0 {
            entry["annotations"] = json!({"org.opencontainers.image.ref.name": name.to_string()});
        }
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]});
        files.text("index.json", render(&index));
        files.text("oci-layout", VERSION);
        files.tree(&format!("layout of {}", image.0.describe()), self.epoch)
    }

    fn refuse_others(&self, image: &ImageId, platforms: &[String]) -> Result<(), BuildError> {
        let own = format!("linux/{}", self.arch);
        match platforms.iter().find(|platform| **platform != own) {
            None => Ok(()),
            Some(other) => Err(BuildError::Input {
                what: format!(
                    "the volume of {} asks for {other}, and the host is for {own}",
                    image.0.describe()
                ),
                hint: Some(format!("write `platforms: [{own}]`, or leave it out")),
            }),
        }
    }

    /// The configuration that came with the image, if one did.
    fn config(
        &self,
        image: &ImageId,
        resolved: &ResolvedImage,
    ) -> Result<Option<Vec<u8>>, BuildError> {
        let Some(manifest) = resolved.manifest else {
            return Ok(None);
        };
        let doing = || format!("read the manifest of {}", image.0.describe());
        let read = |object: Digest<Object>, len: u64| {
            let content = Content::Stored {
                object,
                offset: 0,
                len,
            };
            read_bytes(self.store, &content).map_err(BuildError::io(doing()))
        };
        let manifest: Digest<Object> = manifest.cast();
        let manifest = read(manifest, self.len(&manifest)?)?;
        let manifest: Value =
            serde_json::from_slice(&manifest).map_err(|e| BuildError::io(doing())(e.into()))?;
        let config = manifest["config"]["digest"].as_str().unwrap_or_default();
        let Ok(config) = config.parse::<Digest<Object>>() else {
            return Ok(None);
        };
        Ok(Some(read(config, self.len(&config)?)?))
    }

    fn make_config(&self, resolved: &ResolvedImage, layers: &[Digest<Object>]) -> Vec<u8> {
        let own = &resolved.config;
        let diff_ids: Vec<String> = layers.iter().map(ToString::to_string).collect();
        render(&json!({
            "architecture": self.arch,
            "os": "linux",
            "config": {
                "Entrypoint": own.entrypoint, "Cmd": own.cmd, "Env": own.env,
                "WorkingDir": own.working_dir, "User": own.user, "Labels": own.labels,
            },
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        }))
    }

    fn layer(&self, layer: &Digest<Object>, files: &mut Files) -> Result<Value, BuildError> {
        Ok(files.stored_blob(LAYER, *layer, self.len(layer)?))
    }

    fn len(&self, object: &Digest<Object>) -> Result<u64, BuildError> {
        let file = self
            .store
            .open_object(object)
            .map_err(BuildError::store(format!("open {object}")))?;
        let metadata = file.metadata();
        Ok(metadata
            .map_err(BuildError::io(format!("look at {object}")))?
            .len())
    }
}

pub(crate) fn render(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("a JSON value is plain data")
}
