//! What names stand for: small documents that say which objects belong to them.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use bedplate_sys::replace::ReplacedFile;
use bedplate_types::{Digest, Kind, Object};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::StoreError;
use crate::store::{Store, touch_path};

/// What kind of name it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefKind {
    /// An image that was resolved.
    Image,
    /// A compressed layer or package, and the uncompressed object that came of it.
    Layer,
    /// An object that was made from others.
    Derived,
}

impl RefKind {
    pub(crate) const ALL: [Self; 3] = [Self::Image, Self::Layer, Self::Derived];

    pub(crate) fn directory(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Layer => "layer",
            Self::Derived => "derived",
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Document<T> {
    pub(crate) name: String,
    pub(crate) objects: Vec<Digest<Object>>,
    pub(crate) value: T,
}

impl Store {
    /// What `name` stands for; `None` where that is not known, cannot be read, or objects of it are gone.
    pub fn get_ref<T: DeserializeOwned>(&self, kind: RefKind, name: &str) -> Option<T> {
        let path = self.ref_path(kind, name);
        let document: Document<T> = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        if document.name != name || !document.objects.iter().all(|object| self.contains(object)) {
            return None;
        }
        touch_path(&path);
        Some(document.value)
    }

    /// Notes what `name` stands for, and that it needs `objects`.
    pub fn put_ref<T: Serialize>(
        &self,
        kind: RefKind,
        name: &str,
        objects: &[Digest<Object>],
        value: &T,
    ) -> Result<(), StoreError> {
        let path = self.ref_path(kind, name);
        let parent = path.parent().expect("a ref has a directory");
        fs::create_dir_all(parent).map_err(|e| self.doing("create", parent).failed(e))?;
        let document = Document {
            name: name.to_owned(),
            objects: objects.to_vec(),
            value,
        };
        let mut json = serde_json::to_vec_pretty(&document)
            .map_err(|e| self.doing("render", &path).failed(e.into()))?;
        json.push(b'\n');
        let write = || {
            let mut file = ReplacedFile::create(&path)?;
            file.write_all(&json)?;
            file.commit()
        };
        write().map_err(|e| self.doing("write", &path).failed(e))
    }

    /// The object that was made from the inputs that `key` names.
    pub fn derived<K: Kind>(&self, key: &Digest<K>) -> Result<Option<Digest<Object>>, StoreError> {
        Ok(self.get_ref(RefKind::Derived, &key.to_string()))
    }

    /// Notes which object was made from the inputs that `key` names.
    pub fn put_derived<K: Kind>(
        &self,
        key: &Digest<K>,
        object: Digest<Object>,
    ) -> Result<(), StoreError> {
        self.put_ref(RefKind::Derived, &key.to_string(), &[object], &object)
    }

    fn ref_path(&self, kind: RefKind, name: &str) -> PathBuf {
        let hash: [u8; 32] = Sha256::digest(name).into();
        let hex = Digest::<Object>::from_bytes(hash).hex();
        self.dir
            .join("refs")
            .join(kind.directory())
            .join(format!("{}.json", &hex[..40]))
    }
}
