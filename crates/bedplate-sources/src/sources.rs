//! Requests, one or many, to resolved images.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bedplate_spec::lock::{ImageRequest, Layering, Lock, ResolvedImage};
use bedplate_store::{RefKind, Store};
use bedplate_types::{DiffId, Digest, ImageConfig, Object, Progress, Reference};

use crate::documents::{self, Root};
use crate::error::{ErrorKind, SourceError};
use crate::layers::Slots;
use crate::options::{Options, Pull};
use crate::packages::Kind;

/// Layers that are fetched and unpacked at once, over all images.
const LAYERS_AT_ONCE: usize = 4;
/// Images that are resolved at once.
const IMAGES_AT_ONCE: usize = 4;

/// All places that images come from, with a store to put them in.
pub struct Sources<'a> {
    pub(crate) store: &'a Store,
    pub(crate) options: Options,
    pub(crate) progress: &'a dyn Progress,
    pub(crate) slots: Slots,
}

impl<'a> Sources<'a> {
    /// Sources that fill `store`.
    pub fn new(store: &'a Store, options: Options, progress: &'a dyn Progress) -> Self {
        Self {
            store,
            options,
            progress,
            slots: Slots::new(LAYERS_AT_ONCE),
        }
    }

    /// Resolves one request; its layers are in the store afterwards.
    pub fn resolve(&self, request: &ImageRequest) -> Result<ResolvedImage, SourceError> {
        self.resolve_any(request)
            .map_err(|error| error.of(&request.describe()))
    }

    /// Resolves all requests, some at the same time, and reports all errors, in the order of requests.
    pub fn resolve_all(&self, requests: &[ImageRequest]) -> Result<Lock, Vec<SourceError>> {
        let distinct: BTreeSet<&ImageRequest> = requests.iter().collect();
        let workers = distinct.len().min(IMAGES_AT_ONCE);
        let waiting: Mutex<VecDeque<&ImageRequest>> = Mutex::new(distinct.into_iter().collect());
        let results = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let next = waiting
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .pop_front();
                        let Some(request) = next else { return };
                        let result = self.resolve(request);
                        results
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .insert(request.clone(), result);
                    }
                });
            }
        });
        let mut lock = Lock::default();
        let mut errors = Vec::new();
        for (request, result) in results.into_inner().unwrap_or_else(PoisonError::into_inner) {
            match result {
                Ok(image) => drop(lock.images.insert(request, image)),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(lock)
        } else {
            Err(errors)
        }
    }

    fn resolve_any(&self, request: &ImageRequest) -> Result<ResolvedImage, SourceError> {
        if let Some(lock) = &self.options.locked {
            return self.resolve_locked(request, lock);
        }
        match request {
            ImageRequest::Reference(reference) => self.resolve_reference(request, reference),
            ImageRequest::Packages(packages) | ImageRequest::Tools(Some(packages)) => {
                self.resolve_set(Kind::Unpacked, packages)
            }
            ImageRequest::Tools(None) => Ok(nothing()),
            ImageRequest::Base(packages) => self.resolve_set(Kind::Installed, packages),
        }
    }

    pub(crate) fn resolve_reference(
        &self,
        request: &ImageRequest,
        reference: &Reference,
    ) -> Result<ResolvedImage, SourceError> {
        let image = match reference {
            Reference::Registry(reference) => {
                let name = format!("{} linux/{}", request.describe(), self.options.arch);
                return self.resolve_registry(reference, &name);
            }
            Reference::Oci { dir, tag } => self.resolve_layout(&self.path(dir), tag.as_deref()),
            Reference::OciArchive { file, tag } => {
                self.resolve_oci_archive(&self.path(file), tag.as_deref())
            }
            Reference::DockerArchive { file, tag } => {
                self.resolve_docker_archive(&self.path(file), tag.as_deref())
            }
            Reference::Dir(path) => self.resolve_directory(&self.path(path)),
            Reference::Tar(path) => self.resolve_tar(&self.path(path)),
        }?;
        // The same relative path is another image for another base.
        let located = reference.clone().seen_from(&self.options.base);
        let name = format!("{located} linux/{}", self.options.arch);
        self.note(&name, &image)?;
        Ok(image)
    }

    /// What was noted for `name`, unless the options say that it is to be asked for again.
    pub(crate) fn noted(&self, name: &str) -> Result<Option<ResolvedImage>, SourceError> {
        if self.options.pull == Pull::Always {
            return Ok(None);
        }
        match self.store.get_ref(RefKind::Image, name) {
            None if self.options.pull == Pull::Never => {
                let message = "it is not in the cache, and may not be fetched";
                Err(SourceError::new(ErrorKind::NotFound, message)
                    .with_hint("allow it: --pull missing"))
            }
            noted => Ok(noted),
        }
    }

    /// Notes what `name` was resolved to, so that its objects are kept together.
    pub(crate) fn note(&self, name: &str, image: &ResolvedImage) -> Result<(), SourceError> {
        // Layers and manifests are objects: the store names both by the digest of their bytes.
        let layers = image.layers.iter().map(|layer| layer.cast());
        let mut objects: Vec<Digest<Object>> = layers.collect();
        if let Some(manifest) = image.manifest {
            objects.push(manifest.cast());
            objects.extend(self.config_of(&manifest.cast())?);
        }
        Ok(self.store.put_ref(RefKind::Image, name, &objects, image)?)
    }

    /// The configuration that a manifest in the store points to.
    fn config_of(&self, manifest: &Digest<Object>) -> Result<Option<Digest<Object>>, SourceError> {
        let mut bytes = Vec::new();
        let read = |e| SourceError::file("read", &self.store.object_path(manifest), e);
        self.store
            .open_object(manifest)?
            .read_to_end(&mut bytes)
            .map_err(read)?;
        Ok(match documents::parse_root(&bytes, "")? {
            Root::Manifest(manifest) => Some(manifest.config.digest.cast()),
            Root::Index(_) => None,
        })
    }

    fn path(&self, written: &str) -> PathBuf {
        self.options.base.join(Path::new(written))
    }
}

/// An image without files: what our own tools lie over.
pub(crate) fn nothing() -> ResolvedImage {
    ResolvedImage {
        manifest: None,
        arch: None,
        config: ImageConfig::default(),
        layers: Vec::new(),
        layering: Layering::Union,
        packages: Vec::new(),
        archives: None,
        builder: None,
    }
}

/// An image that is one layer and says nothing of itself.
pub(crate) fn bare(layer: Digest<DiffId>) -> ResolvedImage {
    ResolvedImage {
        manifest: None,
        arch: None,
        config: ImageConfig::default(),
        layers: vec![layer],
        layering: Layering::Union,
        packages: Vec::new(),
        archives: None,
        builder: None,
    }
}
