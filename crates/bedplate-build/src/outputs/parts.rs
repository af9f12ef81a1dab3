//! The finished parts of a host, of which everything that boots is made.
//!
//! Disks, media and archives take these and nothing else: whether the root is in the initrd or apart from it
//! is decided before.

use bedplate_formats::guid::Guid;
use bedplate_tree::Content;
use bedplate_types::{Arch, Epoch};
use sha2::{Digest as _, Sha256};

use super::apart::Apart;
use super::contents::Contents;

/// Finished parts. All contents are in `contents`.
pub(super) struct Parts<'a> {
    pub(super) arch: Arch,
    pub(super) epoch: Epoch,
    /// The host's name.
    pub(super) name: &'a str,
    pub(super) kernel: Content,
    pub(super) initrd: Content,
    /// The kernel command line, without white space at its ends.
    pub(super) cmdline: &'a str,
    /// The Unified Kernel Image of the three, where a form wants it; signed, if images are.
    pub(super) uki: Option<Content>,
    /// The root as an image of its own, where the initrd is not all of it.
    pub(super) apart: Option<&'a Apart>,
    pub(super) contents: Contents<'a>,
}

impl Parts<'_> {
    /// The Unified Kernel Image, where a form says that it is made of one ([`super::Format`]).
    pub(super) fn uki(&self) -> &Content {
        self.uki
            .as_ref()
            .expect("forms that hold a UKI have one made")
    }

    /// What disks and volumes with the Unified Kernel Image are called after.
    pub(super) fn names(&self) -> Names {
        Names::of(&[self.uki()], "")
    }
}

/// Identifiers that follow from a digest: the same contents, the same names.
pub(super) struct Names([u8; 32]);

impl Names {
    /// After contents that lie in files or the store, and a text. One content without a text stands for itself.
    pub(super) fn of(contents: &[&Content], text: &str) -> Self {
        let digest = |content: &Content| match content {
            Content::Inline(bytes) => Sha256::digest(bytes).into(),
            Content::Stored { object, .. } => *object.as_bytes(),
        };
        let digests: Vec<[u8; 32]> = contents.iter().map(|content| digest(content)).collect();
        match digests[..] {
            [one] if text.is_empty() => Self(one),
            _ => Self(Sha256::digest([&digests.concat(), text.as_bytes()].concat()).into()),
        }
    }

    /// The GUID of what has this role.
    pub(super) fn guid(&self, role: &str) -> Guid {
        Guid::derived(&[role.as_bytes(), &self.0].concat())
    }

    /// A number for where there is no room for a GUID.
    pub(super) fn serial(&self) -> u32 {
        u32::from_le_bytes([self.0[0], self.0[1], self.0[2], self.0[3]])
    }
}
