//! Disks: file systems made, found, grown and mounted, and swap.
//!
//! A disk is **empty** if its first and last MiB are zeros. Every known superblock and partition table has its mark
//! there, and so has what is not known: only what is empty is ever written to.

mod devices;
pub mod extend;
pub mod format;
pub mod mount;
mod superblock;
pub mod swap;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::error::Error;
use devices::Device;
pub use superblock::FileSystem;

/// As much at both ends of a disk as must be zeros.
const EDGE: u64 = 1 << 20;

/// The file system on a device; `None` if there is none that is known, or if it cannot be read.
pub fn identify(device: &Path) -> Option<FileSystem> {
    let mut head = Vec::new();
    let file = File::open(device).ok()?;
    file.take(superblock::HEAD).read_to_end(&mut head).ok()?;
    superblock::identify(&head)
}

/// A file system that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// By its label.
    Label(String),
    /// By its UUID.
    Uuid(String),
    /// On this device.
    Device(String),
}

impl Wanted {
    /// `LABEL=…`, `UUID=…` or `/dev/…`.
    pub fn parse(text: &str) -> Result<Self> {
        match text.split_once('=') {
            Some(("LABEL", label)) if !label.is_empty() => Ok(Self::Label(label.to_owned())),
            Some(("UUID", uuid)) if !uuid.is_empty() => Ok(Self::Uuid(uuid.to_lowercase())),
            _ if text.starts_with("/dev/") => Ok(Self::Device(text.to_owned())),
            _ => Err(Error::Usage(format!(
                "`{text}` is not LABEL=…, UUID=… or /dev/…"
            ))),
        }
    }

    fn suits(&self, device: &Device, found: &FileSystem) -> bool {
        match self {
            Self::Label(label) => found.label == *label,
            Self::Uuid(uuid) => found.uuid == *uuid,
            Self::Device(path) => device.path() == Path::new(path),
        }
    }

    /// All devices whose file system is the one that is looked for.
    pub fn find_all(&self) -> Result<Vec<(Device, FileSystem)>> {
        let devices = devices::all(Path::new("/sys")).map_err(Error::io("list block devices"))?;
        let identified = devices
            .into_iter()
            .filter_map(|device| Some((device.clone(), identify(&device.path())?)));
        Ok(identified
            .filter(|(device, found)| self.suits(device, found))
            .collect())
    }

    /// Waits until there is one; two of one label are refused.
    pub fn find(&self, limit: Duration) -> Result<(Device, FileSystem)> {
        let begun = Instant::now();
        loop {
            let mut found = self.find_all()?;
            if found.len() > 1 {
                let names: Vec<String> = found
                    .iter()
                    .map(|(device, _)| device.path().display().to_string())
                    .collect();
                return Err(Error::refused(
                    format!("{self} is on several devices: {}", names.join(", ")),
                    "name one of them, or remove the others",
                ));
            }
            if let Some(found) = found.pop() {
                return Ok(found);
            }
            if begun.elapsed() >= limit {
                let what = format!(
                    "no file system with {self} appeared within {} s",
                    limit.as_secs()
                );
                return Err(Error::refused(what, ""));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Label(label) => write!(f, "LABEL={label}"),
            Self::Uuid(uuid) => write!(f, "UUID={uuid}"),
            Self::Device(path) => f.write_str(path),
        }
    }
}

/// Where the first byte lies that is not zero, in the first or the last MiB; `None` in what is empty.
fn first_mark(mut device: impl Read + Seek) -> io::Result<Option<u64>> {
    let len = device.seek(SeekFrom::End(0))?;
    for start in [0, len.saturating_sub(EDGE)] {
        device.seek(SeekFrom::Start(start))?;
        let mut edge = Vec::new();
        device.by_ref().take(EDGE).read_to_end(&mut edge)?;
        if let Some(at) = edge.iter().position(|byte| *byte != 0) {
            return Ok(Some(start + at as u64));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_byte_at_either_end_makes_a_disk_not_empty() {
        let disk = |marks: &[usize]| {
            let mut bytes = vec![0; 5 << 20];
            marks.iter().for_each(|at| bytes[*at] = 1);
            first_mark(Cursor::new(bytes)).unwrap()
        };
        assert_eq!(disk(&[]), None);
        assert_eq!(disk(&[510, 65_600]), Some(510));
        assert_eq!(disk(&[(1 << 20) - 1]), Some((1 << 20) - 1));
        assert_eq!(disk(&[(5 << 20) - 1]), Some((5 << 20) - 1));
        assert_eq!(disk(&[4 << 20]), Some(4 << 20));
        assert_eq!(first_mark(Cursor::new(Vec::new())).unwrap(), None);
        assert_eq!(first_mark(Cursor::new(vec![0, 0, 7])).unwrap(), Some(2));
    }

    #[test]
    fn what_is_looked_for_has_three_forms() {
        for text in ["LABEL=data", "UUID=ab-cd", "/dev/vda1"] {
            assert_eq!(Wanted::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "data", "LABEL=", "PARTLABEL=x"] {
            assert!(Wanted::parse(bad).is_err(), "{bad}");
        }
    }
}
