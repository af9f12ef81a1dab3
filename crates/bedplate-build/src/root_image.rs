//! The root as one read-only image: SquashFS, then the hashes of dm-verity ([`bedplate_boot::root`] draws it).
//!
//! An image is a function of the tree and of the writer, so it is made once and kept in the store. Its name
//! there is its SHA-256, which the description needs in any case.

use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;

use bedplate_boot::root::Image;
use bedplate_formats::guid::Guid;
use bedplate_formats::squashfs::{self, Compression, Options};
use bedplate_formats::verity::{self, Hasher, Params};
use bedplate_store::{RefKind, Store};
use bedplate_tree::{Content, Tree};
use bedplate_types::{Arch, Digest, Epoch, Object, Progress, Stamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::BuildError;
use crate::segments::tree_key;

/// Changes whenever the image made from the same tree would.
const VERSION: &str = "root image 1 squashfs zstd 6";
/// The least level at which a root is no larger than mksquashfs makes it unasked; a higher one takes twice the
/// time for one part in a hundred (`cargo xtask bench platform`).
const LEVEL: i32 = 6;
/// What booting from memory takes beside the image, in bytes: the kernel, and systemd until it stands.
const WORKING_MEMORY: u64 = 192 << 20;

/// A root image in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RootImage {
    /// The whole image.
    pub(crate) object: Digest<Object>,
    /// Its length in bytes.
    pub(crate) len: u64,
    /// Length of the file system in bytes; hashes follow.
    pub(crate) data_len: u64,
    /// dm-verity's root hash.
    root_hash: [u8; 32],
}

impl RootImage {
    /// Makes the image, or finds it.
    pub(crate) fn of(
        tree: &Tree,
        epoch: Epoch,
        store: &Store,
        progress: &dyn Progress,
    ) -> Result<Self, BuildError> {
        let key = tree_key(tree, &format!("{VERSION} {}\n", epoch.0));
        let name = key.to_string();
        if let Some(known) = store.get_ref(RefKind::Derived, &name) {
            return Ok(known);
        }
        let image = Self::make(tree, epoch, store, progress)?;
        store
            .put_ref(RefKind::Derived, &name, &[image.object], &image)
            .map_err(BuildError::store("keep the root image"))?;
        Ok(image)
    }

    fn make(
        tree: &Tree,
        epoch: Epoch,
        store: &Store,
        progress: &dyn Progress,
    ) -> Result<Self, BuildError> {
        let _task = progress.begin("root image", None);
        let mut scratch = store
            .scratch_file()
            .map_err(BuildError::store("make the root image"))?;
        let io = || BuildError::io("write the root image");
        let format = |source: Box<dyn std::error::Error + Send + Sync>| BuildError::Format {
            what: "the root image".to_owned(),
            source,
        };
        let options = Options {
            compression: Compression::Zstd { level: LEVEL },
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            ..Options::new(epoch)
        };
        let out = BufWriter::with_capacity(1 << 20, scratch.file());
        squashfs::write(tree, store, &options, out)
            .map_err(|error| format(error.into()))?
            .into_inner()
            .map_err(|error| io()(error.into_error()))?;
        let file = scratch.file();
        let data_len = file.stream_position().map_err(io())?;
        file.seek(SeekFrom::Start(0)).map_err(io())?;
        let mut beginning = [0; verity::BLOCK as usize];
        file.read_exact(&mut beginning).map_err(io())?;
        file.seek(SeekFrom::Start(0)).map_err(io())?;
        // From the image itself: whoever writes the same file system has the same hashes.
        let salt: [u8; 32] = Sha256::digest(beginning).into();
        let params = Params {
            salt: salt.to_vec(),
            uuid: Guid::derived(&salt),
        };
        let mut hasher = Hasher::new(params).map_err(|error| format(error.into()))?;
        io::copy(file, &mut BufWriter::with_capacity(1 << 20, &mut hasher)).map_err(io())?;
        let hashes = hasher.finish().map_err(|error| format(error.into()))?;
        let mut out = BufWriter::new(&mut *file);
        hashes
            .write(&mut out)
            .and_then(|()| out.flush())
            .map_err(io())?;
        drop(out);
        let object = store
            .insert_scratch(scratch)
            .map_err(BuildError::store("keep the root image"))?;
        Ok(Self {
            object,
            len: data_len + verity::hash_len(data_len),
            data_len,
            root_hash: *hashes.root_hash().as_bytes(),
        })
    }

    /// The bytes of the whole image.
    pub(crate) fn content(&self) -> Content {
        self.part(0, self.len)
    }

    /// The file system alone.
    pub(crate) fn data(&self) -> Content {
        self.part(0, self.data_len)
    }

    /// The hashes alone.
    pub(crate) fn hashes(&self) -> Content {
        self.part(self.data_len, self.len - self.data_len)
    }

    fn part(&self, offset: u64, len: u64) -> Content {
        Content::Stored {
            object: self.object,
            offset,
            len,
        }
    }

    /// Names of the partitions that hold file system and hashes ([`verity::RootHash::partition_guids`]).
    pub(crate) fn partition_guids(&self) -> (Guid, Guid) {
        verity::RootHash::from_bytes(self.root_hash).partition_guids()
    }

    /// What is signed.
    pub(crate) fn describe(
        &self,
        (name, arch, epoch): (&str, Arch, Epoch),
        kernel: Option<&str>,
        file: &str,
    ) -> Image {
        Image {
            version: Image::VERSION,
            name: name.to_owned(),
            stamp: Stamp::from(epoch),
            arch,
            kernel: kernel.map(str::to_owned),
            file: file.to_owned(),
            file_system: "squashfs".to_owned(),
            len: self.len,
            sha256: self.object.hex(),
            data_len: self.data_len,
            root_hash: verity::RootHash::from_bytes(self.root_hash).to_string(),
            memory: self.len + WORKING_MEMORY,
        }
    }
}
