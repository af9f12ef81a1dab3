//! What can go wrong, as sentences.

use std::io;

use bedplate_sys::tool::ToolError;

/// Why a tool did not do what it was started for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments are wrong.
    #[error("{0}")]
    Usage(String),
    /// A file, a device or a connection.
    #[error("cannot {doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it did not work.
        source: io::Error,
    },
    /// A program that was started.
    #[error("cannot {doing}")]
    Tool {
        /// What was being done.
        doing: String,
        /// Why it did not work.
        source: ToolError,
    },
    /// What was found is not what may be worked with.
    #[error("{what}")]
    Refused {
        /// A sentence.
        what: String,
        /// What a person can do.
        hint: Option<String>,
    },
}

impl Error {
    /// For `map_err`: an error of the system while `doing` something.
    pub fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// For `map_err`: an error of a program while `doing` something.
    pub fn tool(doing: impl Into<String>) -> impl FnOnce(ToolError) -> Self {
        let doing = doing.into();
        move |source| Self::Tool { doing, source }
    }

    /// Something that is refused.
    pub fn refused(what: impl Into<String>, hint: &str) -> Self {
        Self::Refused {
            what: what.into(),
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { hint, .. } => hint.clone(),
            Self::Tool { source, .. } => source.hint(),
            _ => None,
        }
    }

    /// The error and its causes in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}
