//! The JSON documents of images (OCI image specification v1.1; Docker image manifest v2, schema 2).

use std::collections::BTreeMap;

use bedplate_types::{Arch, Blob, DiffId, Digest, ImageConfig};
use serde::Deserialize;

use crate::error::{ErrorKind, SourceError};

/// Largest manifest, index or config that is read, in bytes.
pub(crate) const DOCUMENT_MAX: u64 = 8 << 20;

pub(crate) const INDEXES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
pub(crate) const MANIFESTS: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const CONFIGS: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];
const LAYERS: [&str; 6] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
];

/// A pointer to a blob.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: Digest<Blob>,
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) platform: Option<Platform>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Platform {
    pub(crate) os: String,
    pub(crate) architecture: String,
    #[serde(default)]
    pub(crate) variant: Option<String>,
}

impl Descriptor {
    /// Of a manifest or index that is known by digest alone.
    pub(crate) fn of_manifest(digest: Digest<Blob>, size: u64) -> Self {
        Self {
            media_type: String::new(),
            digest,
            size,
            platform: None,
            annotations: None,
        }
    }

    /// What the image is called in a layout.
    pub(crate) fn ref_names(&self) -> impl Iterator<Item = &str> {
        let annotations = self.annotations.iter().flatten();
        let names = [
            "org.opencontainers.image.ref.name",
            "io.containerd.image.name",
        ];
        annotations
            .filter(move |(key, _)| names.contains(&key.as_str()))
            .map(|(_, value)| value.as_str())
    }
}

/// An image index, or Docker's manifest list.
#[derive(Debug, Deserialize)]
pub(crate) struct Index {
    pub(crate) manifests: Vec<Descriptor>,
}

impl Index {
    /// The entry for Linux on `arch`.
    pub(crate) fn select(&self, arch: Arch) -> Result<&Descriptor, SourceError> {
        let fits = |descriptor: &&Descriptor| match &descriptor.platform {
            Some(platform) => platform.os == "linux" && platform.architecture == arch.as_str(),
            None => false,
        };
        if let Some(fitting) = self.manifests.iter().find(fits) {
            return Ok(fitting);
        }
        if let [only] = &self.manifests[..]
            && only.platform.is_none()
        {
            return Ok(only);
        }
        let name = |platform: &Platform| {
            let variant = platform.variant.iter().map(|variant| format!("/{variant}"));
            format!(
                "{}/{}{}",
                platform.os,
                platform.architecture,
                variant.collect::<String>()
            )
        };
        let platforms = self
            .manifests
            .iter()
            .filter_map(|d| d.platform.as_ref())
            .map(name);
        let known: Vec<String> = platforms
            .filter(|name| !name.starts_with("unknown"))
            .collect();
        let message = format!(
            "it has no variant for linux/{arch}, only for {}",
            known.join(", ")
        );
        Err(SourceError::new(ErrorKind::NotFound, message))
    }
}

/// An image manifest.
#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// What a manifest's bytes turned out to be.
#[derive(Debug)]
pub(crate) enum Root {
    Index(Index),
    Manifest(Manifest),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versioned {
    #[serde(default)]
    schema_version: Option<u32>,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
}

/// Parses a manifest or an index; `media_type` is what the one who pointed here said of it.
pub(crate) fn parse_root(bytes: &[u8], media_type: &str) -> Result<Root, SourceError> {
    let malformed = |e| SourceError::bad("its manifest is malformed").because(e);
    let head: Versioned = serde_json::from_slice(bytes).map_err(malformed)?;
    if head.schema_version == Some(1) {
        return Err(SourceError::bad(
            "its manifest is of schema version 1, which is not supported",
        )
        .with_hint("push the image again with a current tool"));
    }
    let said = head.media_type.as_deref().unwrap_or(media_type);
    let is_index = INDEXES.contains(&said) || (said.is_empty() && head.manifests.is_some());
    if is_index {
        return serde_json::from_slice(bytes)
            .map(Root::Index)
            .map_err(malformed);
    }
    if !said.is_empty() && !MANIFESTS.contains(&said) {
        return Err(SourceError::bad(format!(
            "its manifest has the unknown media type `{said}`"
        )));
    }
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(malformed)?;
    check_media_types(&manifest, head.artifact_type.as_deref())?;
    Ok(Root::Manifest(manifest))
}

fn check_media_types(manifest: &Manifest, artifact: Option<&str>) -> Result<(), SourceError> {
    let config = &manifest.config.media_type;
    if !CONFIGS.contains(&config.as_str()) {
        let what = artifact.unwrap_or(config);
        return Err(SourceError::bad(format!("it is not an image but `{what}`")));
    }
    for (number, layer) in (1..).zip(&manifest.layers) {
        let kind = &layer.media_type;
        if kind.contains("foreign") || kind.contains("nondistributable") {
            let message = format!("layer {number} is not distributed with the image (`{kind}`)");
            return Err(SourceError::bad(message));
        }
        if !LAYERS.contains(&kind.as_str()) {
            return Err(SourceError::bad(format!(
                "layer {number} has the unknown media type `{kind}`"
            )));
        }
    }
    Ok(())
}

/// An image configuration.
#[derive(Debug, Deserialize)]
pub(crate) struct ConfigDocument {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    config: Option<RunConfig>,
    rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RunConfig {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    user: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
struct RootFs {
    #[serde(default)]
    diff_ids: Option<Vec<Digest<DiffId>>>,
}

/// What of a config matters here.
#[derive(Debug)]
pub(crate) struct ParsedConfig {
    pub(crate) arch: Option<Arch>,
    pub(crate) config: ImageConfig,
    pub(crate) diff_ids: Vec<Digest<DiffId>>,
}

/// Parses a config and checks that it is for Linux on `arch`, where it says so.
pub(crate) fn parse_config(bytes: &[u8], arch: Arch) -> Result<ParsedConfig, SourceError> {
    let document: ConfigDocument = serde_json::from_slice(bytes)
        .map_err(|e| SourceError::bad("its configuration is malformed").because(e))?;
    let ConfigDocument {
        architecture,
        os,
        config,
        rootfs,
    } = document;
    let said: Option<Arch> = architecture.parse().ok();
    let fits = (os.is_empty() || os == "linux") && (architecture.is_empty() || said == Some(arch));
    if !fits {
        let message = format!("it is for {os}/{architecture}, not for linux/{arch}");
        return Err(SourceError::new(ErrorKind::NotFound, message));
    }
    let run = config.unwrap_or_default();
    let config = ImageConfig {
        entrypoint: run.entrypoint,
        cmd: run.cmd,
        env: run.env,
        working_dir: run.working_dir.unwrap_or_default(),
        user: run.user.unwrap_or_default(),
        labels: run.labels.unwrap_or_default(),
    };
    Ok(ParsedConfig {
        arch: said,
        config,
        diff_ids: rootfs.diff_ids.unwrap_or_default(),
    })
}
