//! Small trees that the builder makes itself: layouts, volumes, archives of outputs.

use bedplate_tree::{Content, Entry, EntryKind, Meta, Tree, TreeBuilder};
use bedplate_types::{Digest, Epoch, Object};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::BuildError;

/// Files on their way into a tree. All are readable for everybody and belong to root.
#[derive(Default)]
pub(crate) struct Files(Vec<Entry>);

impl Files {
    /// A file; `path` is one of ours, and so it is plain.
    pub(crate) fn put(&mut self, path: &str, content: Content) {
        self.0.push(Entry {
            path: path.parse().expect("paths of our own files are plain"),
            meta: Meta::with_mode(0o644),
            kind: EntryKind::File(content),
        });
    }

    /// A file of a few bytes.
    pub(crate) fn text(&mut self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.put(path, Content::inline(bytes));
    }

    /// A blob of an OCI layout, and the descriptor that points to it.
    pub(crate) fn blob(&mut self, kind: &str, bytes: Vec<u8>) -> Value {
        let digest = Digest::<Object>::from_bytes(Sha256::digest(&bytes).into());
        let len = bytes.len() as u64;
        self.text(&blob_path(&digest), bytes);
        descriptor(kind, &digest, len)
    }

    /// The same for contents that lie elsewhere.
    pub(crate) fn stored_blob(&mut self, kind: &str, object: Digest<Object>, len: u64) -> Value {
        let content = Content::Stored {
            object,
            offset: 0,
            len,
        };
        self.put(&blob_path(&object), content);
        descriptor(kind, &object, len)
    }

    /// All of them.
    pub(crate) fn tree(self, origin: &str, epoch: Epoch) -> Result<Tree, BuildError> {
        let mut builder = TreeBuilder::new();
        let id = builder.origin(origin);
        let merge = |source| BuildError::Merge {
            what: origin.to_owned(),
            source,
        };
        builder.archive(self.0, id).map_err(merge)?;
        Ok(builder.freeze(epoch))
    }
}

fn blob_path(digest: &Digest<Object>) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn descriptor(kind: &str, digest: &Digest<Object>, len: u64) -> Value {
    json!({"mediaType": kind, "digest": digest.to_string(), "size": len})
}
