//! `swap`: a file that the kernel swaps to.
//!
//! ```text
//! at 1024   version u32 = 1 | last page u32 | bad pages u32 = 0      (linux/swap.h, union swap_header)
//! at 4086   "SWAPSPACE2"
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bedplate_types::ByteSize;

use crate::error::Error;
use crate::options::Options;
use crate::{Result, say};

/// The file, and its size such as `1G`.
pub const OPTIONS: &[&str] = &["file", "size"];

const PAGE: usize = 4096;

/// Does it.
pub fn run(options: &Options) -> Result<()> {
    let path = Path::new(options.need("file")?);
    let size = options.need("size")?;
    let ByteSize(len) = size
        .parse()
        .map_err(|_| Error::Usage(format!("`--size={size}` is no size such as 512M or 1G")))?;
    let Some(header) = header(len) else {
        return Err(Error::Usage(format!(
            "{size} is too small or too large for swap space"
        )));
    };
    if !path.is_absolute() {
        return Err(Error::Usage(format!(
            "`--file={}` is no absolute path",
            path.display()
        )));
    }
    let shown = path.display();
    if is_ready(path, &header) {
        say(format!("{shown} is there already"));
    } else {
        say(format!("making {shown} of {}", ByteSize(len)));
        make(path, &header, len).map_err(Error::io(format!("make {shown}")))?;
    }
    bedplate_sys::machine::swap_on(path).map_err(Error::io(format!("swap to {shown}")))
}

/// The first page of swap space of `len` bytes, less what is no whole page.
fn header(len: u64) -> Option<[u8; PAGE]> {
    let pages = len / PAGE as u64;
    let last = u32::try_from(pages.checked_sub(1)?).ok()?;
    let mut page = [0; PAGE];
    page[1024..1028].copy_from_slice(&1_u32.to_ne_bytes());
    page[1028..1032].copy_from_slice(&last.to_ne_bytes());
    page[PAGE - 10..].copy_from_slice(b"SWAPSPACE2");
    // The kernel refuses fewer than ten pages.
    (pages >= 10).then_some(page)
}

/// Is the file swap space of this size?
fn is_ready(path: &Path, header: &[u8; PAGE]) -> bool {
    let mut head = [0; PAGE];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head == *header
}

/// Makes it beside its place: a file without holes, which only root may read.
fn make(path: &Path, header: &[u8; PAGE], len: u64) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    let fill = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(beside)?;
        file.write_all(header)?;
        io::copy(&mut io::repeat(0).take(len - PAGE as u64), &mut file)?;
        file.sync_all()
    };
    let done = fill().and_then(|()| fs::rename(beside, path));
    if done.is_err() {
        // Half of it would only take room.
        let _ = fs::remove_file(beside);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_swap_space_and_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/swap");
        let head = header(1 << 20).unwrap();
        assert!(!is_ready(&path, &head));
        make(&path, &head, 1 << 20).unwrap();
        assert!(is_ready(&path, &head));
        assert!(!is_ready(&path, &header(2 << 20).unwrap()));
        assert_eq!(fs::metadata(&path).unwrap().len(), 1 << 20);
        assert_eq!(crate::disks::identify(&path).unwrap().kind, "swap");
        assert_eq!(fs::read_dir(directory.path().join("a")).unwrap().count(), 1);
    }

    #[test]
    fn sizes_have_limits() {
        assert!(header(36_864).is_none());
        assert!(header(40_960).is_some());
        assert!(header(u64::MAX).is_none());
    }
}
