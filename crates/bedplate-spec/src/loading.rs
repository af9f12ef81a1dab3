//! How the text of spec files gets in: through a callback, because this crate opens nothing.

use std::path::{Path, PathBuf};

/// The text of one YAML file, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The name that messages use: the path as it was written, or `-` for standard input.
    pub label: String,
    /// What makes the file the same file under any name: its canonical path, or a URL. Files that
    /// include each other are found by it.
    pub id: PathBuf,
    /// Directory that relative paths in the file start from: that of the file; for standard input and
    /// URLs the working directory. Absolute, so that a plan does not depend on the working directory.
    pub dir: PathBuf,
    /// The YAML.
    pub text: String,
    /// Which variables it sees where another file includes it.
    pub scope: Scope,
}

/// The variables that an included file sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// Those of the file that includes it, and what the `include:` sets.
    #[default]
    Shared,
    /// Only what the `include:` sets: a name means the same wherever the file is included.
    Own,
}

/// Brings spec files.
pub trait Load {
    /// Reads the file `name`. `from` is the [`SourceText::id`] of the file that includes it, whose
    /// directory a relative `name` starts from; absent for a SPEC of the command line.
    fn load(&self, from: Option<&Path>, name: &str) -> Result<SourceText, LoadError>;
}

/// Why a spec file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the spec `{name}`")]
pub struct LoadError {
    /// The name that was asked for.
    pub name: String,
    /// Why.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
