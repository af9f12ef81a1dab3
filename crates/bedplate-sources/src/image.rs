//! From a manifest to an image in the store, wherever its blobs come from.

use std::io::{Read, Seek};
use std::sync::atomic::{AtomicBool, Ordering};

use bedplate_spec::lock::{Layering, ResolvedImage};
use bedplate_store::Partial;
use bedplate_types::{Blob, DiffId, Digest, Task};
use sha2::{Digest as _, Sha256};

use crate::documents::{self, Descriptor, Manifest, ParsedConfig, Root};
use crate::error::{ErrorKind, SourceError};
use crate::layers::{self, Expected};
use crate::sources::Sources;

/// Indexes may point to indexes; nobody nests them deeper.
const DEPTH: u32 = 4;

/// Where blobs are: a layout, an archive, a registry.
pub(crate) trait Blobs: Sync {
    /// A small blob, whole; at most [`documents::DOCUMENT_MAX`] bytes. The caller checks the digest.
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError>;

    /// A layer, to be read once. It may have been fetched before this returns.
    fn layer(&self, descriptor: &Descriptor, task: &dyn Task) -> Result<LayerBytes, SourceError>;
}

/// A layer's compressed bytes.
pub(crate) enum LayerBytes {
    /// From a reader.
    Reader(Box<dyn Read + Send>),
    /// A download; `resumed` when an earlier run had begun it.
    Download { partial: Partial, resumed: bool },
}

