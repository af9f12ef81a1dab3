//! Why a host could not be run, or did not do what was asked.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bedplate_sys::tool::ToolError;
use bedplate_types::ByteSize;

use crate::medium::Firmware;
use crate::memory::Need;

/// Why a host could not be run, or did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The path holds no host.
    #[error("`{path}` holds no built host")]
    NoHost {
        /// What was looked at.
        path: PathBuf,
    },
    /// The directory holds several hosts.
    #[error("`{path}` holds several hosts: {names}", names = .names.join(", "))]
    SeveralHosts {
        /// What was looked at.
        path: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
    /// The kernel is for a machine that this cannot start.
    #[error("`{path}` is no x86-64 Linux kernel")]
    ForeignKernel {
        /// The kernel.
        path: PathBuf,
    },
    /// Firmware finds nothing on the file that it could boot.
    #[error(
        "`{path}` does not boot: it has no partition table or boot catalogue with what firmware looks for"
    )]
    NotBootable {
        /// The file.
        path: PathBuf,
    },
    /// The form of a host is for other firmware.
    #[error("no {firmware} boots `{path}`")]
    WrongFirmware {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        firmware: Firmware,
    },
    /// The initramfs cannot unpack in so much memory.
    #[error("{given} of memory cannot hold this host: it takes {need}", need = .need.describe())]
    TooLittleMemory {
        /// What was asked for.
        given: ByteSize,
        /// What it takes.
        need: Need,
    },
    /// An option does not make sense.
    #[error("{message}")]
    Option {
        /// A sentence.
        message: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// Reading or writing failed.
    #[error("cannot {doing}")]
    Io {
        /// What was being done, to what.
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// A program of the build machine failed.
    #[error("cannot start the machine")]
    Tool(#[from] ToolError),
    /// QEMU ended before the guest started.
    #[error("QEMU did not start the guest: {message}")]
    NotStarted {
        /// What it said.
        message: String,
    },
    /// Something did not happen in time.
    #[error("{what} within {} s", .after.as_secs())]
    Timeout {
        /// A sentence's beginning: "the host was not up".
        what: String,
        /// The time that it had.
        after: Duration,
        /// The end of the console's text.
        console: String,
    },
    /// The machine ended while something was still expected of it.
    #[error("the machine ended before {before}")]
    Ended {
        /// What was expected.
        before: String,
        /// The end of the console's text.
        console: String,
    },
    /// The host refused a request.
    #[error("the host refused: {message}")]
    Refused {
        /// What it said.
        message: String,
    },
}

impl RunError {
    /// An [`RunError::Io`] for `map_err`.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    /// An [`RunError::Option`].
    pub(crate) fn option(message: impl Into<String>, hint: &str) -> Self {
        Self::Option {
            message: message.into(),
            hint: Some(hint.to_owned()),
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHost { .. } => Some(
                "give the directory that `bedplate build -o` wrote, or one of its files".into(),
            ),
            Self::NotBootable { .. } => {
                Some("build it again: `bedplate build --format raw`, `raw-bios` or `iso`".into())
            }
            Self::WrongFirmware { firmware, .. } => Some(match firmware {
                Firmware::Bios => "leave --bios out, or build --format raw-bios or iso".into(),
                Firmware::Uefi => "leave --uefi out, or build --format raw, iso or uki".into(),
            }),
            Self::SeveralHosts { .. } => Some("choose one with --name".into()),
            Self::TooLittleMemory { need, .. } => Some(format!(
                "give at least --mem {}M, or leave --mem out",
                need.minimum().0 >> 20
            )),
            Self::Option { hint, .. } => hint.clone(),
            Self::Tool(error) => error.hint(),
            _ => None,
        }
    }

    /// The end of the console's text, where that tells what went wrong.
    pub fn console(&self) -> Option<&str> {
        match self {
            Self::Timeout { console, .. } | Self::Ended { console, .. } => Some(console),
            _ => None,
        }
    }
}
