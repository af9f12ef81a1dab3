//! The formats, by name.

use std::fmt;
use std::str::FromStr;

use bedplate_boot::root::Place;
use bedplate_spec::lock::ImageRequest;
use bedplate_types::Arch;

use super::{grub, iso, triton, uki};

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
    /// The same in VMware's format, compressed (streamOptimized).
    Vmdk,
    /// The same in the format of Hyper-V and Azure, of a fixed length.
    Vhd,
    /// A medium that BIOS and UEFI boot, optical or as a disk.
    Iso,
    /// A disk that a BIOS boots.
    RawBios,
    /// The root as a container image: an archive of an OCI layout.
    Oci,
    /// A platform image of Triton.
    Triton,
}

/// A text that names no format.
#[derive(Debug, thiserror::Error)]
#[error("unknown format `{0}` (known: {known})", known = Format::ALL.map(|format| format.to_string()).join(", "))]
pub struct UnknownFormat(String);

impl Format {
    /// All formats.
    pub const ALL: [Self; 12] = [
        Self::KernelInitrd,
        Self::Netboot,
        Self::Tar,
        Self::Uki,
        Self::Raw,
        Self::Qcow2,
        Self::Vmdk,
        Self::Vhd,
        Self::Iso,
        Self::RawBios,
        Self::Oci,
        Self::Triton,
    ];

    /// What it is made with besides the host: to be resolved with what the spec names.
    pub fn requests(self, arch: Arch) -> Vec<ImageRequest> {
        let stub = self.has_uki().then(uki::stub_request);
        let has_grub = matches!(self, Self::Iso | Self::RawBios) && arch == Arch::Amd64;
        stub.into_iter()
            .chain(has_grub.then(grub::request))
            .collect()
    }

    /// Is it made of the Unified Kernel Image?
    pub(super) fn has_uki(self) -> bool {
        use Format::{Iso, Qcow2, Raw, Uki, Vhd, Vmdk};
        matches!(self, Uki | Raw | Qcow2 | Vmdk | Vhd | Iso)
    }

    /// Does it boot, by kernel and initrd?
    pub(super) fn boots(self) -> bool {
        !matches!(self, Self::Tar | Self::Oci)
    }

    /// Where a host of this name looks for its root image in this format, if its root is one.
    pub(super) fn place(self, name: &str) -> Place {
        match self {
            // Whoever boots it says where: the command line has the URL.
            Self::Netboot | Self::Triton => Place::Network { urls: Vec::new() },
            Self::Raw | Self::Qcow2 | Self::Vmdk | Self::Vhd | Self::RawBios => Place::Partitions,
            Self::Iso => Place::File {
                label: iso::label(name),
                path: format!("/{}", iso::ROOT),
            },
            Self::KernelInitrd | Self::Uki | Self::Tar | Self::Oci => Place::Initramfs,
        }
    }

    /// What the file with the root image is called, in this format, beside its description.
    pub(super) fn root_file(self, name: &str) -> String {
        match self {
            Self::Triton => triton::ROOT.to_owned(),
            _ => format!("{name}-root.img"),
        }
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
            Self::Vmdk => "vmdk",
            Self::Vhd => "vhd",
            Self::Iso => "iso",
            Self::RawBios => "raw-bios",
            Self::Oci => "oci",
            Self::Triton => "triton",
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
