//! Building a tree: the arena, single insertions and freezing.

use std::collections::BTreeMap;

use bedplate_types::{Epoch, TreePath};

use crate::error::TreeError;
use crate::inode::{Entry, EntryKind, Inode, InodeKind, Meta, OriginId};
use crate::tree::{InodeId, Tree};

/// A file system that is still being put together.
#[derive(Debug, Clone)]
pub struct TreeBuilder {
    pub(crate) inodes: Vec<Inode>,
    pub(crate) origins: Vec<String>,
}

/// What happens where something already stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clash {
    /// Layers of one image: what comes later replaces, whatever it is.
    Replace,
    /// Independent inputs: directories go through symlinks, directories with entries stay.
    Union,
}

impl Default for TreeBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl TreeBuilder {
    /// An empty root directory, `0755`, owned by root.
    pub fn new() -> Self {
        let root = Inode {
            meta: Meta::with_mode(0o755),
            kind: InodeKind::Directory(BTreeMap::new()),
            origin: OriginId(0),
            shadowed: Vec::new(),
            nlink: 1,
        };
        Self {
            inodes: vec![root],
            origins: vec!["bedplate".to_owned()],
        }
    }

    /// The id of an origin, which is entered in the table if it is new.
    pub fn origin(&mut self, name: &str) -> OriginId {
        let known = self.origins.iter().rposition(|known| known == name);
        let index = known.unwrap_or_else(|| {
            self.origins.push(name.to_owned());
            self.origins.len() - 1
        });
        OriginId(u32::try_from(index).expect("a tree has fewer than 2^32 origins"))
    }

    /// Puts one entry in, by the rules for independent inputs. Missing parents become `0755`
    /// directories of root; parents that exist are left as they are.
    pub fn insert(&mut self, entry: Entry, origin: OriginId) -> Result<(), TreeError> {
        self.place(entry, origin, Clash::Union).map(|_| ())
    }

    /// What stands at `path` when symlinks in its parents are followed, but not in its last component.
    pub fn get(&self, path: &TreePath) -> Option<&Inode> {
        self.find(path).map(|id| &self.inodes[id.index()])
    }

    /// Checks, orders and renumbers: inodes in walking order, link counts right, times at most `epoch`.
    pub fn freeze(self, epoch: Epoch) -> Tree {
        let mut renumbered: Vec<Option<u32>> = vec![None; self.inodes.len()];
        let mut order = Vec::new();
        let mut links = vec![0_u32; self.inodes.len()];
        let mut pending = vec![InodeId::ROOT];
        while let Some(id) = pending.pop() {
            links[id.index()] += 1;
            if renumbered[id.index()].is_some() {
                continue;
            }
            renumbered[id.index()] = Some(u32::try_from(order.len()).expect("ids are 32 bits"));
            order.push(id);
            if let InodeKind::Directory(children) = &self.inodes[id.index()].kind {
                pending.extend(children.values().rev());
            }
        }
        let mut slots: Vec<Option<Inode>> = self.inodes.into_iter().map(Some).collect();
        let take = |id: InodeId| {
            let mut inode = slots[id.index()]
                .take()
                .expect("each id is in the order once");
            inode.nlink = links[id.index()];
            inode.meta.mtime = inode.meta.mtime.min(epoch.0);
            if let InodeKind::Directory(children) = &mut inode.kind {
                for child in children.values_mut() {
                    *child = InodeId(renumbered[child.index()].expect("children were walked"));
                }
            }
            inode
        };
        Tree {
            inodes: order.into_iter().map(take).collect(),
            origins: self.origins,
        }
    }

    pub(crate) fn push(&mut self, inode: Inode) -> InodeId {
        let id =
            InodeId(u32::try_from(self.inodes.len()).expect("a tree has fewer than 2^32 inodes"));
        self.inodes.push(inode);
        id
    }

    pub(crate) fn children(&self, id: InodeId) -> Option<&BTreeMap<Box<[u8]>, InodeId>> {
        match &self.inodes[id.index()].kind {
            InodeKind::Directory(children) => Some(children),
            _ => None,
        }
    }

    pub(crate) fn children_mut(&mut self, id: InodeId) -> &mut BTreeMap<Box<[u8]>, InodeId> {
        match &mut self.inodes[id.index()].kind {
            InodeKind::Directory(children) => children,
            other => unreachable!("a parent was resolved to a {}", other.noun()),
        }
    }

    pub(crate) fn whose(&self, origin: OriginId) -> String {
        format!(" of {}", self.origins[origin.0 as usize])
    }

    /// The directory `dir`, with what is missing of it made.
    pub(crate) fn ensure_directory(
        &mut self,
        dir: &TreePath,
        wanted: &TreePath,
        origin: OriginId,
    ) -> Result<InodeId, TreeError> {
        if let Some(id) = self.resolve_directory(dir, wanted)? {
            return Ok(id);
        }
        let parent =
            self.ensure_directory(&dir.parent().expect("the root exists"), wanted, origin)?;
        let name = dir.name().expect("the root exists");
        if let Some(&dangling) = self
            .children(parent)
            .and_then(|children| children.get(name))
        {
            // A symlink whose target does not exist yet: make the target, as `mkdir -p` in a chroot would.
            let target = match &self.inodes[dangling.index()].kind {
                InodeKind::Symlink(target) => target.clone(),
                other => unreachable!("a missing directory stands as a {}", other.noun()),
            };
            let leaves = |_| TreeError::LeavesImage {
                path: wanted.clone(),
                link: dir.clone(),
                target: String::from_utf8_lossy(&target).into_owned(),
            };
            let base = if target.starts_with(b"/") {
                TreePath::root()
            } else {
                dir.parent().unwrap_or_default()
            };
            let target_path = base.join(&TreePath::parse(&target).map_err(leaves)?);
            if target_path.starts_with(dir) {
                return Err(TreeError::SymlinkLoop(wanted.clone()));
            }
            return self.ensure_directory(&target_path, wanted, origin);
        }
        let id = self.push(Inode {
            meta: Meta::with_mode(0o755),
            kind: InodeKind::Directory(BTreeMap::new()),
            origin,
            shadowed: Vec::new(),
            nlink: 1,
        });
        self.children_mut(parent).insert(name.into(), id);
        Ok(id)
    }

