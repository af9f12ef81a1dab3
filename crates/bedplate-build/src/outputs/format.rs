//! The formats, by name.

use std::fmt;
use std::str::FromStr;

use bedplate_boot::root::Place;
use bedplate_spec::lock::ImageRequest;

use super::uki;

/// A form in which a host can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Kernel, initrd and command line, as three files.
    KernelInitrd,
    /// Kernel, initrd and command line, with the root image as a file of its own for a server.
    Netboot,
    /// The root as one tar.
    Tar,
    /// Kernel, initrd and command line as one EFI program (UAPI.5, "Unified Kernel Image").
    Uki,
    /// A disk that UEFI boots, as the machine sees it.
    Raw,
    /// The same in QEMU's format.
    Qcow2,
}

/// A text that names no format.
#[derive(Debug, thiserror::Error)]
#[error("unknown format `{0}` (known: {known})", known = Format::ALL.map(|format| format.to_string()).join(", "))]
pub struct UnknownFormat(String);

impl Format {
    /// All formats.
    pub const ALL: [Self; 6] = [
        Self::KernelInitrd,
        Self::Netboot,
        Self::Tar,
        Self::Uki,
        Self::Raw,
        Self::Qcow2,
    ];

    /// What it is made with besides the host: to be resolved with what the spec names.
    pub fn requests(self) -> Vec<ImageRequest> {
        let stub = self.has_uki().then(uki::stub_request);
        stub.into_iter().collect()
    }

    /// Is it made of the Unified Kernel Image?
    pub(super) fn has_uki(self) -> bool {
        self == Self::Uki || self.has_disk()
    }

    /// Where a host whose root is an image looks for it; nothing for a format without an initramfs.
    pub(super) fn place(self) -> Option<Place> {
        match self {
            Self::Tar => None,
            Self::KernelInitrd | Self::Uki => Some(Place::Initramfs),
            // Whoever boots it says where: the command line has the URL.
            Self::Netboot => Some(Place::Network { urls: Vec::new() }),
            Self::Raw | Self::Qcow2 => Some(Place::Partitions),
        }
    }

    /// Is it made of the disk?
    pub(super) fn has_disk(self) -> bool {
        matches!(self, Self::Raw | Self::Qcow2)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KernelInitrd => "kernel+initrd",
            Self::Netboot => "kernel+initrd+root",
            Self::Tar => "tar",
            Self::Uki => "uki",
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
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
