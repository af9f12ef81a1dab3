//! Processor architectures, by the names that OCI images use.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An architecture that a host can be built for (OCI image specification, `GOARCH` names).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86-64
    Amd64,
    /// AArch64
    Arm64,
    /// RISC-V, 64 bits
    Riscv64,
}

/// A text that names no known architecture.
#[derive(Debug, thiserror::Error)]
#[error("unknown architecture `{0}` (known: amd64, arm64, riscv64)")]
pub struct UnknownArch(String);

impl Arch {
    /// All architectures, in order of name.
    pub const ALL: [Self; 3] = [Self::Amd64, Self::Arm64, Self::Riscv64];

    /// The name in OCI images and in Debian: `amd64`, `arm64`, `riscv64`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
            Self::Riscv64 => "riscv64",
        }
    }

    /// The architecture that this program was compiled for, if hosts can be built for it.
    pub fn native() -> Option<Self> {
        if cfg!(target_arch = "x86_64") {
            Some(Self::Amd64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Self::Arm64)
        } else if cfg!(target_arch = "riscv64") {
            Some(Self::Riscv64)
        } else {
            None
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Arch {
    type Err = UnknownArch;

    fn from_str(text: &str) -> Result<Self, UnknownArch> {
        match text {
            "amd64" | "x86_64" => Ok(Self::Amd64),
            "arm64" | "aarch64" => Ok(Self::Arm64),
            "riscv64" => Ok(Self::Riscv64),
            other => Err(UnknownArch(other.to_owned())),
        }
    }
}
