//! One file of a package at its place.

use std::fs::{self, File, FileTimes, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, fchown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bedplate_sys::attributes;
use bedplate_tree::{Content, Entry, EntryKind, Meta};
use bedplate_types::TreePath;

/// Directories that the sandbox has made and mounted something on.
const MOUNTS: [&str; 4] = ["dev", "proc", "run", "tmp"];

/// A path of the image: the root of this process is the image's.
pub(super) fn host_path(path: &TreePath) -> PathBuf {
    Path::new("/").join(Path::new(std::ffi::OsStr::from_bytes(path.as_bytes())))
}

/// Under which name a file is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// Its own.
    Own,
    /// With `.dpkg-new`: a configuration file, until dpkg configures its package.
    New,
    /// Both, for scripts that read it before.
    Both,
}

/// Makes what `entry` is, over what is there. A directory is made as anybody's, for [`finish_directory`].
pub(super) fn place(entry: &Entry, data: &[u8], naming: Naming) -> io::Result<()> {
    let own = host_path(&entry.path);
    let mut new = own.clone().into_os_string();
    new.push(".dpkg-new");
    match naming {
        Naming::Own => place_at(entry, data, &own),
        Naming::New => place_at(entry, data, Path::new(&new)),
        Naming::Both => {
            place_at(entry, data, &own)?;
            fs::hard_link(&own, &new)
        }
    }
}

fn place_at(entry: &Entry, data: &[u8], path: &Path) -> io::Result<()> {
    match &entry.kind {
        EntryKind::Directory => match fs::create_dir(path) {
            // A symlink to a directory counts as one.
            Err(e) if e.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            made => made,
        },
        EntryKind::File(content) => replacing(path, || file(path, content, data, &entry.meta)),
        EntryKind::Symlink(target) => {
            let target = Path::new(std::ffi::OsStr::from_bytes(target));
            if fs::read_link(path).is_ok_and(|old| old == target) {
                return Ok(());
            }
            replacing(path, || symlink(target, path))?;
            lchown(path, Some(entry.meta.uid), Some(entry.meta.gid))
        }
        EntryKind::HardLink(target) => replacing(path, || fs::hard_link(host_path(target), path)),
        EntryKind::CharDevice { .. } | EntryKind::BlockDevice { .. } | EntryKind::Fifo => {
            let message = "it is a device or a named pipe";
            Err(io::Error::new(ErrorKind::Unsupported, message))
        }
    }
}

/// Sets what a package says of a directory.
pub(super) fn finish_directory(path: &TreePath, meta: &Meta) -> io::Result<()> {
    let is_mount = MOUNTS
        .iter()
        .any(|mount| path.as_bytes() == mount.as_bytes());
    let path = host_path(path);
    if is_mount || path.is_symlink() {
        return Ok(());
    }
    lchown(&path, Some(meta.uid), Some(meta.gid))?;
    fs::set_permissions(&path, Permissions::from_mode(meta.mode))
}

fn replacing(path: &Path, make: impl Fn() -> io::Result<()>) -> io::Result<()> {
    match make() {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            make()
        }
        made => made,
    }
}

fn file(path: &Path, content: &Content, data: &[u8], meta: &Meta) -> io::Result<()> {
    let bytes = match content {
        Content::Inline(bytes) => &bytes[..],
        Content::Stored { offset, len, .. } => &data[*offset as usize..(*offset + *len) as usize],
    };
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    if (meta.uid, meta.gid) != (0, 0) {
        fchown(&file, Some(meta.uid), Some(meta.gid))?;
    }
    file.set_permissions(Permissions::from_mode(meta.mode))?;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(meta.mtime);
    file.set_times(FileTimes::new().set_modified(time))?;
    let mut attributes = meta.xattrs.iter();
    attributes.try_for_each(|(name, value)| attributes::set(path, name, value))
}
