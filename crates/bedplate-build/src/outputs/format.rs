//! The formats, by name.

use std::fmt;
use std::str::FromStr;

/// A form in which a host can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Kernel, initrd and command line, as three files.
    KernelInitrd,
    /// The root as one tar.
    Tar,
}

/// A text that names no format.
#[derive(Debug, thiserror::Error)]
#[error("unknown format `{0}` (known: kernel+initrd, tar)")]
pub struct UnknownFormat(String);

impl Format {
    /// All formats.
    pub const ALL: [Self; 2] = [Self::KernelInitrd, Self::Tar];

    /// Is the root an initramfs in it?
    pub fn has_initramfs(self) -> bool {
        self != Self::Tar
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KernelInitrd => "kernel+initrd",
            Self::Tar => "tar",
        })
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.to_string() == text)
            .ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}