    /// Puts one entry in; gives the inode that now stands there.
    pub(crate) fn place(
        &mut self,
        entry: Entry,
        origin: OriginId,
        clash: Clash,
    ) -> Result<InodeId, TreeError> {
        let Entry { path, meta, kind } = entry;
        let Some(name) = path.name() else {
            if kind != EntryKind::Directory {
                return Err(TreeError::RootNotDirectory);
            }
            self.inodes[0].meta = meta;
            return Ok(InodeId::ROOT);
        };
        let parent_path = path.parent().expect("only the root has no parent");
        let kind = match kind {
            EntryKind::HardLink(target) => return self.link(&path, &target, origin, clash),
            EntryKind::Directory => InodeKind::Directory(BTreeMap::new()),
            EntryKind::File(content) => InodeKind::File(content),
            EntryKind::Symlink(target) => InodeKind::Symlink(target),
            EntryKind::CharDevice { major, minor } => InodeKind::CharDevice { major, minor },
            EntryKind::BlockDevice { major, minor } => InodeKind::BlockDevice { major, minor },
            EntryKind::Fifo => InodeKind::Fifo,
        };
        let parent = self.ensure_directory(&parent_path, &path, origin)?;
        let inode = Inode {
            meta,
            kind,
            origin,
            shadowed: Vec::new(),
            nlink: 1,
        };
        self.attach(parent, name, &path, inode, clash)
    }

    fn link(
        &mut self,
        path: &TreePath,
        target: &TreePath,
        origin: OriginId,
        clash: Clash,
    ) -> Result<InodeId, TreeError> {
        let dangling = || TreeError::DanglingHardLink {
            link: path.clone(),
            target: target.clone(),
        };
        let id = self.find(target).ok_or_else(dangling)?;
        if self.children(id).is_some() {
            return Err(TreeError::DirectoryHardLink {
                link: path.clone(),
                target: target.clone(),
            });
        }
        let parent = self.ensure_directory(&path.parent().unwrap_or_default(), path, origin)?;
        let name = path.name().ok_or(TreeError::RootNotDirectory)?;
        self.link_to(id, (parent, name), path, clash)?;
        Ok(id)
    }

    /// Gives `id` one more name.
    pub(crate) fn link_to(
        &mut self,
        id: InodeId,
        (parent, name): (InodeId, &[u8]),
        path: &TreePath,
        clash: Clash,
    ) -> Result<(), TreeError> {
        if let Some(&old) = self
            .children(parent)
            .and_then(|children| children.get(name))
            && old != id
        {
            self.may_replace(old, path, "hard link", clash)?;
        }
        self.children_mut(parent).insert(name.into(), id);
        Ok(())
    }

    /// Puts `inode` under `name`; a directory over a directory keeps the entries and takes the metadata.
    pub(crate) fn attach(
        &mut self,
        parent: InodeId,
        name: &[u8],
        path: &TreePath,
        mut inode: Inode,
        clash: Clash,
    ) -> Result<InodeId, TreeError> {
        if let Some(&old_id) = self
            .children(parent)
            .and_then(|children| children.get(name))
        {
            let is_directory = matches!(inode.kind, InodeKind::Directory(_));
            let old = &mut self.inodes[old_id.index()];
            if is_directory && matches!(old.kind, InodeKind::Directory(_)) {
                if old.origin != inode.origin && !old.shadowed.contains(&old.origin) {
                    old.shadowed.push(old.origin);
                }
                old.meta = inode.meta;
                old.origin = inode.origin;
                return Ok(old_id);
            }
            if is_directory && clash == Clash::Union && matches!(old.kind, InodeKind::Symlink(_)) {
                // The symlink stays; what comes below the directory goes where it leads.
                return self.ensure_directory(path, path, inode.origin);
            }
            inode.shadowed.clone_from(&old.shadowed);
            inode.shadowed.push(old.origin);
            self.may_replace(old_id, path, inode.kind.noun(), clash)?;
        }
        let id = self.push(inode);
        self.children_mut(parent).insert(name.into(), id);
        Ok(id)
    }

    fn may_replace(
        &self,
        old: InodeId,
        path: &TreePath,
        noun: &'static str,
        clash: Clash,
    ) -> Result<(), TreeError> {
        let has_entries = self
            .children(old)
            .is_some_and(|children| !children.is_empty());
        if clash == Clash::Union && has_entries {
            return Err(TreeError::ReplacesDirectory {
                path: path.clone(),
                noun,
                whose: self.whose(self.inodes[old.index()].origin),
            });
        }
        Ok(())
    }
}
