//! Requests to exactly what a lock file says.

use bedplate_spec::lock::{ImageRequest, ResolvedImage};
use bedplate_spec::lock_file::LockFile;
use bedplate_types::{Reference, RegistryRef};

use crate::error::{ErrorKind, SourceError};
use crate::packages::Kind;
use crate::sources::{Sources, nothing};

impl Sources<'_> {
    pub(crate) fn resolve_locked(
        &self,
        request: &ImageRequest,
        lock: &LockFile,
    ) -> Result<ResolvedImage, SourceError> {
        let set = || lock.set(request).ok_or_else(not_locked);
        match request {
            ImageRequest::Tools(None) => Ok(nothing()),
            ImageRequest::Packages(packages) | ImageRequest::Tools(Some(packages)) => {
                self.bring_locked(Kind::Unpacked, packages, (set()?, None))
            }
            ImageRequest::Base(packages) => {
                let builder = match packages.zfs {
                    false => None,
                    true => Some(lock.builder(request).ok_or_else(not_locked)?),
                };
                self.bring_locked(Kind::Installed, packages, (set()?, builder))
            }
            ImageRequest::Reference(reference) => {
                let locked = lock.image(request).ok_or_else(not_locked)?;
                let image = match reference {
                    Reference::Registry(reference) => {
                        let pinned = RegistryRef {
                            digest: locked.manifest,
                            ..reference.clone()
                        };
                        let name = format!("{pinned} linux/{}", self.options.arch);
                        self.resolve_registry(&pinned, &name)?
                    }
                    local => self.resolve_reference(request, local)?,
                };
                if image.manifest == locked.manifest && image.layers == locked.layers {
                    return Ok(image);
                }
                Err(
                    SourceError::new(ErrorKind::Integrity, "it is not what the lock says")
                        .with_hint("if it is meant to be another one now, run `bedplate lock`"),
                )
            }
        }
    }
}

fn not_locked() -> SourceError {
    SourceError::bad("the lock has nothing for it").with_hint("run `bedplate lock`")
}
