//! A built host as files, under LinuxKit's names where it has some.
//!
//! ```text
//! DIR/NAME-kernel          one of these three must be there; the first that is, unless another one is named
//! DIR/NAME.raw             a disk that UEFI boots
//! DIR/NAME.qcow2           the same in QEMU's format
//! DIR/NAME-initrd.img      with a kernel; may be missing
//! DIR/NAME-cmdline         with a kernel; may be missing: empty
//! DIR/NAME-manifest.json   may be missing: what a host needs is then measured
//! ```

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bedplate_formats::kernel::inspect;
use bedplate_sys::qemu::{Disk, DiskFormat};
use bedplate_types::Arch;
use serde::Deserialize;

use crate::error::RunError;

const ENDINGS: [&str; 6] = [
    "-kernel",
    "-initrd.img",
    "-cmdline",
    ".raw",
    ".qcow2",
    "-manifest.json",
];
const DISKS: [(&str, DiskFormat); 2] = [(".raw", DiskFormat::Raw), (".qcow2", DiskFormat::Qcow2)];
/// What a kernel takes at first where it cannot be looked at, with the firmware beside it.
const KERNEL_ON_DISK: u64 = 160 << 20;

/// A host that can be booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostImage {
    /// Its name.
    pub name: String,
    /// What of it is booted.
    pub medium: Medium,
    /// Its kernel command line, where it is not on the medium.
    pub cmdline: String,
    /// What its manifest says about memory, in bytes.
    pub(crate) memory: Option<ManifestMemory>,
}

/// What of a host is booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Medium {
    /// The kernel, straight away.
    Kernel {
        /// The kernel.
        kernel: PathBuf,
        /// The initrd.
        initrd: Option<PathBuf>,
    },
    /// A disk, by UEFI.
    Disk(Disk),
}

impl Medium {
    /// The file that is booted.
    pub fn file(&self) -> &Path {
        match self {
            Self::Kernel { kernel, .. } => kernel,
            Self::Disk(disk) => &disk.file,
        }
    }
}

/// The part of a manifest that a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct ManifestMemory {
    /// The initrd as it is loaded.
    pub initrd: u64,
    /// The root that it unpacks to.
    pub root: u64,
}

#[derive(Deserialize)]
struct Manifest {
    memory: Option<ManifestMemory>,
}

impl HostImage {
    /// Finds a host: in a directory (the only one, or the one called `name`), by one of its files, or by
    /// what its files begin with.
    pub fn find(path: &Path, name: Option<&str>) -> Result<Self, RunError> {
        if path.is_dir() {
            return Self::load(path, &choose(path, name)?, None);
        }
        let directory = path.parent().unwrap_or(Path::new(""));
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = ENDINGS
            .iter()
            .find_map(|ending| file.strip_suffix(ending))
            .unwrap_or(&file);
        let wanted = DISKS
            .iter()
            .map(|(ending, _)| *ending)
            .find(|ending| file.ends_with(ending));
        Self::load(directory, name.unwrap_or(stem), wanted)
    }

    /// `wanted` is the ending of the disk that is to be booted.
    fn load(directory: &Path, name: &str, wanted: Option<&str>) -> Result<Self, RunError> {
        let file = |ending: &str| directory.join(format!("{name}{ending}"));
        let kernel = file("-kernel");
        let mut disks = DISKS
            .iter()
            .filter(|(ending, _)| wanted.is_none_or(|wanted| wanted == *ending));
        let disk = disks.find(|(ending, _)| file(ending).is_file());
        let medium = match disk {
            _ if wanted.is_none() && kernel.is_file() => Medium::Kernel {
                kernel,
                initrd: Some(file("-initrd.img")).filter(|path| path.is_file()),
            },
            Some(&(ending, format)) => {
                let file = file(ending);
                if format == DiskFormat::Raw {
                    check_table(&file)?;
                }
                Medium::Disk(Disk { file, format })
            }
            None => return Err(RunError::NoHost { path: kernel }),
        };
        let cmdline = match medium {
            Medium::Kernel { .. } => read_optional(&file("-cmdline"))?.unwrap_or_default(),
            Medium::Disk(_) => String::new(),
        };
        let manifest = file("-manifest.json");
        let memory = match read_optional(&manifest)? {
            None => None,
            Some(text) => {
                let doing = || format!("read the manifest {}", manifest.display());
                let parsed: Manifest =
                    serde_json::from_str(&text).map_err(|e| RunError::io(doing())(e.into()))?;
                parsed.memory
            }
        };
        let cmdline = cmdline.trim().to_owned();
        Ok(Self {
            name: name.to_owned(),
            medium,
            cmdline,
            memory,
        })
    }

