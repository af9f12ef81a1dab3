//! Talking to one endpoint about one repository.

use std::collections::HashMap;
use std::fs::File;
use std::future::Future;
use std::io::{self, Write};
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bedplate_store::Store;
use bedplate_types::{Blob, Digest, Task};
use futures_util::StreamExt;
use oci_client::client::{BlobResponse, Client, ClientConfig, ClientProtocol, SizedStream};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use sha2::{Digest as _, Sha256};
use tokio::runtime::{Builder, Runtime};

use super::credentials;
use super::endpoint::Endpoint;
use super::failure::Failure;
use crate::documents::{self, Descriptor};
use crate::error::{ErrorKind, SourceError};
use crate::image::{Blobs, LayerBytes};
use crate::layers;
use crate::options::Options;

const USER_AGENT: &str = concat!("bedplate/", env!("CARGO_PKG_VERSION"));

/// An endpoint, with what was agreed with it.
pub(crate) struct Connection<'a> {
    store: &'a Store,
    options: &'a Options,
    host: String,
    repository: String,
    runtime: Runtime,
    client: Client,
    /// Manifests that were fetched already.
    manifests: Mutex<HashMap<Digest<Blob>, Vec<u8>>>,
}

impl<'a> Connection<'a> {
    /// Finds credentials and gets a token, if the endpoint wants one.
    pub(crate) fn open(
        store: &'a Store,
        options: &'a Options,
        endpoint: &Endpoint,
    ) -> Result<Self, SourceError> {
        let Endpoint {
            host,
            repository,
            plain,
        } = endpoint;
        // Fails where another part of the program has installed one, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // One thread drives the sockets, so that any number of others may wait at the same time.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.map_err(|e| {
            SourceError::new(ErrorKind::Io, "cannot start a network thread").because(e)
        })?;
        let config = ClientConfig {
            protocol: if *plain {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            connect_timeout: Some(options.stall),
            user_agent: USER_AGENT,
            platform_resolver: None,
            ..ClientConfig::default()
        };
        let client = {
            let _inside = runtime.enter();
            Client::try_from(config).map_err(|e| Failure::no_client(&e))?
        };
        let connection = Self {
            store,
            options,
            host: host.clone(),
            repository: repository.clone(),
            runtime,
            client,
            manifests: Mutex::default(),
        };
        connection.authenticate(&credentials::find(options, host)?)?;
        Ok(connection)
    }

    fn authenticate(&self, auth: &RegistryAuth) -> Result<(), SourceError> {
        let reference = self.reference("latest");
        self.repeating(|| {
            let token = self.client.auth(&reference, auth, RegistryOperation::Pull);
            self.wait(self.silence(token))
        })
        .map(drop)
    }

    /// The manifest or index called `wanted` (a tag or a digest), and its digest.
    pub(crate) fn manifest(&self, wanted: &str) -> Result<(Vec<u8>, Digest<Blob>), SourceError> {
        let reference = self.reference(wanted);
        let accepted: Vec<&str> = documents::MANIFESTS
            .into_iter()
            .chain(documents::INDEXES)
            .collect();
        let (bytes, _) = self.repeating(|| {
            let manifest =
                self.client
                    .pull_manifest_raw(&reference, &RegistryAuth::Anonymous, &accepted);
            self.wait(self.silence(manifest))
        })?;
        let digest = Digest::from_bytes(Sha256::digest(&bytes).into());
        Ok((bytes.to_vec(), digest))
    }

    /// Keeps a manifest for when it is asked for by digest.
    pub(crate) fn remember(&self, digest: Digest<Blob>, bytes: Vec<u8>) {
        self.manifests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(digest, bytes);
    }

    fn reference(&self, wanted: &str) -> Reference {
        let (host, repository) = (self.host.clone(), self.repository.clone());
        match wanted.starts_with("sha256:") {
            true => Reference::with_digest(host, repository, wanted.to_owned()),
            false => Reference::with_tag(host, repository, wanted.to_owned()),
        }
    }

    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Gives up on what takes longer than silence may last.
    async fn silence<T>(
        &self,
        future: impl Future<Output = Result<T, OciDistributionError>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.options.stall, future).await {
            Ok(result) => result.map_err(|error| Failure::of(&self.host, &error)),
            Err(_) => Err(Failure::silence(&self.host, self.options.stall.as_secs())),
        }
    }

    /// Makes a request again while its failure may pass.
    fn repeating<T>(&self, request: impl Fn() -> Result<T, Failure>) -> Result<T, SourceError> {
        let mut repetitions = Repetitions::new(self.options);
        loop {
            match request() {
                Ok(value) => return Ok(value),
                Err(failure) => repetitions.pause_after(failure)?,
            }
        }
    }

    /// Fetches what is missing of a blob at the end of `file`.
    fn download(
        &self,
        descriptor: &Descriptor,
        file: &mut File,
        task: &dyn Task,
    ) -> Result<(), SourceError> {
        let broken = |e| SourceError::new(ErrorKind::Io, "cannot write a download").because(e);
        let mut have = file.metadata().map_err(broken)?.len();
        if have > descriptor.size {
            file.set_len(0).map_err(broken)?;
            have = 0;
        }
        task.advance(have);
        let mut repetitions = Repetitions::new(self.options);
        while have < descriptor.size {
            let before = have;
            let result = self.wait(self.receive(descriptor, file, &mut have, task));
            let failure = match result {
                Ok(()) => Failure::cut(&self.host, None),
                Err(failure) => failure,
            };
            if have < descriptor.size {
                if have > before {
                    repetitions = Repetitions::new(self.options);
                }
                repetitions.pause_after(failure)?;
            }
        }
        Ok(())
    }

    /// One request for the rest of a blob. `have` counts what the file holds, also when it fails.
    async fn receive(
        &self,
        descriptor: &Descriptor,
        file: &mut File,
        have: &mut u64,
        task: &dyn Task,
    ) -> Result<(), Failure> {
        let digest = descriptor.digest.to_string();
        let reference = self.reference(&digest);
        let response =
            self.client
                .pull_blob_stream_partial(&reference, digest.as_str(), *have, None);
        let mut stream = match self.silence(response).await? {
            BlobResponse::Partial(stream) => stream,
            BlobResponse::Full(stream) => {
                // It does not know how to begin in the middle.
                file.set_len(0).map_err(unwritten)?;
                *have = 0;
                stream
            }
        };
        while *have < descriptor.size {
            let Some(bytes) = self.next(&mut stream).await? else {
                break;
            };
            let wanted = usize::try_from(descriptor.size - *have).unwrap_or(usize::MAX);
            let bytes = &bytes[..bytes.len().min(wanted)];
            file.write_all(bytes).map_err(unwritten)?;
            *have += bytes.len() as u64;
            task.advance(bytes.len() as u64);
        }
        Ok(())
    }

    /// The next bytes of a stream; `None` at its end.
    async fn next(
        &self,
        stream: &mut SizedStream,
    ) -> Result<Option<impl Deref<Target = [u8]> + use<>>, Failure> {
        match tokio::time::timeout(self.options.stall, stream.next()).await {
            Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
            Ok(None) => Ok(None),
            Ok(Some(Err(error))) => Err(Failure::cut(&self.host, Some(&error))),
            Err(_) => Err(Failure::silence(&self.host, self.options.stall.as_secs())),
        }
    }

    fn small_blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        let digest = descriptor.digest.to_string();
        let reference = self.reference(&digest);
        self.repeating(|| {
            self.wait(async {
                let mut stream = self
                    .silence(self.client.pull_blob_stream(&reference, digest.as_str()))
                    .await?;
                let mut bytes = Vec::new();
                while (bytes.len() as u64) < descriptor.size {
                    let Some(more) = self.next(&mut stream).await? else {
                        break;
                    };
                    bytes.extend_from_slice(&more);
                }
                Ok(bytes)
            })
        })
    }
}

