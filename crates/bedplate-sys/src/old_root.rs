//! The root that the kernel unpacked its initramfs onto, after another one was entered: its memory is wanted back.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

/// `f_type` of tmpfs and ramfs (`linux/magic.h`), which is what an initramfs lies on.
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// A root, held open so that it can be emptied when it is out of sight.
#[derive(Debug)]
pub struct OldRoot {
    directory: OwnedFd,
    device: u64,
}

impl OldRoot {
    /// Takes hold of the present root. Refuses one that is not in memory: what is on a disk is not ours to empty.
    pub fn hold() -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open("/", flags, Mode::empty())?;
        let kind = rustix::fs::fstatfs(&directory)?.f_type;
        #[allow(
            clippy::unnecessary_cast,
            reason = "the type of `f_type` differs between architectures"
        )]
        if !IN_MEMORY.contains(&(kind as i64)) {
            return Err(io::Error::other("the root is not in memory"));
        }
        let device = rustix::fs::fstat(&directory)?.st_dev;
        Ok(Self { directory, device })
    }

    /// Removes all that is in it, without what is mounted there. What cannot be removed stays.
    pub fn empty(self) -> io::Result<()> {
        self.empty_directory(self.directory.as_fd())
    }

    fn empty_directory(&self, directory: BorrowedFd<'_>) -> io::Result<()> {
        let mut entries = Dir::read_from(directory)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let stat = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if stat.st_dev != self.device {
                continue;
            }
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                // One that is in use goes when it no longer is.
                let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
                continue;
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let below = rustix::fs::openat(directory, name, flags, Mode::empty())?;
            self.empty_directory(below.as_fd())?;
            // One that something is mounted on stays.
            let _ = rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR);
        }
        Ok(())
    }
}
