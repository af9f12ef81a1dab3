//! A root that lies apart from the initramfs: what says which one it is, and what vouches for it.
//!
//! ```text
//! in the initramfs
//!   /init                           bedplate-init
//!   /etc/bedplate/root.json         Search: where to look, whom to trust
//!   /etc/bedplate/image.json        the image's description, where it was built together with the initramfs
//!   /etc/bedplate/image.json.sig    its signatures, where it has some
//!   /root.img                       the image itself, where the initramfs brings it (Place::Initramfs)
//!   /etc/ssl/certs/ca-certificates.crt   whom to believe at the other end of `https:`
//!   /lib/modules/RELEASE/           drivers, with the tables of depmod(8)
//!   /bin/sh                         for `bedplate.debug`, where there is one
//!   /zz-bedplate-complete           its last entry, as in every initramfs of ours
//!
//! beside the image, on a server or a medium
//!   NAME-root.img                   the image: a file system, then the hash tree of dm-verity
//!   NAME-image.json                 Image, the description
//!   NAME-image.json.sig             Signatures
//!
//!   root image      0                     Image::data_len              Image::len
//!                   | squashfs, padded to 4096 | verity superblock, tree |
//! ```
//!
//! Trust goes one way: [`Trust`] (baked into the initramfs) vouches for the bytes of a description, the
//! description for the image. In memory the image is checked whole, by its SHA-256; on a medium that may
//! change under the machine, block by block, by dm-verity with the description's root hash.

use bedplate_types::{Arch, Stamp};
use serde::{Deserialize, Serialize};

use crate::document::{self, UnknownVersion};

/// Where the [`Search`] lies; an initramfs that has it looks for a root, any other one is the root.
pub const SEARCH_DOCUMENT: &str = "/etc/bedplate/root.json";
/// Where the description lies in an initramfs that was built with its image.
pub const IMAGE_DOCUMENT: &str = "/etc/bedplate/image.json";
/// What follows the name of a description in that of its signatures.
pub const SIGNATURE_ENDING: &str = ".sig";
/// Where an initramfs that brings the image itself has it.
pub const ROOT_IMAGE: &str = "/root.img";

/// How an initramfs finds the root of its host: [`SEARCH_DOCUMENT`] as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Search {
    /// Version of this document: [`Search::VERSION`].
    pub version: u32,
    /// Where to look, unless the command line says another place (`bedplate.root=`).
    pub place: Place,
    /// Whom to believe.
    pub trust: Trust,
    /// Modules that are loaded in any case, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
}

/// Where a root image is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// In the initramfs, at [`ROOT_IMAGE`].
    Initramfs,
    /// In two partitions, for data and for hashes, whose GUIDs come from the root hash: the first and the
    /// last 128 bits of it (Discoverable Partitions Specification, UAPI.2).
    Partitions,
    /// In a file of a file system: iso9660, vfat or ext4.
    File {
        /// Label of the file system.
        label: String,
        /// Path in it, beginning with `/`. One that ends in `.json` is that of a description, beside which the
        /// image lies under [`Image::file`]; any other is the image itself, which the initramfs describes.
        path: String,
    },
    /// At a server: URLs of the description, `http:` or `https:`, any of which will do. The image lies
    /// beside it, under [`Image::file`].
    Network {
        /// At least one.
        urls: Vec<String>,
    },
}

/// Whose word is good for a description. Either will do; with none of them nothing is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Trust {
    /// The description with this SHA-256, 64 hexadecimal digits: the one that the initramfs was built with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Whatever one of these signed: ed25519 public keys, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// A root image, described: what is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    /// Version of this document: [`Image::VERSION`].
    pub version: u32,
    /// The host's name.
    pub name: String,
    /// Which build of it, from its epoch.
    pub stamp: Stamp,
    /// What it runs on.
    pub arch: Arch,
    /// Release of the kernel that its modules are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Name of the image's file, which lies beside the description. No `/` in it.
    pub file: String,
    /// Type of the file system, as mount(2) calls it.
    pub file_system: String,
    /// Length of the whole file in bytes.
    pub len: u64,
    /// SHA-256 of the whole file, 64 hexadecimal digits.
    pub sha256: String,
    /// Length of the file system in bytes, a multiple of 4096; hashes follow.
    pub data_len: u64,
    /// dm-verity's root hash, 64 hexadecimal digits.
    pub root_hash: String,
    /// What a machine must have to boot it from memory, in bytes, as machines are sold: of that, firmware may keep
    /// a sixteenth for itself.
    pub memory: u64,
}

/// A place that `bedplate.root=` cannot mean.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`bedplate.root={0}` names no place: it takes `initramfs`, `partitions`, `LABEL:/path` or `URL[,URL]`"
)]
pub struct UnknownPlace(String);

impl Place {
    /// Reads the value of `bedplate.root=`.
    ///
    /// ```text
    /// initramfs | partitions | LABEL:/path | URL[,URL …]        a URL begins with http:// or https://
    /// ```
    pub fn from_word(word: &str) -> Result<Self, UnknownPlace> {
        let unknown = || UnknownPlace(word.to_owned());
        let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        match word {
            "initramfs" => Ok(Self::Initramfs),
            "partitions" => Ok(Self::Partitions),
            _ if is_url(word) => {
                let urls: Vec<String> = word.split(',').map(str::to_owned).collect();
                match urls.iter().all(|url| is_url(url)) {
                    true => Ok(Self::Network { urls }),
                    false => Err(unknown()),
                }
            }
            _ => match word.split_once(':') {
                Some((label, path)) if !label.is_empty() && path.starts_with('/') => {
                    Ok(Self::File {
                        label: label.to_owned(),
                        path: path.to_owned(),
                    })
                }
                _ => Err(unknown()),
            },
        }
    }
}

impl Search {
    /// The version that this crate reads and writes.
    pub const VERSION: u32 = 1;

    /// Reads the JSON form.
    pub fn parse(json: &[u8]) -> Result<Self, UnknownVersion> {
        document::parse("search for the root", json, Self::VERSION)
    }

    /// The JSON form, which ends in a newline.
    pub fn render(&self) -> Vec<u8> {
        document::render(self)
    }
}

impl Image {
    /// The version that this crate reads and writes.
    pub const VERSION: u32 = 1;

    /// Reads the JSON form.
    pub fn parse(json: &[u8]) -> Result<Self, UnknownVersion> {
        document::parse("description of the image", json, Self::VERSION)
    }

    /// The JSON form, which ends in a newline. Signatures are of these bytes.
    pub fn render(&self) -> Vec<u8> {
        document::render(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_every_place() {
        assert_eq!(Place::from_word("initramfs"), Ok(Place::Initramfs));
        assert_eq!(Place::from_word("partitions"), Ok(Place::Partitions));
        let file = Place::File {
            label: "BEDPLATE".into(),
            path: "/a/root.img".into(),
        };
        assert_eq!(Place::from_word("BEDPLATE:/a/root.img"), Ok(file));
        let urls = vec!["http://a/i.json".into(), "https://b:8/i.json".into()];
        assert_eq!(
            Place::from_word("http://a/i.json,https://b:8/i.json"),
            Ok(Place::Network { urls })
        );
    }

    #[test]
    fn other_words_are_refused() {
        for word in [
            "",
            "disk",
            ":/a",
            "A:b",
            "ftp:a",
            "http://a,",
            "http://a,b",
            "/dev/sda1",
        ] {
            assert_eq!(Place::from_word(word), Err(UnknownPlace(word.into())));
        }
    }
}
