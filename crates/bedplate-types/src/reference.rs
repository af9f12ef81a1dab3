//! References to images: a registry, or a file or directory on the build machine.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Blob, Digest, DigestError};

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// `alpine:3.20`, `registry.test:5000/web@sha256:…`
    Registry(RegistryRef),
    /// `oci:DIR[:TAG]`, an OCI image layout in a directory.
    Oci {
        /// Directory, as written.
        dir: String,
        /// `org.opencontainers.image.ref.name`; the only image of the layout where absent.
        tag: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]`, an OCI image layout in a tar.
    OciArchive {
        /// File, as written.
        file: String,
        /// As for [`Reference::Oci`].
        tag: Option<String>,
    },
    /// `docker-archive:FILE[:NAME:TAG]`, what `docker save` writes.
    DockerArchive {
        /// File, as written.
        file: String,
        /// A `RepoTags` entry; the only image of the archive where absent.
        tag: Option<String>,
    },
    /// `dir:PATH`, a directory that is the root of the image.
    Dir(String),
    /// `tar:FILE`, a tar (plain, gzip, zstd or xz) that is the root of the image.
    Tar(String),
}

/// An image in a registry, in full: `docker.io/library/alpine:3.20`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegistryRef {
    /// Host and optional port, such as `docker.io` or `127.0.0.1:5000`.
    pub registry: String,
    /// Path of the repository, such as `library/alpine`.
    pub repository: String,
    /// Tag; `latest` where neither tag nor digest was written.
    pub tag: Option<String>,
    /// Digest of the manifest or index.
    pub digest: Option<Digest<Blob>>,
}

/// Why a text is not a reference.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing after the scheme, or nothing at all.
    #[error("image reference `{0}` is empty after its scheme")]
    Empty(String),
    /// A part does not follow the distribution specification's grammar.
    #[error("image reference `{text}` is not valid: {why}")]
    Grammar {
        /// The whole text.
        text: String,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// The part after `@` is no digest.
    #[error("image reference `{text}` has no valid digest after `@`")]
    Digest {
        /// The whole text.
        text: String,
        /// What is wrong with the digest.
        source: DigestError,
    },
}

impl Reference {
    /// The same image with its path, if it has a relative one, going on from `dir`.
    pub fn seen_from(self, dir: &Path) -> Self {
        let join = |path: String| dir.join(path).to_string_lossy().into_owned();
        match self {
            Self::Registry(_) => self,
            Self::Oci { dir, tag } => Self::Oci {
                dir: join(dir),
                tag,
            },
            Self::OciArchive { file, tag } => Self::OciArchive {
                file: join(file),
                tag,
            },
            Self::DockerArchive { file, tag } => Self::DockerArchive {
                file: join(file),
                tag,
            },
            Self::Dir(path) => Self::Dir(join(path)),
            Self::Tar(path) => Self::Tar(join(path)),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let scheme = |name: &str| {
            text.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(':'))
        };
        let filled = |rest: &str| {
            if rest.is_empty() {
                Err(ReferenceError::Empty(text.to_owned()))
            } else {
                Ok(rest.to_owned())
            }
        };
        if let Some(rest) = scheme("oci") {
            let (dir, tag) = split_tag(rest);
            Ok(Self::Oci {
                dir: filled(dir)?,
                tag,
            })
        } else if let Some(rest) = scheme("oci-archive") {
            let (file, tag) = split_tag(rest);
            Ok(Self::OciArchive {
                file: filled(file)?,
                tag,
            })
        } else if let Some(rest) = scheme("docker-archive") {
            let (file, tag) = split_tag(rest);
            Ok(Self::DockerArchive {
                file: filled(file)?,
                tag,
            })
        } else if let Some(rest) = scheme("dir") {
            Ok(Self::Dir(filled(rest)?))
        } else if let Some(rest) = scheme("tar") {
            Ok(Self::Tar(filled(rest)?))
        } else {
            text.parse().map(Self::Registry)
        }
    }
}

/// `DIR[:TAG]`: the tag begins at the first colon, as a path before it may not hold one.
fn split_tag(rest: &str) -> (&str, Option<String>) {
    match rest.split_once(':') {
        Some((path, tag)) if !tag.is_empty() => (path, Some(tag.to_owned())),
        Some((path, _)) => (path, None),
        None => (rest, None),
    }
}

impl FromStr for RegistryRef {
    type Err = ReferenceError;

    /// Follows the grammar of the `distribution/reference` package, Docker's default names included.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let grammar = |why| ReferenceError::Grammar {
            text: text.to_owned(),
            why,
        };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let parsed = digest.parse();
                (
                    rest,
                    Some(parsed.map_err(|source| ReferenceError::Digest {
                        text: text.to_owned(),
                        source,
                    })?),
                )
            }
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
                (host, path.to_owned())
            }
            Some(_) => ("docker.io", name.to_owned()),
            None => ("docker.io", format!("library/{name}")),
        };
        let registry = if registry == "index.docker.io" {
            "docker.io"
        } else {
            registry
        };
        let is_component = |c: &str| {
            let edge =
                |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
            edge(c.as_bytes().first()) && edge(c.as_bytes().last()) && c.bytes().all(inner)
        };
        if name.is_empty() {
            return Err(grammar("it is empty"));
        }
        if !repository.split('/').all(is_component) {
            return Err(grammar(
                "a repository name has only a-z, 0-9, `.`, `_`, `-` and `/`",
            ));
        }
        let host_byte = |b: u8| b.is_ascii_alphanumeric() || b"._-:[]".contains(&b);
        if !registry.bytes().all(host_byte) {
            return Err(grammar("the registry is not a host name"));
        }
        let tag_byte = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if tag
            .as_ref()
            .is_some_and(|t| t.is_empty() || t.len() > 128 || !t.bytes().all(tag_byte))
        {
            return Err(grammar("a tag has only letters, digits, `.`, `_` and `-`"));
        }
        let tag = if tag.is_none() && digest.is_none() {
            Some("latest".to_owned())
        } else {
            tag
        };
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            tag,
            digest,
        })
    }
}

impl fmt::Display for RegistryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tagged = |f: &mut fmt::Formatter<'_>, scheme, path, tag: &Option<String>| match tag {
            Some(tag) => write!(f, "{scheme}:{path}:{tag}"),
            None => write!(f, "{scheme}:{path}"),
        };
        match self {
            Self::Registry(reference) => reference.fmt(f),
            Self::Oci { dir, tag } => tagged(f, "oci", dir, tag),
            Self::OciArchive { file, tag } => tagged(f, "oci-archive", file, tag),
            Self::DockerArchive { file, tag } => tagged(f, "docker-archive", file, tag),
            Self::Dir(path) => write!(f, "dir:{path}"),
            Self::Tar(path) => write!(f, "tar:{path}"),
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_defaults_are_filled_in() {
        let full = |text: &str| text.parse::<Reference>().unwrap().to_string();
        assert_eq!(full("alpine"), "docker.io/library/alpine:latest");
        assert_eq!(full("linuxkit/init:v1"), "docker.io/linuxkit/init:v1");
        assert_eq!(full("localhost/web"), "localhost/web:latest");
        assert_eq!(full("127.0.0.1:5000/a/b"), "127.0.0.1:5000/a/b:latest");
        let digest = format!("x.test/web@sha256:{}", "ab".repeat(32));
        assert_eq!(full(&digest), digest);
    }

    #[test]
    fn local_kinds_are_recognised() {
        assert_eq!(
            "oci:layouts/web:v2".parse::<Reference>().unwrap(),
            Reference::Oci {
                dir: "layouts/web".into(),
                tag: Some("v2".into())
            }
        );
        assert_eq!(
            "dir:/srv/root".parse::<Reference>().unwrap(),
            Reference::Dir("/srv/root".into())
        );
    }

    #[test]
    fn malformed_references_are_refused() {
        for text in [
            "",
            "UPPER/case",
            "a b",
            "x.test/",
            "web:",
            "web@sha256:12",
            "dir:",
            "oci:",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }
}