impl Sources<'_> {
    /// The image that `descriptor` points to: the platform chosen, all layers in the store.
    pub(crate) fn resolve_image(
        &self,
        blobs: &dyn Blobs,
        descriptor: &Descriptor,
    ) -> Result<ResolvedImage, SourceError> {
        let mut descriptor = descriptor.clone();
        for _ in 0..DEPTH {
            let bytes = checked_document(blobs, &descriptor)?;
            match documents::parse_root(&bytes, &descriptor.media_type)? {
                Root::Index(index) => descriptor = index.select(self.options.arch)?.clone(),
                Root::Manifest(manifest) => {
                    return self.resolve_manifest(blobs, &descriptor.digest, &bytes, &manifest);
                }
            }
        }
        Err(SourceError::bad("its indexes point to one another"))
    }

    fn resolve_manifest(
        &self,
        blobs: &dyn Blobs,
        digest: &Digest<Blob>,
        bytes: &[u8],
        manifest: &Manifest,
    ) -> Result<ResolvedImage, SourceError> {
        let config_bytes = checked_document(blobs, &manifest.config)?;
        let ParsedConfig {
            arch,
            config,
            diff_ids,
        } = documents::parse_config(&config_bytes, self.options.arch)?;
        if diff_ids.len() != manifest.layers.len() {
            let (layers, ids) = (manifest.layers.len(), diff_ids.len());
            return Err(SourceError::bad(format!(
                "its manifest has {layers} layers, its configuration {ids}"
            )));
        }
        // Both lie in the store as they are, so that an OCI layout can be written from it.
        self.store.insert(&mut &*bytes, Some(digest.cast()))?;
        self.store
            .insert(&mut &*config_bytes, Some(manifest.config.digest.cast()))?;
        self.layers(blobs, &manifest.layers, &diff_ids)?;
        Ok(ResolvedImage {
            manifest: Some(*digest),
            arch,
            config,
            layers: diff_ids,
            layering: Layering::Image,
            packages: Vec::new(),
            archives: None,
            builder: None,
        })
    }

    /// Brings all layers that are missing, several at a time; the first error stops the rest.
    fn layers(
        &self,
        blobs: &dyn Blobs,
        descriptors: &[Descriptor],
        diff_ids: &[Digest<DiffId>],
    ) -> Result<(), SourceError> {
        let mut missing: Vec<(usize, &Descriptor, &Digest<DiffId>)> = Vec::new();
        for (number, (descriptor, diff_id)) in (1..).zip(descriptors.iter().zip(diff_ids)) {
            let here = self.store.contains(&diff_id.cast());
            let twice = missing.iter().any(|(_, _, other)| *other == diff_id);
            if !here && !twice {
                missing.push((number, descriptor, diff_id));
            }
        }
        if let [(number, descriptor, diff_id)] = missing[..] {
            let _slot = self.slots.take();
            return self.layer(blobs, number, descriptor, diff_id);
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let work = |(number, descriptor, diff_id): (usize, _, _)| {
                let stop = &stop;
                scope.spawn(move || {
                    let _slot = self.slots.take();
                    if stop.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                    let result = self.layer(blobs, number, descriptor, diff_id);
                    stop.fetch_or(result.is_err(), Ordering::Relaxed);
                    result
                })
            };
            let threads: Vec<_> = missing.into_iter().map(work).collect();
            let results = threads
                .into_iter()
                .map(|thread| thread.join().expect("layers do not panic"));
            // All are joined before the first error is given.
            results.collect::<Vec<_>>().into_iter().collect()
        })
    }

    fn layer(
        &self,
        blobs: &dyn Blobs,
        number: usize,
        descriptor: &Descriptor,
        diff_id: &Digest<DiffId>,
    ) -> Result<(), SourceError> {
        let hex = descriptor.digest.hex();
        let task = self
            .progress
            .begin(&format!("layer {}", &hex[..12]), Some(descriptor.size));
        let expected = Expected {
            blob: Some((descriptor.digest, descriptor.size)),
            diff_id: Some(*diff_id),
        };
        let result = self.layer_or_again(blobs, descriptor, expected, &*task);
        result.map_err(|error| error.within(&format!("layer {number} (sha256:{}…)", &hex[..12])))
    }

    /// What an earlier run left may be damaged: then it is fetched once more, from the start.
    fn layer_or_again(
        &self,
        blobs: &dyn Blobs,
        descriptor: &Descriptor,
        expected: Expected,
        task: &dyn Task,
    ) -> Result<(), SourceError> {
        loop {
            let ingest = |raw: &mut (dyn Read + Send), task: &dyn Task| {
                layers::ingest(self.store, raw, expected, self.options.limits, task).map(drop)
            };
            let (mut partial, resumed) = match blobs.layer(descriptor, task)? {
                LayerBytes::Reader(mut reader) => return ingest(&mut *reader, task),
                LayerBytes::Download { partial, resumed } => (partial, resumed),
            };
            // Another process may have brought it while this one waited.
            if expected
                .diff_id
                .is_some_and(|diff_id| self.store.contains(&diff_id.cast()))
            {
                partial.remove();
                return Ok(());
            }
            partial
                .file
                .rewind()
                .map_err(|e| SourceError::file("read", partial.path(), e))?;
            match ingest(&mut partial.file, &bedplate_types::Silent) {
                Err(error) if error.kind() == ErrorKind::Integrity => {
                    partial.remove();
                    if !resumed {
                        return Err(error);
                    }
                }
                Err(error) if error.kind() == ErrorKind::NoSpace => return Err(error),
                other => {
                    partial.remove();
                    return other;
                }
            }
        }
    }
}

/// Reads a document and checks it against its descriptor.
fn checked_document(blobs: &dyn Blobs, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
    let Descriptor { digest, size, .. } = descriptor;
    if *size > documents::DOCUMENT_MAX {
        return Err(SourceError::bad(format!(
            "its document {digest} has {size} bytes, more than is allowed"
        )));
    }
    let bytes = blobs.document(descriptor)?;
    let actual: Digest<Blob> = Digest::from_bytes(Sha256::digest(&bytes).into());
    if actual != *digest {
        let message = format!("its document has digest {actual} instead of {digest}");
        return Err(SourceError::new(ErrorKind::Integrity, message));
    }
    Ok(bytes)
}
