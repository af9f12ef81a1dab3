//! What an image says of itself, in the one form that all sources bring it to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The run configuration of an image (OCI image specification, `config`): the fields that a host uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// `Entrypoint`; `None` where the image says nothing.
    pub entrypoint: Option<Vec<String>>,
    /// `Cmd`.
    pub cmd: Option<Vec<String>>,
    /// `Env`, each `NAME=value`.
    pub env: Option<Vec<String>>,
    /// `WorkingDir`; empty where the image says nothing.
    pub working_dir: String,
    /// `User`, as written.
    pub user: String,
    /// `Labels`; LinuxKit's defaults are in `org.mobyproject.config`.
    pub labels: BTreeMap<String, String>,
}

/// A package that lies in an image, for the manifest and the SBOM.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// The package system: `deb` or `apk` (purl type names).
    pub system: String,
    /// The distribution that the package is of (purl namespace, such as `debian`), where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// Name of the binary package.
    pub name: String,
    /// Version, whole.
    pub version: String,
    /// Architecture as the package system names it.
    pub arch: String,
    /// Licence expression where the package system records one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// SHA-256 of the package file, in hex, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}
