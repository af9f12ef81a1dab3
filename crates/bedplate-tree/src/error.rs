//! Why inputs do not make a tree.

use bedplate_types::TreePath;

/// Why inputs do not make a tree. The message has no host path: the caller adds which input it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A hard link before, or without, its target.
    #[error("hard link `{link}` points to `{target}`, which does not exist")]
    DanglingHardLink {
        /// The new name.
        link: TreePath,
        /// What it should be a name of.
        target: TreePath,
    },
    /// A hard link to a directory.
    #[error("hard link `{link}` points to the directory `{target}`")]
    DirectoryHardLink {
        /// The new name.
        link: TreePath,
        /// The directory.
        target: TreePath,
    },
    /// A parent of the path is neither a directory nor a symlink to one.
    #[error("`{path}` cannot lie below `{parent}`, which is a {noun}{whose}")]
    ParentNotDirectory {
        /// What was to be inserted.
        path: TreePath,
        /// The parent.
        parent: TreePath,
        /// What the parent is.
        noun: &'static str,
        /// ` of ORIGIN`.
        whose: String,
    },
    /// A symlink on the way leads above the root of the image.
    #[error("`{path}` goes through the symlink `{link}` -> `{target}`, which leaves the image")]
    LeavesImage {
        /// What was to be inserted.
        path: TreePath,
        /// The symlink.
        link: TreePath,
        /// Its target.
        target: String,
    },
    /// More symlinks on the way than the kernel would follow.
    #[error("`{0}` goes through too many symlinks")]
    SymlinkLoop(TreePath),
    /// A file or link would replace a directory that has entries.
    #[error("`{path}` would replace a directory with entries{whose} by a {noun}")]
    ReplacesDirectory {
        /// Where.
        path: TreePath,
        /// What would replace it.
        noun: &'static str,
        /// ` of ORIGIN`.
        whose: String,
    },
    /// A whiteout or link at the root of the image, or another thing that only a directory can be.
    #[error("the root of an image can only be a directory")]
    RootNotDirectory,
}
