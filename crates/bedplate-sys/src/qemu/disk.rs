//! Disks of a machine.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A disk that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its file.
    pub file: PathBuf,
    /// Its format.
    pub format: DiskFormat,
}

/// Format of a disk's file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DiskFormat {
    /// Bytes as the guest sees them.
    #[default]
    Raw,
    /// QEMU's own.
    Qcow2,
    /// VMware's.
    Vmdk,
    /// That of Hyper-V and Azure.
    Vhd,
}

impl DiskFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Raw, Self::Qcow2, Self::Vmdk, Self::Vhd];

    /// What QEMU calls it.
    pub fn driver(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
            Self::Vmdk => "vmdk",
            Self::Vhd => "vpc",
        }
    }
}

impl fmt::Display for DiskFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vhd => "vhd",
            other => other.driver(),
        })
    }
}

impl FromStr for DiskFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL
            .into_iter()
            .find(|format| format.to_string() == text);
        let known = || Self::ALL.map(|format| format.to_string()).join(", ");
        found.ok_or_else(|| format!("unknown disk format `{text}` (known: {})", known()))
    }
}
