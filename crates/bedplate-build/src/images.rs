//! Images of a plan as trees, each merged once.

use std::collections::HashMap;
use std::io::BufReader;
use std::rc::Rc;

use bedplate_formats::tar::{self, Limits};
use bedplate_spec::lock::{ImageId, Layering, Lock, ResolvedImage};
use bedplate_store::{Store, StoreError};
use bedplate_tree::{Entry, Tree, TreeBuilder};
use bedplate_types::{DiffId, Digest, Epoch, TreePath};

use crate::BuildError;

/// The images of one build, merged on first use.
pub(crate) struct Images<'a> {
    lock: &'a Lock,
    store: &'a Store,
    epoch: Epoch,
    merged: HashMap<ImageId, Rc<Tree>>,
}

impl<'a> Images<'a> {
    pub(crate) fn new(lock: &'a Lock, store: &'a Store, epoch: Epoch) -> Self {
        Self {
            lock,
            store,
            epoch,
            merged: HashMap::new(),
        }
    }

    /// What the image was resolved to.
    pub(crate) fn resolved(&self, image: &ImageId) -> Result<&'a ResolvedImage, BuildError> {
        self.lock
            .images
            .get(&image.0)
            .ok_or_else(|| BuildError::Input {
                what: format!(
                    "the plan names {}, which was not resolved",
                    image.0.describe()
                ),
                hint: None,
            })
    }

    /// The image's root: its layers over one another.
    pub(crate) fn tree(&mut self, image: &ImageId) -> Result<Rc<Tree>, BuildError> {
        if let Some(tree) = self.merged.get(image) {
            return Ok(Rc::clone(tree));
        }
        let tree = Rc::new(self.merge(image)?);
        self.merged.insert(image.clone(), Rc::clone(&tree));
        Ok(tree)
    }

    fn merge(&self, image: &ImageId) -> Result<Tree, BuildError> {
        let name = image.0.describe();
        let resolved = self.resolved(image)?;
        let mut builder = TreeBuilder::new();
        for (number, layer) in resolved.layers.iter().enumerate() {
            let what = format!("layer {} of {name}", number + 1);
            let entries = self.entries(layer, &what)?;
            let merge = |source| BuildError::Merge {
                what: what.clone(),
                source,
            };
            let origin = builder.origin(&what);
            match resolved.layering {
                Layering::Image => builder.layer(entries, origin).map_err(merge)?,
                Layering::Union => {
                    let mut one = TreeBuilder::new();
                    let origin = one.origin(&what);
                    one.archive(entries, origin).map_err(merge)?;
                    builder
                        .join(&TreePath::root(), &one.freeze(self.epoch))
                        .map_err(merge)?;
                }
            }
        }
        Ok(builder.freeze(self.epoch))
    }

    fn entries(&self, layer: &Digest<DiffId>, what: &str) -> Result<Vec<Entry>, BuildError> {
        // A layer lies in the store uncompressed, so its diff id is the digest of the object.
        let object = layer.cast();
        let file = self
            .store
            .open_object(&object)
            .map_err(BuildError::store(format!("open {what}")))?;
        let archive = |source| match self.store.verify(&object) {
            Err(StoreError::Mismatch { .. }) => {
                BuildError::store(format!("read {what}"))(StoreError::Damaged(object))
            }
            _ => BuildError::Archive {
                what: what.to_owned(),
                source,
            },
        };
        tar::read(
            BufReader::with_capacity(4096, file),
            object,
            &Limits::default(),
        )
        .map_err(archive)
    }
}
