//! Looking paths up in a tree that is being built: symlinks are followed as in a chroot, and never out of it.

use bedplate_types::TreePath;

use crate::builder::TreeBuilder;
use crate::error::TreeError;
use crate::inode::InodeKind;
use crate::tree::InodeId;

/// As many symlinks as the kernel follows in one path.
const MAX_SYMLINKS: u32 = 40;

impl TreeBuilder {
    pub(crate) fn find(&self, path: &TreePath) -> Option<InodeId> {
        let Some(name) = path.name() else {
            return Some(InodeId::ROOT);
        };
        let parent = self.resolve_directory(&path.parent()?, path).ok()??;
        self.children(parent)?.get(name).copied()
    }

    /// The directory that `dir` leads to, symlinks followed inside the image; `None` where a
    /// component is missing. `wanted` is for messages.
    pub(crate) fn resolve_directory(
        &self,
        dir: &TreePath,
        wanted: &TreePath,
    ) -> Result<Option<InodeId>, TreeError> {
        let mut budget = MAX_SYMLINKS;
        let mut stack = vec![InodeId::ROOT];
        let mut here = TreePath::root();
        let mut todo: Vec<Box<[u8]>> = dir.components().map(Into::into).collect();
        todo.reverse();
        while let Some(name) = todo.pop() {
            let current = *stack.last().expect("the root never leaves the stack");
            let Some(&id) = self
                .children(current)
                .and_then(|children| children.get(&name))
            else {
                return Ok(None);
            };
            let inode = &self.inodes[id.index()];
            match &inode.kind {
                InodeKind::Directory(_) => {
                    stack.push(id);
                    here = here.child(&name);
                }
                InodeKind::Symlink(target) => {
                    let link = here.child(&name);
                    budget = budget
                        .checked_sub(1)
                        .ok_or_else(|| TreeError::SymlinkLoop(wanted.clone()))?;
                    if target.starts_with(b"/") {
                        stack.truncate(1);
                        here = TreePath::root();
                    }
                    let mut parts: Vec<&[u8]> = target
                        .split(|&b| b == b'/')
                        .filter(|c| !c.is_empty() && *c != b".")
                        .collect();
                    while parts.first() == Some(&&b".."[..]) {
                        parts.remove(0);
                        if stack.len() == 1 {
                            return Err(TreeError::LeavesImage {
                                path: wanted.clone(),
                                link,
                                target: String::from_utf8_lossy(target).into_owned(),
                            });
                        }
                        stack.pop();
                        here = here.parent().expect("as deep as the stack");
                    }
                    if parts.contains(&&b".."[..]) {
                        parts = lexically_normal(&parts).ok_or_else(|| TreeError::LeavesImage {
                            path: wanted.clone(),
                            link,
                            target: String::from_utf8_lossy(target).into_owned(),
                        })?;
                    }
                    todo.extend(parts.into_iter().rev().map(Box::from));
                }
                other => {
                    return Err(TreeError::ParentNotDirectory {
                        path: wanted.clone(),
                        parent: here.child(&name),
                        noun: other.noun(),
                        whose: self.whose(inode.origin),
                    });
                }
            }
        }
        Ok(stack.pop())
    }
}

/// Resolves inner `..` of a symlink target by name; `None` if it would leave the image.
fn lexically_normal<'a>(parts: &[&'a [u8]]) -> Option<Vec<&'a [u8]>> {
    let mut normal = Vec::new();
    for &part in parts {
        if part == b".." {
            normal.pop()?;
        } else {
            normal.push(part);
        }
    }
    Some(normal)
}
