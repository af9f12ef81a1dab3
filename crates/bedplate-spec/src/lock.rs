//! What names in a spec were resolved to: the input of planning that comes from outside.

use std::collections::BTreeMap;

use bedplate_types::{Arch, Blob, DiffId, Digest, ImageConfig, Package, Reference};
use serde::{Deserialize, Serialize};

/// Something that a spec asks for and that a source can bring: the key of a [`Lock`].
///
/// Serialised as text: a [`Reference`], or `packages:`, `debian:` or `tools:` and the request as JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageRequest {
    /// An image.
    Reference(Reference),
    /// A set of distribution packages, unpacked over one another.
    Packages(PackageRequest),
    /// The essential packages of a Debian-like distribution and these, installed: a whole root.
    Base(PackageRequest),
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
    /// File of the keys that sign the archive, beside those that the build machine trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyring: Option<String>,
    /// Names of the packages.
    pub include: Vec<String>,
    /// Only these packages, or what they depend on too?
    #[serde(default)]
    pub dependencies: Dependencies,
    /// For a base: with the modules of OpenZFS, built for each kernel that is among the packages.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub zfs: bool,
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
    /// The package files that it was made of, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archives: Option<PackageSet>,
    /// The package files of the root in which modules were built for it, where some were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<PackageSet>,
}

/// Package files of a distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageSet {
    /// The suite that was asked for, or that of the build machine.
    pub suite: String,
    /// The files, by name.
    pub packages: Vec<LockedPackage>,
}

/// A package file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// Name of the package.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its architecture.
    pub arch: String,
    /// The suite whose mirror has it, such as `trixie-security`.
    pub suite: String,
    /// Where it is, relative to that mirror.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Digest<Blob>,
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
    /// As one word for programs; other text for every other request.
    pub fn key(&self) -> String {
        let json = |request| serde_json::to_string(request).expect("a request is plain data");
        match self {
            Self::Reference(reference) => reference.to_string(),
            Self::Packages(request) => format!("packages:{}", json(request)),
            Self::Base(request) => format!("debian:{}", json(request)),
            Self::Tools(None) => "tools:".to_owned(),
            Self::Tools(Some(request)) => format!("tools:{}", json(request)),
        }
    }

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
            Self::Base(packages) => {
                let names = packages.include.join(" ");
                let with = if names.is_empty() { "" } else { " with " };
                format!("debian base{with}{names} ({})", packages.origin())
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
        serializer.serialize_str(&self.key())
    }
}
