//! A [`Lock`] as a file, for builds that bring the same things again.
//!
//! ```text
//! {
//! "version": 1,
//! "arch": "amd64",
//! "images": {
//!   "docker.io/library/nginx:1": {"manifest":"sha256:…","layers":["sha256:…"]}
//! },
//! "packages": {
//!   "debian:{…the request…}": {"suite":"trixie","packages":[
//!     {"name":"adduser","version":"3.152","arch":"all","suite":"trixie","path":"pool/…","size":1,"sha256":"…"}
//!   ]}
//! }
//! }
//! ```
//!
//! One line an image or package, sorted, so that a difference can be read. No mirror stands in it: paths
//! are relative to whatever mirror serves the suite.

use std::collections::BTreeMap;

use bedplate_types::{Arch, Blob, DiffId, Digest};
use serde::{Deserialize, Serialize};

use crate::lock::{ImageRequest, Lock, PackageSet};

/// What a spec's names stood for when it was locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockFile {
    version: u32,
    /// Architecture of the host.
    pub arch: Arch,
    images: BTreeMap<String, LockedImage>,
    packages: BTreeMap<String, PackageSet>,
}

/// An image that is named by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedImage {
    /// Digest of the manifest where there is one.
    pub manifest: Option<Digest<Blob>>,
    /// Its layers, uncompressed, lowest first.
    pub layers: Vec<Digest<DiffId>>,
}

