//! Extended attributes, and device nodes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::{CWD, FileType, Mode, XattrFlags};
use rustix::io::Errno;

/// Sets an extended attribute; links are not followed.
pub fn set(path: &Path, name: &[u8], value: &[u8]) -> io::Result<()> {
    Ok(rustix::fs::lsetxattr(
        path,
        name,
        value,
        XattrFlags::empty(),
    )?)
}

/// Is this the error of a file system that has no place for an attribute, or cannot be written?
pub fn is_refusal(error: &io::Error) -> bool {
    let refusals = [Errno::NOTSUP, Errno::ROFS];
    refusals
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Makes a character device node; one that exists is left as it is.
pub fn ensure_character_device(path: &Path, mode: u32, major: u32, minor: u32) -> io::Result<()> {
    let device = rustix::fs::makedev(major, minor);
    match rustix::fs::mknodat(
        CWD,
        path,
        FileType::CharacterDevice,
        Mode::from_raw_mode(mode),
        device,
    ) {
        Ok(()) => Ok(rustix::fs::chmod(path, Mode::from_raw_mode(mode))?),
        Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Extended attributes by full name (`security.capability`), values as the kernel holds them.
pub type Attributes = BTreeMap<Box<[u8]>, Box<[u8]>>;

/// All extended attributes that may be read, by name; links are not followed. None where the file
/// system has no place for them.
pub fn all(path: &Path) -> io::Result<Attributes> {
    let mut names = Vec::with_capacity(1024);
    match rustix::fs::llistxattr(path, spare_capacity(&mut names)) {
        Err(Errno::RANGE) => {
            names.reserve(64 << 10);
            rustix::fs::llistxattr(path, spare_capacity(&mut names))?;
        }
        Err(Errno::NOTSUP) => return Ok(BTreeMap::new()),
        result => drop(result?),
    }
    let mut attributes = BTreeMap::new();
    for name in names
        .split(|&byte| byte == 0)
        .filter(|name| !name.is_empty())
    {
        // The largest value that the kernel allows (XATTR_SIZE_MAX).
        let mut value = Vec::with_capacity(64 << 10);
        match rustix::fs::lgetxattr(path, name, spare_capacity(&mut value)) {
            // Gone since, or not for us.
            Err(Errno::NODATA | Errno::PERM | Errno::ACCESS) => continue,
            result => drop(result?),
        }
        attributes.insert(name.into(), value.into());
    }
    Ok(attributes)
}
