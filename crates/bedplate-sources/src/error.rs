//! Why an image could not be had.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use bedplate_formats::compression::TooLarge;
use bedplate_store::StoreError;
use bedplate_sys::tool::ToolError;

/// What kind of failure it is; exit codes are chosen by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// There is no such image, tag, file or package.
    NotFound,
    /// The registry wants credentials, or other ones.
    Unauthorised,
    /// The other side cannot be reached, stalls, or fails by itself.
    Network,
    /// Bytes are not what their digest says, or exceed a limit.
    Integrity,
    /// The image or the request is malformed or of an unknown kind.
    BadInput,
    /// No space is left.
    NoSpace,
    /// A program of the build machine is not installed.
    ToolMissing,
    /// Anything else that the system refused.
    Io,
}

/// An image that could not be had: a sentence that names it, the cause apart.
#[derive(Debug)]
pub struct SourceError {
    image: Option<String>,
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SourceError {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            image: None,
            kind,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// Adds the cause. A full disk, wherever in the cause it is, decides the kind.
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        if is_full_in(&*source) {
            self.kind = ErrorKind::NoSpace;
        }
        self.source = Some(source);
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the image, once.
    pub(crate) fn of(mut self, image: &str) -> Self {
        self.image.get_or_insert_with(|| image.to_owned());
        self
    }

    /// Says more closely what was being done.
    pub(crate) fn within(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadInput, message)
    }

    /// A file operation failed: `cannot read `x``.
    pub(crate) fn file(action: &str, path: &Path, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Io,
        };
        Self::new(kind, format!("cannot {action} `{}`", path.display())).because(source)
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.image {
            Some(image) => write!(f, "cannot get image `{image}`: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::NoSpace { .. } => ErrorKind::NoSpace,
            StoreError::Mismatch { .. } => ErrorKind::Integrity,
            StoreError::Input(source) if TooLarge::of(source).is_some() => ErrorKind::Integrity,
            StoreError::Input(_) => ErrorKind::BadInput,
            _ => ErrorKind::Io,
        };
        let mut new = Self::new(kind, error.to_string());
        new.hint = error.hint();
        new.source = Error::source(&error).map(|source| flatten(source).into());
        new
    }
}

impl From<ToolError> for SourceError {
    fn from(error: ToolError) -> Self {
        let kind = match &error {
            ToolError::Missing { .. } => ErrorKind::ToolMissing,
            _ => ErrorKind::Io,
        };
        let mut new = Self::new(kind, error.to_string());
        new.hint = error.hint();
        new
    }
}

/// Is a full disk among the causes?
fn is_full_in(error: &(dyn Error + 'static)) -> bool {
    let here = error.downcast_ref().is_some_and(is_full);
    here || error.source().is_some_and(is_full_in)
}

/// Did it fail for want of space?
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// A chain of causes as one sentence, for where the chain itself cannot be kept.
pub(crate) fn flatten(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