/// Why a text is no lock file.
#[derive(Debug, thiserror::Error)]
pub enum LockFileError {
    /// Not the JSON that it should be.
    #[error("it is not a lock file")]
    Malformed(#[from] serde_json::Error),
    /// Written by another version.
    #[error("it has version {0}, which is not known")]
    Version(u32),
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

fn builder_key(request: &ImageRequest) -> String {
    format!("builder of {}", request.key())
}

impl LockFile {
    /// Version of the format.
    pub const VERSION: u32 = 1;

    /// What was resolved. Sets of packages that were resolved without noting where their files are have no
    /// place in it: their requests are the error.
    pub fn of(lock: &Lock, arch: Arch) -> Result<Self, Vec<ImageRequest>> {
        let mut file = Self {
            version: Self::VERSION,
            arch,
            images: BTreeMap::new(),
            packages: BTreeMap::new(),
        };
        let mut incomplete = Vec::new();
        for (request, image) in &lock.images {
            match (request, &image.archives) {
                (ImageRequest::Reference(_), _) => {
                    let locked = LockedImage {
                        manifest: image.manifest,
                        layers: image.layers.clone(),
                    };
                    file.images.insert(request.key(), locked);
                }
                (_, Some(set)) => {
                    file.packages.insert(request.key(), set.clone());
                    let builder = image.builder.clone();
                    file.packages
                        .extend(builder.map(|builder| (builder_key(request), builder)));
                }
                // They come with the program that builds.
                (ImageRequest::Tools(None), _) => {}
                (_, None) => incomplete.push(request.clone()),
            }
        }
        if incomplete.is_empty() {
            Ok(file)
        } else {
            Err(incomplete)
        }
    }

    /// Does the file say what `request` stands for?
    pub fn has(&self, request: &ImageRequest) -> bool {
        *request == ImageRequest::Tools(None)
            || self.image(request).is_some()
            || self.set(request).is_some()
    }

    /// The image that a reference stands for.
    pub fn image(&self, request: &ImageRequest) -> Option<&LockedImage> {
        self.images.get(&request.key())
    }

    /// The packages that a request stands for.
    pub fn set(&self, request: &ImageRequest) -> Option<&PackageSet> {
        self.packages.get(&request.key())
    }

    /// The packages of the root in which modules for a base are built.
    pub fn builder(&self, request: &ImageRequest) -> Option<&PackageSet> {
        self.packages.get(&builder_key(request))
    }

    /// Reads the text of a lock file.
    pub fn parse(text: &str) -> Result<Self, LockFileError> {
        let Versioned { version } = serde_json::from_str(text)?;
        if version != Self::VERSION {
            return Err(LockFileError::Version(version));
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The text of the file.
    pub fn render(&self) -> String {
        let images = self
            .images
            .iter()
            .map(|(key, image)| format!("  {}: {}", json(key), json(image)));
        let packages = self.packages.iter().map(|(key, set)| {
            let lines: Vec<String> = set
                .packages
                .iter()
                .map(|package| format!("    {}", json(package)))
                .collect();
            let suite = json(&set.suite);
            let lines = lines.join(",\n");
            format!(
                "  {}: {{\"suite\":{suite},\"packages\":[\n{lines}\n  ]}}",
                json(key)
            )
        });
        format!(
            "{{\n\"version\": {},\n\"arch\": {},\n\"images\": {},\n\"packages\": {}\n}}\n",
            self.version,
            json(&self.arch),
            map(images.collect()),
            map(packages.collect())
        )
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("digests and text are plain data")
}

fn map(entries: Vec<String>) -> String {
    match entries.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{\n{}\n}}", entries.join(",\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{LockedPackage, PackageRequest, ResolvedImage};

    fn image(layer: u8, archives: Option<PackageSet>) -> ResolvedImage {
        ResolvedImage {
            manifest: Some(Digest::from_bytes([7; 32])),
            arch: None,
            config: Default::default(),
            layers: vec![Digest::from_bytes([layer; 32])],
            layering: crate::lock::Layering::Image,
            packages: Vec::new(),
            archives,
            builder: None,
        }
    }

    fn request() -> ImageRequest {
        ImageRequest::Base(PackageRequest {
            suite: None,
            components: Vec::new(),
            mirror: None,
            keyring: None,
            include: vec!["adduser".to_owned()],
            dependencies: Default::default(),
            zfs: false,
        })
    }

    #[test]
    fn a_file_reads_as_it_was_written() {
        let package = |name: &str| LockedPackage {
            name: name.to_owned(),
            version: "1:2~3".to_owned(),
            arch: "all".to_owned(),
            suite: "trixie".to_owned(),
            path: format!("pool/{name}.deb"),
            size: 5,
            sha256: Digest::from_bytes([1; 32]),
        };
        let set = PackageSet {
            suite: "trixie".to_owned(),
            packages: vec![package("adduser"), package("base-files")],
        };
        let web = ImageRequest::Reference("web:1".parse().unwrap());
        let mut lock = Lock::default();
        lock.images.insert(web.clone(), image(2, None));
        lock.images.insert(request(), image(3, Some(set)));
        let file = LockFile::of(&lock, Arch::Amd64).unwrap();
        let text = file.render();
        assert_eq!(LockFile::parse(&text).unwrap(), file);
        assert!(file.has(&web) && file.has(&request()));
        assert_eq!(
            text.lines()
                .filter(|line| line.contains("\"name\""))
                .count(),
            2,
            "{text}"
        );
        serde_json::from_str::<serde_json::Value>(&text).unwrap();

        let empty = LockFile::of(&Lock::default(), Arch::Arm64).unwrap();
        assert_eq!(LockFile::parse(&empty.render()).unwrap(), empty);
        assert!(!empty.has(&web));
    }

    #[test]
    fn what_is_no_lock_file_is_refused() {
        assert!(matches!(
            LockFile::parse("{\"version\": 2}"),
            Err(LockFileError::Version(2))
        ));
        for bad in [
            "",
            "[]",
            "{\"version\":1}",
            "{\"version\":1,\"arch\":\"x\"}",
        ] {
            assert!(
                matches!(LockFile::parse(bad), Err(LockFileError::Malformed(_))),
                "{bad}"
            );
        }
        let mut lock = Lock::default();
        lock.images.insert(request(), image(3, None));
        assert_eq!(LockFile::of(&lock, Arch::Amd64), Err(vec![request()]));
    }
}
