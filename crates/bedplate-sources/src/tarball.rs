//! Files of the build machine that are tars: `tar:FILE` itself, and what archives are read from.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bedplate_formats::compression::Compression;
use bedplate_spec::lock::ResolvedImage;
use bedplate_store::RefKind;
use bedplate_types::{DiffId, Digest};

use crate::error::SourceError;
use crate::layers::{self, Expected};
use crate::sources::{Sources, bare};

impl Sources<'_> {
    /// A tar that is the root of the image.
    pub(crate) fn resolve_tar(&self, path: &Path) -> Result<ResolvedImage, SourceError> {
        self.keep_tar(path).map(bare)
    }

    /// Keeps a tar, compressed in any way, uncompressed. A file that did not change since is not read
    /// again.
    pub(crate) fn keep_tar(&self, path: &Path) -> Result<Digest<DiffId>, SourceError> {
        let read = |e| SourceError::file("read", path, e);
        let mut file = File::open(path).map_err(read)?;
        let meta = file.metadata().map_err(read)?;
        if meta.is_dir() {
            return Err(
                SourceError::bad(format!("`{}` is a directory", path.display()))
                    .with_hint("for a directory that is a root file system, write `dir:`"),
            );
        }
        let name = state(path, &meta);
        if let Some(layer) = self.store.get_ref(RefKind::Layer, &name) {
            return Ok(layer);
        }
        let title = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let task = self.progress.begin(&title, Some(meta.len()));
        let nothing = Expected {
            blob: None,
            diff_id: None,
        };
        let layer = layers::ingest(self.store, &mut file, nothing, self.options.limits, &*task)
            .map_err(|error| error.within(&format!("`{}`", path.display())))?;
        let after = fs::metadata(path).map_err(read)?;
        if state(path, &after) == name && is_settled(&after) {
            self.store
                .put_ref(RefKind::Layer, &name, &[layer.cast()], &layer)?;
        }
        Ok(layer)
    }

    /// Is the file compressed?
    pub(crate) fn compression(path: &Path) -> Result<Compression, SourceError> {
        let read = |e| SourceError::file("read", path, e);
        let mut reader = std::io::BufReader::new(File::open(path).map_err(read)?);
        bedplate_formats::compression::detect_in(&mut reader).map_err(read)
    }
}

/// Names a file in the state that it is in. Whoever changes it changes its ctime, which nobody can set.
fn state(path: &Path, meta: &fs::Metadata) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let MetaState {
        device,
        inode,
        len,
        changed,
    } = MetaState::of(meta);
    format!(
        "{} {device}:{inode} {len} bytes, {}.{:09}",
        path.display(),
        changed.0,
        changed.1
    )
}

/// What changes when a file changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MetaState {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) len: u64,
    pub(crate) changed: (i64, i64),
}

impl MetaState {
    pub(crate) fn of(meta: &fs::Metadata) -> Self {
        let changed = (meta.ctime(), meta.ctime_nsec());
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            len: meta.len(),
            changed,
        }
    }
}

/// Is the last change so long ago that a later one must show in the time stamp?
pub(crate) fn is_settled(meta: &fs::Metadata) -> bool {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_secs()).is_ok_and(|now| now - meta.ctime() >= 2)
}
