//! Why a tree is not written as a FAT volume.

use std::io;

use bedplate_types::TreePath;

/// Why a tree is not written as a FAT volume.
#[derive(Debug, thiserror::Error)]
pub enum FatError {
    /// A name that long names cannot spell.
    #[error("`{path}` cannot be written to a FAT volume: its name {what}")]
    Name {
        /// The entry.
        path: TreePath,
        /// What is wrong with its name.
        what: &'static str,
    },
    /// Two names in a directory that differ only in case.
    #[error(
        "`{first}` and `{second}` have the same name on a FAT volume, where case does not count"
    )]
    Clash {
        /// One of them.
        first: TreePath,
        /// The other.
        second: TreePath,
    },
    /// A symlink, a device or a named pipe.
    #[error("`{path}` is a {noun}: a FAT volume holds only files and directories")]
    Unrepresentable {
        /// The entry.
        path: TreePath,
        /// What it is.
        noun: &'static str,
    },
    /// A file of 4 GiB or more.
    #[error("`{path}` has {len} bytes: on a FAT volume a file has less than 4 GiB")]
    FileTooLarge {
        /// The file.
        path: TreePath,
        /// Its length.
        len: u64,
    },
    /// A directory with more or longer names than fit.
    #[error(
        "directory `{0}` has too many entries for a FAT volume: with long names, more than 65536"
    )]
    DirectoryTooLarge(TreePath),
    /// A label that is too long or not upper case.
    #[error(
        "a FAT volume cannot be labelled `{}`: a label has at most 11 upper-case letters, digits, \
         spaces and signs of `!#$%&'()-@^_{{}}~`, no space first",
        .0.escape_debug()
    )]
    Label(String),
    /// A time after 2107, in seconds since 1970.
    #[error("the time {0} is after the year 2107, where those of FAT volumes end")]
    TooLate(u64),
    /// A length that no volume can have.
    #[error(
        "a FAT volume cannot have {0} bytes: it has whole sectors of 512 bytes, more than 2.1 MiB and \
         less than 2 TiB"
    )]
    Length(u64),
    /// More contents than a volume of the given length has room for.
    #[error("a FAT volume of {len} bytes has room for {room} bytes, and its files need {needed}")]
    Full {
        /// Length of the volume, in bytes.
        len: u64,
        /// Length of all its clusters, in bytes.
        room: u64,
        /// Length of the clusters that files and directories need, in bytes.
        needed: u64,
    },
    /// Contents that could not be read or written.
    #[error("cannot write `{path}` to the FAT volume")]
    Io {
        /// The file; the root for what belongs to none.
        path: TreePath,
        /// Why.
        source: io::Error,
    },
}
