//! Hosts whose root is an image apart from the initramfs: the image described, signed, and sought.
//!
//! ```text
//! initrd = [microcode]
//!          segments       /init, /lib/modules/VERSION (what finds a root), certificates    same for every place
//!          one archive    /etc/bedplate/{root.json, image.json, image.json.sig}, [/root.img], the marker
//! ```

use bedplate_boot::root::{
    IMAGE_DOCUMENT, Place, ROOT_IMAGE, SEARCH_DOCUMENT, SIGNATURE_ENDING, Search, Trust,
};
use bedplate_boot::{COMPLETE_MARKER, Host as HostDocument, INIT, trust};
use bedplate_spec::planning::BuildPlan;
use bedplate_tree::{Content, Entry, EntryKind, InodeKind, Meta, Tree, TreeBuilder};
use sha2::{Digest as _, Sha256};

use super::Outputs;
use crate::BuildError;
use crate::assembly::{Host, Workshop};
use crate::boot_modules;
use crate::root_image::RootImage;

/// Modules that every way to a root takes.
const ALWAYS: [&str; 3] = ["loop", "overlay", "squashfs"];
/// What dm-verity takes besides.
const VERITY: [&str; 2] = ["dm_mod", "dm_verity"];
/// Certificates of authorities that servers are checked with, in Debian's place.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// A root image with what is said about it.
pub(super) struct Apart {
    pub(super) image: RootImage,
    /// Where it is looked for.
    pub(super) place: Place,
    /// [`bedplate_boot::root::Image`] as JSON.
    description: Vec<u8>,
    /// Lines of signatures, empty without a key.
    signatures: String,
    trust: Trust,
}

impl Outputs<'_> {
    /// Describes an image that is looked for at `place`, in a file of this name.
    pub(super) fn apart(
        &self,
        image: RootImage,
        place: Place,
        file: &str,
        host: &Host,
        plan: &BuildPlan,
    ) -> Result<Apart, BuildError> {
        let kernel = host
            .kernel
            .as_ref()
            .and_then(|kernel| kernel.version.as_deref());
        let name = (self.options.name.as_str(), plan.arch, plan.epoch);
        let description = image.describe(name, kernel, file).render();
        let (signatures, trust) = self.vouch(&description, &plan.trust)?;
        Ok(Apart {
            image,
            place,
            description,
            signatures,
            trust,
        })
    }

    /// Signatures of a description, and whom the host is to believe: the keys of the spec, that of the build,
    /// or this very description.
    fn vouch(&self, description: &[u8], keys: &[String]) -> Result<(String, Trust), BuildError> {
        let mut keys = keys.to_vec();
        let mut signatures = String::new();
        if let Some(seed) = &self.options.signing_key {
            let key = trust::public_key(seed);
            if keys.is_empty() {
                keys.push(key);
            } else if !keys.contains(&key) {
                return Err(BuildError::Input {
                    what: format!(
                        "the host would not believe this build: its key {key} is not in `trust.keys`"
                    ),
                    hint: Some(
                        "add the key to the spec, or sign with one that is there".to_owned(),
                    ),
                });
            }
            signatures = trust::sign(seed, description);
        } else if !keys.is_empty() {
            return Err(BuildError::Input {
                what: "the host would not believe this build: the spec has `trust.keys`, and nothing is signed"
                    .to_owned(),
                hint: Some("give the secret key of one of them: --sign-key FILE".to_owned()),
            });
        }
        let digest = Sha256::digest(description);
        let image = keys
            .is_empty()
            .then(|| digest.iter().map(|byte| format!("{byte:02x}")).collect());
        Ok((signatures, Trust { image, keys }))
    }

    /// Image, description and signatures as files, for servers.
    pub(super) fn netboot_files(&mut self, apart: Option<&Apart>) -> Result<(), BuildError> {
        let Some(apart) = apart else {
            return Err(BuildError::Input {
                what: "the root of this host is its initramfs, so there is no image of it for a server".to_owned(),
                hint: Some("build --format kernel+initrd: it boots from a network as well".to_owned()),
            });
        };
        let (name, mut file) = self.create("-root.img")?;
        let written = super::hashed::copy(self.store, &apart.image.content(), &mut file)
            .map_err(BuildError::io("write the root image"))?;
        self.keep("root", name, file, written);
        for ((name, bytes), kind) in apart.documents().into_iter().zip(["image", "signature"]) {
            self.bytes(kind, &format!("-{name}"), &bytes)?;
        }
        Ok(())
    }
}

