//! Whole inputs at once: an OCI layer with its whiteouts, and one tree joined into another.

use std::collections::HashMap;

use bedplate_types::TreePath;

use crate::builder::{Clash, TreeBuilder};
use crate::error::TreeError;
use crate::inode::{Entry, Inode, InodeKind, OriginId};
use crate::tree::{InodeId, Tree};

/// Prefix of a whiteout file (OCI image specification, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";
/// Name of the file that makes a directory opaque.
const OPAQUE: &[u8] = b".wh..wh..opq";

impl TreeBuilder {
    /// Applies one layer of an OCI image. Its whiteouts hide what lower layers brought, never what
    /// the same layer brings, wherever in the layer they stand.
    pub fn layer(&mut self, entries: Vec<Entry>, origin: OriginId) -> Result<(), TreeError> {
        for entry in &entries {
            self.apply_whiteout(&entry.path)?;
        }
        for entry in entries {
            if !entry
                .path
                .name()
                .is_some_and(|name| name.starts_with(WHITEOUT))
            {
                self.place(entry, origin, Clash::Replace)?;
            }
        }
        Ok(())
    }

    /// Puts in the entries of an archive that stands alone, where `.wh.` is a name like any other.
    pub fn archive(&mut self, entries: Vec<Entry>, origin: OriginId) -> Result<(), TreeError> {
        for entry in entries {
            self.place(entry, origin, Clash::Replace)?;
        }
        Ok(())
    }

    fn apply_whiteout(&mut self, path: &TreePath) -> Result<(), TreeError> {
        let Some(name) = path.name().filter(|name| name.starts_with(WHITEOUT)) else {
            return Ok(());
        };
        let parent = path.parent().expect("a path with a name has a parent");
        let Some(directory) = self.resolve_directory(&parent, path)? else {
            return Ok(());
        };
        if name == OPAQUE {
            self.children_mut(directory).clear();
        } else {
            self.children_mut(directory).remove(&name[WHITEOUT.len()..]);
        }
        Ok(())
    }

    /// Puts a whole tree below `at`, by the rules for independent inputs. Hard links stay hard links,
    /// and origins keep their names. The metadata of `other`'s root is taken only if `at` is new.
    pub fn join(&mut self, at: &TreePath, other: &Tree) -> Result<(), TreeError> {
        let origins: Vec<OriginId> = other.origins.iter().map(|name| self.origin(name)).collect();
        let of = |id: OriginId| origins[id.0 as usize];
        let root = other.inode(InodeId::ROOT);
        let existed = self.resolve_directory(at, at)?;
        let base = self.ensure_directory(at, at, of(root.origin))?;
        if existed.is_none()
            || (at.is_root()
                && self
                    .children(base)
                    .is_some_and(|children| children.is_empty()))
        {
            self.inodes[base.index()].meta = root.meta.clone();
        }
        let mut placed: HashMap<InodeId, InodeId> = HashMap::from([(InodeId::ROOT, base)]);
        let mut pending = vec![(InodeId::ROOT, base, at.clone())];
        while let Some((from, into, path)) = pending.pop() {
            let InodeKind::Directory(children) = &other.inode(from).kind else {
                continue;
            };
            for (name, &child) in children {
                let child_path = path.child(name);
                if let Some(&known) = placed.get(&child) {
                    self.link_to(known, (into, name), &child_path, Clash::Union)?;
                    continue;
                }
                let source = other.inode(child);
                let inode = Inode {
                    kind: match &source.kind {
                        InodeKind::Directory(_) => InodeKind::Directory(Default::default()),
                        kind => kind.clone(),
                    },
                    origin: of(source.origin),
                    shadowed: source.shadowed.iter().map(|&id| of(id)).collect(),
                    ..source.clone()
                };
                let id = self.attach(into, name, &child_path, inode, Clash::Union)?;
                placed.insert(child, id);
                if matches!(source.kind, InodeKind::Directory(_)) {
                    pending.push((child, id, child_path));
                }
            }
        }
        Ok(())
    }
}
