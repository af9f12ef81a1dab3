//! Why a plan could not be carried out.

use std::io;
use std::path::PathBuf;

use bedplate_formats::tar::{TarError, WriteError};
use bedplate_store::StoreError;
use bedplate_sys::tool::ToolError;
use bedplate_tree::TreeError;
use bedplate_types::TreePath;

/// Why a plan could not be carried out. Nothing half written is left in place of an output.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Two inputs cannot lie in one tree.
    #[error("cannot merge {what} into the host")]
    Merge {
        /// The input.
        what: String,
        /// The conflict.
        source: TreeError,
    },
    /// A layer in the store is no readable tar.
    #[error("cannot read {what}")]
    Archive {
        /// Which image and layer.
        what: String,
        /// What is wrong with it.
        source: TarError,
    },
    /// A tree was not written as a tar.
    #[error("cannot write {what}")]
    Tar {
        /// Which tree.
        what: String,
        /// Why not.
        source: WriteError,
    },
    /// Reading or writing failed.
    #[error("cannot {doing}")]
    Io {
        /// What was being done, to what.
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// The store could not give or take something.
    #[error("cannot {doing}")]
    Store {
        /// What was being done, to what.
        doing: String,
        /// Why not.
        source: StoreError,
    },
    /// An output could not be put together.
    #[error("cannot write {what}")]
    Format {
        /// Which.
        what: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A program of the build machine could not do its work.
    #[error("cannot {doing}")]
    Tool {
        /// What was being done.
        doing: String,
        /// Why not.
        source: ToolError,
    },
    /// A program that runs inside hosts is not where it should be.
    #[error("{name}, which hosts with `init: [bedplate]` run, is not in {}", directory.display())]
    NoProgram {
        /// `bedplate-init`, `bedplate-runtime` or `bedplate-tools`.
        name: String,
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// An input is not what its place in the spec asks for.
    #[error("{what}")]
    Input {
        /// A sentence.
        what: String,
        /// What the user can do.
        hint: Option<String>,
    },
    /// An output format cannot hold something that the host has.
    #[error("{format} cannot hold `{path}`: {why}")]
    Unrepresentable {
        /// The format.
        format: &'static str,
        /// What it cannot hold.
        path: TreePath,
        /// Why.
        why: String,
        /// What the user can do.
        hint: &'static str,
    },
}

impl BuildError {
    /// An [`BuildError::Io`] for `map_err`.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// A [`BuildError::Format`] for `map_err`.
    pub(crate) fn format(
        what: &str,
    ) -> impl FnOnce(Box<dyn std::error::Error + Send + Sync>) -> Self {
        move |source| match source.downcast() {
            Ok(known) => *known,
            Err(source) => Self::Format {
                what: what.to_owned(),
                source,
            },
        }
    }

    /// A [`BuildError::Store`] for `map_err`.
    pub(crate) fn store(doing: impl Into<String>) -> impl FnOnce(StoreError) -> Self {
        let doing = doing.into();
        move |source| Self::Store { doing, source }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Input { hint, .. } => hint.clone(),
            Self::Store { source, .. } => source.hint(),
            Self::Io { .. } | Self::Tar { .. } if is_full_in(self) => {
                Some("make room, or choose another directory with --output".to_owned())
            }
            Self::Archive { source, .. } => source.hint().map(str::to_owned),
            Self::Tool { source, .. } => source.hint(),
            Self::NoProgram { .. } => Some(
                "it belongs beside `bedplate`, or in the directory that BEDPLATE_GUEST_DIR names"
                    .to_owned(),
            ),
            Self::Unrepresentable { hint, .. } => Some((*hint).to_owned()),
            Self::Merge {
                source: TreeError::LeavesImage { .. } | TreeError::SymlinkLoop(_),
                ..
            } => Some("the image was not made by a container tool; do not use it".to_owned()),
            Self::Merge {
                source: TreeError::ReplacesDirectory { .. },
                ..
            } => Some("`bedplate why PATH SPEC` tells who put it there".to_owned()),
            _ => None,
        }
    }
}

/// Is a full disk among the causes?
fn is_full_in(error: &(dyn std::error::Error + 'static)) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let is_full =
        |error: &io::Error| matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge);
    let here = error.downcast_ref().is_some_and(is_full);
    here || error.source().is_some_and(is_full_in)
}