    /// How much memory the kernel itself takes at first, in bytes.
    pub(crate) fn kernel_size(&self) -> Result<u64, RunError> {
        const HEAD: u64 = 64 << 10;
        let Medium::Kernel { kernel: path, .. } = &self.medium else {
            return Ok(KERNEL_ON_DISK);
        };
        let doing = || format!("read the kernel {}", path.display());
        let mut head = Vec::new();
        let file = fs::File::open(path).map_err(RunError::io(doing()))?;
        file.take(HEAD)
            .read_to_end(&mut head)
            .map_err(RunError::io(doing()))?;
        if let Ok(kernel) = inspect(&head)
            && kernel.arch == Arch::Amd64
        {
            return Ok(kernel.start_memory);
        }
        // An uncompressed kernel: QEMU enters it through its PVH note.
        if head.starts_with(b"\x7fELF\x02\x01") && head.get(18..20) == Some(&[62, 0]) {
            return fs::metadata(path)
                .map(|meta| meta.len())
                .map_err(RunError::io(doing()));
        }
        Err(RunError::ForeignKernel { path: path.clone() })
    }
}

/// Has the disk a GPT? (UEFI Specification, 5.3.2.) QEMU looks at qcow2 by itself.
fn check_table(disk: &Path) -> Result<(), RunError> {
    let doing = format!("read the disk {}", disk.display());
    let mut head = Vec::new();
    fs::File::open(disk)
        .and_then(|file| file.take(520).read_to_end(&mut head))
        .map_err(RunError::io(doing))?;
    match head.get(512..) {
        Some(b"EFI PART") => Ok(()),
        _ => Err(RunError::NoDisk {
            path: disk.to_owned(),
        }),
    }
}

fn choose(directory: &Path, name: Option<&str>) -> Result<String, RunError> {
    if let Some(name) = name {
        return Ok(name.to_owned());
    }
    let entries =
        fs::read_dir(directory).map_err(RunError::io(format!("list {}", directory.display())))?;
    let name = |entry: io::Result<fs::DirEntry>| {
        let file = entry.ok()?.file_name().into_string().ok()?;
        let mut endings = ["-kernel", ".raw", ".qcow2"].iter();
        endings
            .find_map(|ending| file.strip_suffix(ending))
            .map(str::to_owned)
    };
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort();
    names.dedup();
    match names.len() {
        0 => Err(RunError::NoHost {
            path: directory.to_owned(),
        }),
        1 => Ok(names.remove(0)),
        _ => Err(RunError::SeveralHosts {
            path: directory.to_owned(),
            names,
        }),
    }
}

fn read_optional(path: &Path) -> Result<Option<String>, RunError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RunError::io(format!("read {}", path.display()))(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_found_by_directory_file_or_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        assert!(matches!(
            HostImage::find(dir.path(), None),
            Err(RunError::NoHost { .. })
        ));
        fs::write(at("web-kernel"), "x").unwrap();
        fs::write(at("web-cmdline"), "console=ttyS0\n").unwrap();
        fs::write(
            at("web-manifest.json"),
            r#"{"version":1,"memory":{"initrd":7,"root":9}}"#,
        )
        .unwrap();
        let web = HostImage::find(dir.path(), None).unwrap();
        assert_eq!(
            (web.name.as_str(), web.cmdline.as_str()),
            ("web", "console=ttyS0")
        );
        assert_eq!(web.memory, Some(ManifestMemory { initrd: 7, root: 9 }));
        for other in ["web", "web-kernel", "web-cmdline"] {
            assert_eq!(HostImage::find(&at(other), None).unwrap(), web, "{other}");
        }
        fs::write(at("db-kernel"), "x").unwrap();
        let error = HostImage::find(dir.path(), None).unwrap_err();
        assert!(
            error.to_string().ends_with("several hosts: db, web"),
            "{error}"
        );
        assert_eq!(HostImage::find(dir.path(), Some("web")).unwrap(), web);
        assert!(HostImage::find(dir.path(), Some("mail")).is_err());
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("web-kernel"), "#!/bin/sh\n").unwrap();
        let error = HostImage::find(dir.path(), None)
            .unwrap()
            .kernel_size()
            .unwrap_err();
        assert!(
            error.to_string().contains("is no x86-64 Linux kernel"),
            "{error}"
        );
    }
}
