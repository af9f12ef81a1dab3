//! What names in a spec were resolved to: the input of planning that comes from outside.

use std::collections::BTreeMap;

use bedplate_types::{Arch, Blob, DiffId, Digest, ImageConfig, Package, Reference};
use serde::{Deserialize, Serialize};

/// Something that a spec asks for and that a source can bring: the key of a [`Lock`].
///
/// Serialised as text: a [`Reference`], or `packages:` or `tools:` and the request as JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageRequest {
    /// An image.
    Reference(Reference),
    /// A set of distribution packages, unpacked over one another.
    Packages(PackageRequest),
    /// Bedplate's own tools, over these packages if there are any.
    Tools(Option<PackageRequest>),
}

/// Packages of a distribution, with all that they depend on (recommended ones only on request).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PackageRequest {
    /// Suite, such as `trixie`; the build machine's own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// Components; `main` where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<String>,
    /// Mirror; the one of the build machine's apt configuration where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<String>,
    /// Names of the packages.
    pub include: Vec<String>,
    /// Only these packages, or what they depend on too?
    #[serde(default)]
    pub dependencies: Dependencies,
}

/// Which packages come along.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Dependencies {
    /// What they depend on.
    #[default]
    Required,
    /// What they depend on and recommend.
    Recommended,
    /// Nothing: exactly the named packages.
    None,
}

/// An image in a plan: a key of [`Lock::images`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ImageId(pub ImageRequest);

/// What every request was resolved to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// By request.
    pub images: BTreeMap<ImageRequest, ResolvedImage>,
}

/// An image whose layers lie in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedImage {
    /// Digest of the manifest where there is one (not for `dir:`, `tar:` and packages).
    pub manifest: Option<Digest<Blob>>,
    /// Architecture that it is for, where it says so.
    pub arch: Option<Arch>,
    /// Its run configuration.
    pub config: ImageConfig,
    /// Uncompressed layers in the store, lowest first.
    pub layers: Vec<Digest<DiffId>>,
    /// How the layers merge.
    pub layering: Layering,
    /// Packages, where the source knows them by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<Package>,
}

/// How the layers of an image lie over one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layering {
    /// Replacing, with whiteouts: an OCI image.
    Image,
    /// Through symlinks, without whiteouts: packages, one layer each; `dir:`; `tar:`.
    Union,
}

impl PackageRequest {
    /// Everything but the names of the packages.
    fn origin(&self) -> String {
        let mut origin = self.suite.clone().unwrap_or("host suite".to_owned());
        if !self.components.is_empty() {
            origin += &format!(", {}", self.components.join(" "));
        }
        if let Some(mirror) = &self.mirror {
            origin += &format!(", from {mirror}");
        }
        origin
            + match self.dependencies {
                Dependencies::Required => "",
                Dependencies::Recommended => ", with recommended ones",
                Dependencies::None => ", without dependencies",
            }
    }
}

impl ImageRequest {
    /// As a person would write it; other text for every other request.
    pub fn describe(&self) -> String {
        match self {
            Self::Reference(reference) => reference.to_string(),
            Self::Packages(packages) => {
                format!(
                    "packages {} ({})",
                    packages.include.join(" "),
                    packages.origin()
                )
            }
            Self::Tools(None) => "bedplate's tools".to_owned(),
            Self::Tools(Some(packages)) => format!(
                "bedplate's tools and packages {} ({})",
                packages.include.join(" "),
                packages.origin()
            ),
        }
    }
}

impl Serialize for ImageRequest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Reference(reference) => serializer.collect_str(reference),
            Self::Packages(packages) => {
                let json = serde_json::to_string(packages).map_err(serde::ser::Error::custom)?;
                serializer.serialize_str(&format!("packages:{json}"))
            }
            Self::Tools(packages) => {
                let json = serde_json::to_string(packages).map_err(serde::ser::Error::custom)?;
                serializer.serialize_str(&format!("tools:{json}"))
            }
        }
    }
}