impl Blobs for Connection<'_> {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        let remembered = self
            .manifests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&descriptor.digest);
        if let Some(bytes) = remembered {
            return Ok(bytes);
        }
        let kind = descriptor.media_type.as_str();
        if documents::MANIFESTS.contains(&kind) || documents::INDEXES.contains(&kind) {
            return self
                .manifest(&descriptor.digest.to_string())
                .map(|(bytes, _)| bytes);
        }
        self.small_blob(descriptor)
    }

    fn layer(&self, descriptor: &Descriptor, task: &dyn Task) -> Result<LayerBytes, SourceError> {
        let mut partial = self
            .store
            .partial(&format!("sha256-{}", descriptor.digest.hex()))?;
        let resumed = partial.file.metadata().is_ok_and(|meta| meta.len() > 0);
        // Another process may have brought the layer while this one waited for the lock.
        if layers::known(self.store, &descriptor.digest).is_none() {
            self.download(descriptor, &mut partial.file, task)?;
        }
        Ok(LayerBytes::Download { partial, resumed })
    }
}

fn unwritten(error: io::Error) -> Failure {
    Failure::lasting(SourceError::new(ErrorKind::Io, "cannot write a download").because(error))
}

/// Counts repetitions, and pauses before each.
struct Repetitions {
    left: u32,
    pause: Duration,
}

impl Repetitions {
    fn new(options: &Options) -> Self {
        Self {
            left: options.retries,
            pause: options.back_off,
        }
    }

    /// Pauses if `failure` may pass and repetitions are left; else it is the error.
    fn pause_after(&mut self, failure: Failure) -> Result<(), SourceError> {
        if !failure.passing || self.left == 0 {
            return Err(failure.error);
        }
        self.left -= 1;
        std::thread::sleep(self.pause);
        self.pause *= 2;
        Ok(())
    }
}
