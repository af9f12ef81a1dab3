//! Images from registries (OCI distribution specification v1.1).
//!
//! ```text
//! reference --endpoints--> mirrors in order, then the registry itself
//!   each: credentials, token --> manifest or index --> config --> layers, four at a time
//!   layer: STORE/partial/sha256-HEX, continued by `Range` after a cut and after an earlier run
//! ```
//!
//! HTTPS always; plain HTTP only to hosts that are this machine (loopback). A request that fails for a
//! reason that may pass (5xx, 429, a cut or silent connection) is made again after a pause that
//! doubles. The protocol is the crate `oci-client`'s, its lower calls: resuming, mirrors and giving up
//! on silence are ours. Asynchronous code stays in here: one small runtime per image, waited for by
//! the threads that unpack.

mod connection;
mod credentials;
mod endpoint;
mod failure;

use bedplate_spec::lock::ResolvedImage;
use bedplate_types::RegistryRef;

use crate::documents::Descriptor;
use crate::error::{ErrorKind, SourceError};
use crate::sources::Sources;
use connection::Connection;
use endpoint::Endpoint;

impl Sources<'_> {
    pub(crate) fn resolve_registry(
        &self,
        reference: &RegistryRef,
        name: &str,
    ) -> Result<ResolvedImage, SourceError> {
        // What a digest names never changes, so it is asked for once.
        let noted = match reference.digest {
            Some(_) => self.store.get_ref(bedplate_store::RefKind::Image, name),
            None => None,
        };
        if let Some(image) = noted.map_or_else(|| self.noted(name), |image| Ok(Some(image)))? {
            return Ok(image);
        }
        let image = self.ask_endpoints(reference)?;
        self.note(name, &image)?;
        Ok(image)
    }

    fn ask_endpoints(&self, reference: &RegistryRef) -> Result<ResolvedImage, SourceError> {
        let mut endpoints = Endpoint::all(reference, &self.options.mirrors)?;
        let registry = endpoints
            .pop()
            .expect("the registry itself is always there");
        for mirror in &endpoints {
            match self.ask(mirror, reference) {
                Err(error) if is_local(&error) => return Err(error),
                Err(error) => {
                    let why = crate::error::flatten(&error);
                    self.progress.warn(&format!(
                        "mirror {} does not serve {reference}: {why}",
                        mirror.host
                    ));
                }
                image => return image,
            }
        }
        self.ask(&registry, reference)
    }

    fn ask(
        &self,
        endpoint: &Endpoint,
        reference: &RegistryRef,
    ) -> Result<ResolvedImage, SourceError> {
        let connection = Connection::open(self.store, &self.options, endpoint)?;
        let wanted = match (&reference.digest, &reference.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, tag) => tag.clone().unwrap_or_else(|| "latest".into()),
        };
        let (bytes, digest) = connection.manifest(&wanted)?;
        if let Some(expected) = reference.digest.filter(|expected| *expected != digest) {
            let message = format!("its manifest has digest {digest} instead of {expected}");
            return Err(SourceError::new(ErrorKind::Integrity, message));
        }
        let descriptor = Descriptor::of_manifest(digest, bytes.len() as u64);
        connection.remember(digest, bytes);
        self.resolve_image(&connection, &descriptor)
    }
}

/// Would every other endpoint fail in the same way?
fn is_local(error: &SourceError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NoSpace | ErrorKind::Io | ErrorKind::ToolMissing
    )
}
