//! `oci`: the host as a container image, an archive of an OCI layout.
//!
//! ```text
//! oci-layout  index.json                     (OCI image specification, "Image Layout")
//! blobs/sha256/MANIFEST                      names the two below
//! blobs/sha256/CONFIG                        architecture, labels, the host's PID 1 as entry point
//! blobs/sha256/LAYER                         the root as a tar, by gzip: what every container tool takes
//! ```
//!
//! The kernel is not in it: a container has that of the machine it runs on.

use bedplate_formats::tar;
use bedplate_spec::planning::BuildPlan;
use bedplate_types::{DiffId, Digest, Object, Stamp};
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::Outputs;
use super::contents::Contents;
use super::hashed::Hashed;
use crate::BuildError;
use crate::assembly::Host;
use crate::files::Files;
use crate::initrd::Written;
use crate::layout::{self, render};
use crate::sbom::timestamp;

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Where PID 1 of a host may be, best first.
const INITS: [&str; 4] = [
    "init",
    "sbin/init",
    "usr/sbin/init",
    "usr/lib/systemd/systemd",
];

impl Outputs<'_> {
    /// Writes the archive.
    pub(super) fn oci(&mut self, host: &Host, plan: &BuildPlan) -> Result<(), BuildError> {
        let (name, mut file) = self.create("-oci.tar")?;
        let io = || BuildError::io(format!("write {name}"));
        let tar = |what: &str| {
            let what = what.to_owned();
            |source| BuildError::Tar { what, source }
        };
        // Its digest stands before it, so it is written first.
        let (_, mut layer_file) = self.create("-layer")?;
        let out = GzEncoder::new(
            Hashed::new(layer_file.file()),
            flate2::Compression::default(),
        );
        let mut root = Hashed::over(out);
        tar::write(&host.tree, self.store, plan.epoch, &mut root)
            .map_err(tar("the root as a layer"))?;
        let (root, out) = root.finish_with().map_err(io())?;
        let layer = out.finish().map_err(io())?.finish().map_err(io())?;

        let mut contents = Contents::new(self.store);
        contents.add(&mut layer_file, &layer).map_err(io())?;
        let mut files = Files::default();
        let object = Digest::<Object>::from_bytes(layer.sha256);
        let layer = files.stored_blob(LAYER, object, layer.len);
        self.index(&mut files, layer, &root, (host, plan));
        let tree = files.tree("container image", plan.epoch)?;
        let mut out = Hashed::new(file.file());
        tar::write(&tree, &contents, plan.epoch, &mut out).map_err(tar(&name))?;
        let written = out.finish().map_err(io())?;
        self.keep("oci", name, file, written);
        Ok(())
    }

    /// What leads to the layer: its `descriptor`, and the digest of its tar.
    fn index(
        &self,
        files: &mut Files,
        descriptor: Value,
        root: &Written,
        (host, plan): (&Host, &BuildPlan),
    ) {
        let diff_id = Digest::<DiffId>::from_bytes(root.sha256);
        let stamp = Stamp::from(plan.epoch).to_string();
        let entry_point = INITS.iter().find(|path| {
            let path = path.parse().expect("a plain path");
            host.tree.get(&path).is_some()
        });
        let mut config = json!({
            "Labels": {
                "org.opencontainers.image.title": self.options.name,
                "org.opencontainers.image.version": stamp,
            },
        });
        if let Some(path) = entry_point {
            config["Entrypoint"] = json!([format!("/{path}")]);
        }
        let created = timestamp(plan.epoch);
        let config = json!({
            "created": created,
            "architecture": plan.arch,
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [diff_id.to_string()]},
            "history": [{"created": created, "created_by": "bedplate build"}],
        });
        let config = files.blob(layout::CONFIG, render(&config));
        let manifest = json!({
            "schemaVersion": 2, "mediaType": layout::MANIFEST, "config": config, "layers": [descriptor],
        });
        let mut entry = files.blob(layout::MANIFEST, render(&manifest));
        entry["platform"] = json!({"architecture": plan.arch, "os": "linux"});
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": stamp});
        let index = json!({"schemaVersion": 2, "mediaType": layout::INDEX, "manifests": [entry]});
        files.text("index.json", render(&index));
        files.text("oci-layout", layout::VERSION);
    }
}