impl Apart {
    /// The description, and its signatures if there are any, as they lie beside the image.
    pub(super) fn documents(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut documents = vec![("image.json", self.description.clone())];
        if !self.signatures.is_empty() {
            documents.push(("image.json.sig", self.signatures.clone().into_bytes()));
        }
        documents
    }

    /// The initramfs that looks for the image: programs and drivers, and the documents.
    pub(super) fn initramfs(
        &self,
        host: &Host,
        plan: &BuildPlan,
        workshop: &Workshop<'_>,
    ) -> Result<[Tree; 2], BuildError> {
        let mut programs = vec![entry(
            INIT,
            0o755,
            stored(workshop, &workshop.programs.init(plan.arch)?)?,
        )];
        if let Some(version) = host
            .kernel
            .as_ref()
            .and_then(|kernel| kernel.version.as_deref())
        {
            programs.extend(boot_modules::for_initramfs(
                &host.tree,
                version,
                workshop.store,
            )?);
        }
        let certificates = host.tree.get(&CERTIFICATES.parse().expect("a plain path"));
        if let Some(InodeKind::File(content)) = certificates.map(|inode| &inode.kind) {
            programs.push(entry(CERTIFICATES, 0o644, content.clone()));
        }
        let search = Search {
            version: Search::VERSION,
            place: self.place.clone(),
            trust: self.trust.clone(),
            modules: modules(&self.place),
        };
        let mut documents = vec![
            entry(SEARCH_DOCUMENT, 0o644, Content::inline(search.render())),
            entry(
                COMPLETE_MARKER,
                0o644,
                Content::inline(HostDocument::VERSION.to_string()),
            ),
        ];
        // A server may have another image than this one, if somebody who is trusted signed it.
        if !matches!(self.place, Place::Network { .. }) {
            documents.push(entry(
                IMAGE_DOCUMENT,
                0o644,
                Content::inline(self.description.clone()),
            ));
            if !self.signatures.is_empty() {
                let path = format!("{IMAGE_DOCUMENT}{SIGNATURE_ENDING}");
                documents.push(entry(
                    &path,
                    0o644,
                    Content::inline(self.signatures.clone()),
                ));
            }
        }
        if self.place == Place::Initramfs {
            documents.push(entry(ROOT_IMAGE, 0o644, self.image.content()));
        }
        Ok([tree(programs, plan)?, tree(documents, plan)?])
    }
}

fn modules(place: &Place) -> Vec<String> {
    let verity = match place {
        Place::Partitions | Place::File { .. } => &VERITY[..],
        Place::Initramfs | Place::Network { .. } => &[],
    };
    ALWAYS
        .iter()
        .chain(verity)
        .map(|&name| name.to_owned())
        .collect()
}

fn stored(workshop: &Workshop<'_>, bytes: &[u8]) -> Result<Content, BuildError> {
    let (object, len) = workshop
        .store
        .insert(&mut &bytes[..], None)
        .map_err(BuildError::store("keep a program of the initramfs"))?;
    Ok(Content::Stored {
        object,
        offset: 0,
        len,
    })
}

fn entry(path: &str, mode: u32, content: Content) -> Entry {
    Entry {
        path: path.parse().expect("the contract's paths are normal"),
        meta: Meta::with_mode(mode),
        kind: EntryKind::File(content),
    }
}

fn tree(entries: Vec<Entry>, plan: &BuildPlan) -> Result<Tree, BuildError> {
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("initramfs");
    for entry in entries {
        builder
            .insert(entry, origin)
            .map_err(|source| BuildError::Merge {
                what: "the initramfs".to_owned(),
                source,
            })?;
    }
    Ok(builder.freeze(plan.epoch))
}
