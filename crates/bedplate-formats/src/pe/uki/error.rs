//! Why a Unified Kernel Image was not written.

use std::io;

use crate::pe::PeError;

/// Why a Unified Kernel Image was not written.
#[derive(Debug, thiserror::Error)]
pub enum UkiError {
    /// The stub, or the image that should be changed, is not what it should be; or the result would be
    /// too large.
    #[error(transparent)]
    Pe(#[from] PeError),
    /// What a section should hold could not be read, or the image not be written.
    #[error("cannot write section `{section}`")]
    Io {
        /// Which section; `stub` for what comes before them.
        section: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A section without content: firmware need not load it.
    #[error("section `{0}` would be empty: leave it out")]
    Empty(&'static str),
    /// The stub has such a section: it is a finished image.
    #[error("the stub has a section `{0}` already, so it is no stub")]
    Duplicate(&'static str),
    /// The stub would ignore what is given to it.
    #[error("the stub is too old for a section `{0}` and would ignore it")]
    UnknownToStub(&'static str),
    /// The headers cannot grow: the first section is in their way, or something else lies there.
    #[error("the stub has no room for {0} more section headers")]
    NoRoom(usize),
    /// A command line cannot be replaced where there is none.
    #[error("the image has no section `.cmdline`")]
    NoCmdline,
    /// Profiles have command lines of their own.
    #[error("the image has {0} sections `.cmdline`: it has profiles, which are not supported here")]
    SeveralCmdlines(usize),
    /// The command line needs more memory than there is up to a section that cannot move.
    #[error("the command line has no room before section `{0}`, which cannot be moved")]
    Crowded(String),
}
