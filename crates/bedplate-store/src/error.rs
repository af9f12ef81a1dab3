//! What can go wrong in a store.

use std::io;
use std::path::{Path, PathBuf};

use bedplate_types::{Digest, Object};

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system, or the user's quota or file size limit, is full.
    #[error("no space left for the cache in `{}`", .dir.display())]
    NoSpace {
        /// Directory of the store.
        dir: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file operation failed.
    #[error("cannot {action} `{}` for the cache", .path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The content that was to be kept could not be read.
    #[error("cannot read the content that is to be kept")]
    Input(#[source] io::Error),
    /// The object is not in the store.
    #[error("object {0} is not in the cache")]
    NotFound(Digest<Object>),
    /// What was to be kept is not what it was said to be. Nothing of it is left.
    #[error("the content has digest {actual} instead of {expected}")]
    Mismatch {
        /// What it was said to be.
        expected: Digest<Object>,
        /// What it is.
        actual: Digest<Object>,
    },
    /// An object was whole when it was kept, and is not any more.
    #[error("object {0} in the cache is damaged")]
    Damaged(Digest<Object>),
    /// Others use the store, so that nothing may be removed now.
    #[error("the cache `{}` is in use{}", .dir.display(), holders(.processes))]
    Busy {
        /// Directory of the store.
        dir: PathBuf,
        /// Ids of the processes that use it, as far as they can be seen.
        processes: Vec<u32>,
    },
    /// The directory was written by another version.
    #[error("the cache `{}` has layout version {found}, and this program knows only 1", .dir.display())]
    Version {
        /// Directory of the store.
        dir: PathBuf,
        /// What its `version` file says.
        found: String,
    },
    /// Nothing in the store has this name.
    #[error("nothing in the cache is called `{0}`")]
    UnknownName(String),
}

impl StoreError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSpace { .. } => Some(
                "make room, run `bedplate cache gc`, or choose another directory with --cache"
                    .into(),
            ),
            Self::Busy { .. } => Some("try again when the other builds have ended".into()),
            Self::Version { dir, .. } => Some(format!(
                "remove `{}`, or choose another directory with --cache",
                dir.display()
            )),
            Self::Io { source, .. } if is_refused(source) => {
                Some("choose another directory with --cache".into())
            }
            Self::Damaged(_) => Some(
                "run `bedplate cache check`, which removes what is damaged, and build again".into(),
            ),
            Self::UnknownName(_) => Some("`bedplate cache ls` shows the names".into()),
            Self::NotFound(_) => Some("build again with --pull always".into()),
            _ => None,
        }
    }
}

/// Would it go well in another directory?
fn is_refused(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, NotADirectory, PermissionDenied, ReadOnlyFilesystem};
    matches!(
        error.kind(),
        AlreadyExists | NotADirectory | PermissionDenied | ReadOnlyFilesystem
    )
}

fn holders(processes: &[u32]) -> String {
    match processes {
        [] => String::new(),
        [one] => format!(" by process {one}"),
        many => {
            let ids: Vec<String> = many.iter().map(u32::to_string).collect();
            format!(" by processes {}", ids.join(", "))
        }
    }
}

/// Gives file errors their subject, and a full disk its own kind.
pub(crate) struct Doing<'a> {
    pub(crate) store: &'a Path,
    pub(crate) action: &'static str,
    pub(crate) path: &'a Path,
}

impl Doing<'_> {
    pub(crate) fn failed(&self, source: io::Error) -> StoreError {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        if matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
            return StoreError::NoSpace {
                dir: self.store.to_owned(),
                source,
            };
        }
        StoreError::Io {
            action: self.action,
            path: self.path.to_owned(),
            source,
        }
    }
}
