//! Modules of OpenZFS for the kernel of a base.
//!
//! ```text
//! kernel packages of the base --apt: zfs-dkms and their headers--> a root to build in
//!         --its maintainer scripts: dkms--> /usr/lib/modules/RELEASE/updates/dkms/*.ko.xz
//!         --> a layer with these files alone
//! ```
//!
//! Compilers and headers stay in the root that they were built in. It is a base like any other, so what was
//! built is kept under the digests of all that it was built with.

use std::io::BufReader;

use bedplate_formats::tar::{self, Limits};
use bedplate_tree::{Entry, EntryKind};
use bedplate_types::{DiffId, Digest, Object};
use sha2::{Digest as _, Sha256};

use crate::error::{ErrorKind, SourceError};
use crate::packages::apt::Apt;
use crate::packages::in_order;
use crate::packages::listed::Listed;
use crate::sources::Sources;

/// Changes whenever the layer made from the same root would.
const VERSION: &str = "zfs 1";
/// What builds the modules, when it is installed.
const BUILDER: &str = "zfs-dkms";

/// The packages to build the modules with, for every kernel among `listed`.
pub(crate) fn choose_builder(listed: &[Listed], apt: &Apt) -> Result<Vec<Listed>, SourceError> {
    let mut names = vec![BUILDER.to_owned()];
    names.extend(listed.iter().filter_map(headers));
    if names.len() == 1 {
        let message = "`zfs` needs a kernel among the packages of the base, and there is none";
        return Err(SourceError::bad(message).with_hint("add one, such as linux-image-amd64"));
    }
    Ok(in_order(apt.resolve_base(&names)?))
}

/// The headers of a kernel, in its very version: `linux-image-6.12.1-amd64` has them, `linux-image-amd64`, which
/// only names another package, has not.
fn headers(deb: &Listed) -> Option<String> {
    let release = deb.name.strip_prefix("linux-image-")?;
    let release = release.strip_suffix("-unsigned").unwrap_or(release);
    release
        .starts_with(|first: char| first.is_ascii_digit())
        .then(|| format!("linux-headers-{release}={}", deb.version))
}

impl Sources<'_> {
    /// A layer with the modules.
    pub(crate) fn zfs_modules(
        &self,
        builder: &[Listed],
        apt: &Apt,
    ) -> Result<Digest<DiffId>, SourceError> {
        let mut hash = Sha256::new();
        hash.update(format!("{VERSION}\n"));
        for deb in builder {
            hash.update(format!("{} {}\n", deb.name, deb.digest));
        }
        let key = Digest::<Object>::from_bytes(hash.finalize().into());
        if let Some(layer) = self.store.derived(&key)? {
            return Ok(layer.cast());
        }
        let root = self.install(builder, apt)?.cast();
        let read = |e| SourceError::file("read", &self.store.object_path(&root), e);
        let file = BufReader::with_capacity(4096, self.store.open_object(&root)?);
        let entries = tar::read(file, root, &Limits::default())
            .map_err(|e| read(std::io::Error::other(e)))?;
        let modules: Vec<Entry> = entries.into_iter().filter(is_built).collect();
        if modules.is_empty() {
            let message = format!("{BUILDER} built no module for the kernel of the base");
            return Err(SourceError::new(ErrorKind::BadInput, message));
        }
        let layer = self.small_layer(modules)?;
        self.store.put_derived(&key, layer.cast())?;
        Ok(layer)
    }
}

/// Is it what dkms leaves: `usr/lib/modules/RELEASE/updates/dkms/NAME.ko…`?
fn is_built(entry: &Entry) -> bool {
    let path = String::from_utf8_lossy(entry.path.as_bytes());
    let parts: Vec<&str> = path.split('/').collect();
    let ["usr", "lib", "modules", _, "updates", "dkms", file] = parts[..] else {
        return false;
    };
    file.contains(".ko") && matches!(entry.kind, EntryKind::File(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_the_kernel_that_is_installed() {
        let named = |name: &str| Listed {
            name: name.to_owned(),
            version: "6.12.1-1".to_owned(),
            arch: "amd64".to_owned(),
            file: String::new(),
            size: 0,
            digest: Digest::from_bytes([0; 32]),
            uri: String::new(),
        };
        let cloud = Some("linux-headers-6.12.1-cloud-amd64=6.12.1-1".to_owned());
        assert_eq!(headers(&named("linux-image-6.12.1-cloud-amd64")), cloud);
        assert_eq!(
            headers(&named("linux-image-6.12.1-cloud-amd64-unsigned")),
            cloud
        );
        assert_eq!(headers(&named("linux-image-cloud-amd64")), None);
        assert_eq!(headers(&named("linux-base")), None);
    }
}
