//! The build plan: what will be done, as a value.
//!
//! `--dry-run` prints it, tests compare it, and the builder accepts nothing else.

use std::path::PathBuf;

use bedplate_types::{Arch, Epoch, TreePath};
use serde::{Deserialize, Serialize};

use crate::diagnostics::Diagnostics;
use crate::lock::ImageId;

/// All that makes a host, in the order in which it is merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildPlan {
    /// Architecture of the host.
    pub arch: Arch,
    /// Time stamp that nothing in the host is later than.
    pub epoch: Epoch,
    /// Where kernel, its modules and microcode come from; a host of fragments may have none.
    pub kernel: Option<KernelPlan>,
    /// The kernel command line, as the spec has it; the builder may append to it.
    pub cmdline: String,
    /// Is PID 1 our own, or does an image of `init:` or the base bring one?
    pub init: InitFlavour,
    /// Where its root lies.
    pub root: RootForm,
    /// Public keys that the host believes.
    pub trust: Vec<String>,
    /// What is merged, in order.
    pub steps: Vec<Step>,
    /// What in the spec or in a label of an image has no effect, or is likely not meant.
    pub warnings: Diagnostics,
}

/// Who is PID 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitFlavour {
    /// `bedplate-init`.
    Bedplate,
    /// Whatever the images of `init:` hold as `/init`.
    Images,
    /// `/sbin/init` of the base.
    Base,
}

impl InitFlavour {
    /// Where the root of such a host lies unless its spec says so.
    pub(crate) fn usual_root(self) -> RootForm {
        match self {
            Self::Bedplate | Self::Images => RootForm::Initramfs,
            Self::Base => RootForm::Image,
        }
    }
}

/// Where the root of a host lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootForm {
    /// The initramfs is the root.
    Initramfs,
    /// The root is a read-only image, which an initramfs finds ([`bedplate_boot::root`]).
    Image,
}

/// Where the kernel comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KernelPlan {
    /// The image: a LinuxKit kernel image, or packages that hold `/boot/vmlinuz-*` and modules.
    pub image: ImageId,
    /// Name of the kernel in a LinuxKit kernel image; `kernel` unless the spec says otherwise.
    pub binary: String,
    /// Name of the tar in the image that is unpacked over the root; `None` for none.
    pub tar: Option<String>,
    /// Name of a cpio in the image that goes before the initrd.
    pub ucode: Option<String>,
}

/// One thing that is merged into the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Where it goes: a directory for [`Action::Image`], else the thing itself.
    pub at: TreePath,
    /// Who asked for it, for `bedplate why`: ``services `web` (hello.yml:12)``.
    pub origin: String,
    /// What it is.
    pub action: Action,
}

/// What a [`Step`] merges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The root of an image.
    Image {
        /// Which.
        image: ImageId,
    },
    /// An image as an OCI layout (LinuxKit's `format: oci` volumes).
    OciLayout {
        /// Which.
        image: ImageId,
        /// `os/arch[/variant]`; all that the image has where empty.
        platforms: Vec<String>,
    },
    /// A directory; one that exists keeps its entries and takes this owner and mode.
    Directory(Owner),
    /// A regular file.
    File {
        /// Its bytes.
        content: FileContent,
        /// Owner and permissions.
        owner: Owner,
    },
    /// A symbolic link.
    Symlink {
        /// Its target, verbatim.
        target: String,
        /// Its owner; the mode means nothing.
        owner: Owner,
    },
    /// `bedplate-tools`.
    Tools,
    /// `bedplate-init`, the container runtime and the control tool, at their places ([`bedplate_boot`]).
    InitPrograms,
}

/// Owner and permissions of what a step makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// Permission bits, `0o7777` at most.
    pub mode: u32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Where the bytes of a file come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileContent {
    /// The spec, or the planner, holds them.
    Inline(#[serde(serialize_with = "as_text")] Vec<u8>),
    /// A file or, recursively, a directory of the build machine. Relative paths were made absolute
    /// against the directory of the spec file.
    Host {
        /// Which.
        path: PathBuf,
        /// If it does not exist, the step does nothing.
        optional: bool,
    },
}

fn as_text<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}
