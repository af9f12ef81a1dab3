//! Why a tree is not written as an ISO 9660 volume.

use std::io;

use bedplate_types::TreePath;

/// Why a tree is not written as an ISO 9660 volume.
#[derive(Debug, thiserror::Error)]
pub enum IsoError {
    /// A name that would be another one when it is read.
    #[error(
        "`{0}` cannot be written to an ISO 9660 volume: a name has at most 30 lower-case letters, digits \
         and `_`, and one dot among them; that of a directory has none"
    )]
    Name(TreePath),
    /// A symlink, a device or a named pipe.
    #[error("`{path}` is a {noun}: an ISO 9660 volume holds only files and directories")]
    Unrepresentable {
        /// The entry.
        path: TreePath,
        /// What it is.
        noun: &'static str,
    },
    /// A file of 4 GiB or more.
    #[error("`{path}` has {len} bytes: on an ISO 9660 volume a file has less than 4 GiB")]
    FileTooLarge {
        /// The file.
        path: TreePath,
        /// Its length.
        len: u64,
    },
    /// Directories nested too deep.
    #[error("`{0}` lies too deep: directories of an ISO 9660 volume have 8 levels")]
    TooDeep(TreePath),
    /// More directories than a path table can number.
    #[error("an ISO 9660 volume has at most 65535 directories, and there are {0}")]
    Directories(usize),
    /// A label that is too long or not upper case.
    #[error(
        "an ISO 9660 volume cannot be labelled `{}`: a label has 1 to 32 upper-case letters, digits and `_`",
        .0.escape_debug()
    )]
    Label(String),
    /// A time after 2155, in seconds since 1970.
    #[error("the time {0} is after the year 2155, where those of ISO 9660 volumes end")]
    TooLate(u64),
    /// More than blocks of 32 bits can number.
    #[error("an ISO 9660 volume has less than 8 TiB")]
    TooLarge,
    /// What a BIOS shall boot is no file of the volume.
    #[error("`{0}`, which a BIOS shall boot, is no file of the volume")]
    NoBootFile(TreePath),
    /// Contents that could not be read or written.
    #[error("cannot write `{path}` to the ISO 9660 volume")]
    Io {
        /// The file; the root for what belongs to none.
        path: TreePath,
        /// Why.
        source: io::Error,
    },
}
