//! Why a built host could not be opened.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use bedplate_store::StoreError;

/// Why a built host could not be opened, or read.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Reading failed.
    #[error("cannot {doing}")]
    Io {
        /// What was being done, to what.
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// Room for what is unpacked could not be had.
    #[error("cannot unpack {}", path.display())]
    Scratch {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: StoreError,
    },
    /// A file that is none of a host.
    #[error("{} is no manifest, tar, SquashFS image, initrd, EFI program or disk of a host", path.display())]
    NotImage {
        /// Which file.
        path: PathBuf,
    },
    /// A file whose bytes are not what they should be.
    #[error("cannot read {} as {what}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What it was taken for, with its article.
        what: &'static str,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file that is not as long as its manifest says.
    #[error("{} has {len} bytes, and its manifest says {expected}", path.display())]
    Length {
        /// Which file.
        path: PathBuf,
        /// Its length.
        len: u64,
        /// What the manifest says.
        expected: u64,
    },
    /// A manifest without a file that can be looked into.
    #[error("no file that {} names can be looked into", path.display())]
    NoArtefact {
        /// The manifest.
        path: PathBuf,
    },
    /// A directory without a manifest.
    #[error("{} has no manifest of a host", path.display())]
    NoManifest {
        /// The directory.
        path: PathBuf,
    },
    /// A directory with the manifests of several hosts.
    #[error("{} has {count} manifests of hosts", path.display())]
    SeveralManifests {
        /// The directory.
        path: PathBuf,
        /// How many.
        count: usize,
    },
}

impl ImageError {
    /// An [`ImageError::Io`] for `map_err`.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// An [`ImageError::Malformed`] for `map_err`.
    pub(super) fn malformed<E: Error + Send + Sync + 'static>(
        path: &Path,
        what: &'static str,
    ) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |source| Self::Malformed {
            path,
            what,
            source: source.into(),
        }
    }

    /// Is it that bytes are not what they should be?
    pub fn is_malformed(&self) -> bool {
        match self {
            Self::NotImage { .. } | Self::Malformed { .. } | Self::Length { .. } => true,
            Self::Io { source, .. } => source.kind() == io::ErrorKind::InvalidData,
            _ => false,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Length { .. } => Some("it was changed or cut off: build or copy it again"),
            Self::NoArtefact { .. } => Some(
                "build with --format tar, kernel+initrd, kernel+initrd+root, uki or raw, or put the files beside it",
            ),
            Self::NoManifest { .. } | Self::SeveralManifests { .. } => {
                Some("name the manifest, or another file of the host")
            }
            _ => None,
        }
    }
}
