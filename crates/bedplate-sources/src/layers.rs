//! Layers into the store: compressed bytes in, an uncompressed tar out, both checked.

use std::io::{self, BufReader, Read};
use std::sync::{Condvar, Mutex, PoisonError};

use bedplate_formats::compression::{self, Limits, TooLarge};
use bedplate_store::{RefKind, Store, StoreError};
use bedplate_types::{Blob, DiffId, Digest, Object, Task};
use sha2::{Digest as _, Sha256};

use crate::error::{ErrorKind, SourceError};

/// Bytes that are read at a time.
pub(crate) const CHUNK: usize = 256 << 10;

/// What is known of a layer before it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// Digest and size of the compressed bytes, where somebody states them.
    pub(crate) blob: Option<(Digest<Blob>, u64)>,
    /// Digest of the uncompressed tar, where somebody states it.
    pub(crate) diff_id: Option<Digest<DiffId>>,
}

/// The uncompressed layer that a compressed one unpacks to, if it is in the store.
pub(crate) fn known(store: &Store, blob: &Digest<Blob>) -> Option<Digest<DiffId>> {
    store.get_ref(RefKind::Layer, &blob.to_string())
}

/// Reads a layer to its end, checks it, and keeps it uncompressed.
pub(crate) fn ingest(
    store: &Store,
    raw: &mut (dyn Read + Send),
    expected: Expected,
    limits: Limits,
    task: &dyn Task,
) -> Result<Digest<DiffId>, SourceError> {
    let mut hashing = Hashing {
        inner: raw,
        hash: Sha256::new(),
        len: 0,
        task,
    };
    let result = unpack(store, &mut hashing, expected.diff_id, limits);
    if let Err(StoreError::Input(error)) = &result
        && TooLarge::of(error).is_some()
    {
        return Err(
            SourceError::new(ErrorKind::Integrity, "it unpacks to more than is allowed")
                .because(error.to_string()),
        );
    }
    // Whatever went wrong, that the bytes are not the ones that were meant explains it best.
    if !matches!(
        result,
        Err(StoreError::NoSpace { .. } | StoreError::Io { .. })
    ) {
        check_blob(&mut hashing, expected.blob, result.as_ref().err())?;
    }
    let object = result.map_err(|error| match error {
        StoreError::Mismatch { expected, actual } => SourceError::new(
            ErrorKind::Integrity,
            format!("unpacked, it has digest {actual} instead of {expected} (the image's diff id)"),
        ),
        StoreError::Input(error) => SourceError::bad("it cannot be unpacked").because(error),
        other => other.into(),
    })?;
    // A layer lies in the store uncompressed, so its object digest is its diff id.
    let diff_id = object.cast();
    if let Some((blob, _)) = expected.blob {
        store.put_ref(RefKind::Layer, &blob.to_string(), &[object], &diff_id)?;
    }
    Ok(diff_id)
}

fn unpack(
    store: &Store,
    hashing: &mut Hashing<'_>,
    diff_id: Option<Digest<DiffId>>,
    limits: Limits,
) -> Result<Digest<Object>, StoreError> {
    let mut buffered = BufReader::with_capacity(CHUNK, hashing);
    let kind = compression::detect_in(&mut buffered).map_err(StoreError::Input)?;
    let mut decoder =
        compression::limited_decoder(kind, buffered, limits).map_err(StoreError::Input)?;
    store
        .insert(&mut decoder, diff_id.map(Digest::cast))
        .map(|(object, _)| object)
}

/// Compares what was read, and what is left to read, with what the manifest says.
fn check_blob(
    hashing: &mut Hashing<'_>,
    expected: Option<(Digest<Blob>, u64)>,
    failure: Option<&StoreError>,
) -> Result<(), SourceError> {
    let Some((digest, size)) = expected else {
        return Ok(());
    };
    let rest = size.saturating_sub(hashing.len).saturating_add(1);
    // A read error shows as a wrong length.
    let _ = io::copy(&mut hashing.take(rest), &mut io::sink());
    let wrong = if hashing.len < size {
        format!("it has only {} of {size} bytes", hashing.len)
    } else if hashing.len > size {
        format!("it has more than the {size} bytes that its manifest says")
    } else {
        let actual: Digest<Blob> = Digest::from_bytes(hashing.hash.clone().finalize().into());
        if actual == digest {
            return Ok(());
        }
        format!("it has digest {actual} instead of {digest}")
    };
    let error = SourceError::new(ErrorKind::Integrity, wrong);
    Err(match failure {
        Some(StoreError::Input(source)) => error.because(source.to_string()),
        _ => error,
    })
}

/// Hashes and counts what passes.
struct Hashing<'a> {
    inner: &'a mut (dyn Read + Send),
    hash: Sha256,
    len: u64,
    task: &'a dyn Task,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.len += count as u64;
        self.task.advance(count as u64);
        Ok(count)
    }
}

/// How many layers are fetched and unpacked at once, over all images.
pub(crate) struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

/// The right to work on one layer.
pub(crate) struct Slot<'a>(&'a Slots);

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            free: Mutex::new(count),
            freed: Condvar::new(),
        }
    }

    /// Waits for its turn.
    pub(crate) fn take(&self) -> Slot<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .freed
            .wait_while(free, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Slot(self)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
