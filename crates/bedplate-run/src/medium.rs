//! The forms of a host that boot, and the firmware that each takes.
//!
//! ```text
//! NAME-kernel     no firmware: QEMU starts it
//! NAME-bios.raw   a disk; which firmware, is looked up in it: boot code in its first sector for a BIOS,
//! NAME.raw, .vhd  an EFI system partition in its GPT for UEFI
//! NAME.qcow2      a disk of any kind that we do not look into: UEFI, unless told otherwise
//! NAME.vmdk
//! NAME.iso        an optical medium; which firmware, says its boot catalogue
//! NAME.efi        an EFI program: UEFI
//! ```
//!
//! Sources: UEFI Specification 2.10, chapter 5; "El Torito" Bootable CD-ROM Format Specification 1.0.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bedplate_formats::gpt::types;
use bedplate_sys::qemu::{Disk, DiskFormat};

use crate::error::RunError;

/// A form that boots, by the ending of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Kernel,
    BiosRaw,
    Disk(DiskFormat),
    Optical,
    Program,
}

impl Form {
    /// Best first; an ending that ends in another one stands before it.
    pub(crate) const ALL: [Self; 8] = [
        Self::Kernel,
        Self::BiosRaw,
        Self::Disk(DiskFormat::Raw),
        Self::Disk(DiskFormat::Qcow2),
        Self::Disk(DiskFormat::Vmdk),
        Self::Disk(DiskFormat::Vhd),
        Self::Optical,
        Self::Program,
    ];

    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Kernel => "-kernel",
            Self::BiosRaw => "-bios.raw",
            Self::Disk(DiskFormat::Raw) => ".raw",
            Self::Disk(DiskFormat::Qcow2) => ".qcow2",
            Self::Disk(DiskFormat::Vmdk) => ".vmdk",
            Self::Disk(DiskFormat::Vhd) => ".vhd",
            Self::Optical => ".iso",
            Self::Program => ".efi",
        }
    }

    /// The form of a file of this name.
    pub(crate) fn of(file: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|form| file.ends_with(form.ending()))
    }
}

/// What starts a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Firmware {
    /// UEFI.
    Uefi,
    /// A BIOS.
    Bios,
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uefi => "UEFI",
            Self::Bios => "BIOS",
        })
    }
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
    /// A disk.
    Disk {
        /// The disk.
        disk: Disk,
        /// What boots it, best first.
        firmware: Vec<Firmware>,
    },
    /// An optical medium.
    Optical {
        /// Its image.
        file: PathBuf,
        /// What boots it, best first.
        firmware: Vec<Firmware>,
    },
    /// An EFI program.
    Program(PathBuf),
}

impl Medium {
    /// Looks at the file.
    pub(crate) fn open(
        form: Form,
        file: PathBuf,
        initrd: Option<PathBuf>,
    ) -> Result<Self, RunError> {
        let looked = |what: fn(&File) -> io::Result<Vec<Firmware>>| {
            let doing = format!("read {}", file.display());
            let found = File::open(&file).and_then(|file| what(&file));
            match found.map_err(RunError::io(doing))? {
                none if none.is_empty() => Err(RunError::NotBootable { path: file.clone() }),
                firmware => Ok(firmware),
            }
        };
        let disk = |format| Disk {
            file: file.clone(),
            format,
        };
        Ok(match form {
            Form::Kernel => Self::Kernel {
                kernel: file,
                initrd,
            },
            Form::BiosRaw | Form::Disk(DiskFormat::Raw) => Self::Disk {
                firmware: looked(of_disk)?,
                disk: disk(DiskFormat::Raw),
            },
            Form::Disk(DiskFormat::Vhd) => Self::Disk {
                firmware: looked(of_disk)?,
                disk: disk(DiskFormat::Vhd),
            },
            Form::Disk(format) => Self::Disk {
                firmware: vec![Firmware::Uefi, Firmware::Bios],
                disk: disk(format),
            },
            Form::Optical => Self::Optical {
                firmware: looked(of_optical)?,
                file,
            },
            Form::Program => Self::Program(file),
        })
    }

    /// The file that is booted.
    pub fn file(&self) -> &Path {
        match self {
            Self::Kernel { kernel, .. } => kernel,
            Self::Disk { disk, .. } => &disk.file,
            Self::Optical { file, .. } | Self::Program(file) => file,
        }
    }

    /// The firmware that boots it: the one that is asked for, if there is one. A kernel takes none.
    pub(crate) fn firmware(&self, asked: Option<Firmware>) -> Result<Option<Firmware>, RunError> {
        let known: &[Firmware] = match self {
            Self::Kernel { .. } => &[],
            Self::Disk { firmware, .. } | Self::Optical { firmware, .. } => firmware,
            Self::Program(_) => &[Firmware::Uefi],
        };
        match asked {
            Some(asked) if !known.contains(&asked) => Err(RunError::WrongFirmware {
                path: self.file().to_owned(),
                firmware: asked,
            }),
            Some(asked) => Ok(Some(asked)),
            None => Ok(known.first().copied()),
        }
    }
}

/// Bytes of a file, zeros behind its end.
fn bytes(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut done = 0;
    while done < len {
        match file.read_at(&mut bytes[done..], offset + done as u64)? {
            0 => break,
            count => done += count,
        }
    }
    Ok(bytes)
}

fn of_disk(disk: &File) -> io::Result<Vec<Firmware>> {
    const CODE_LEN: usize = 440;
    const ENTRY_LEN: usize = 128;
    let head = bytes(disk, 0, 1024)?;
    if &head[512..520] != b"EFI PART" {
        return Ok(Vec::new());
    }
    let entries = bytes(disk, 1024, 128 * ENTRY_LEN)?;
    let esp = types::ESP.to_uefi_bytes();
    let has_esp = entries
        .chunks(ENTRY_LEN)
        .any(|entry| entry.starts_with(&esp));
    let has_code = head[..CODE_LEN].iter().any(|&byte| byte != 0);
    let found = [(has_esp, Firmware::Uefi), (has_code, Firmware::Bios)];
    Ok(found
        .into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, firmware)| firmware)
        .collect())
}

fn of_optical(volume: &File) -> io::Result<Vec<Firmware>> {
    const BLOCK: u64 = 2048;
    const ENTRY_LEN: usize = 32;
    let record = bytes(volume, 17 * BLOCK, BLOCK as usize)?;
    if &record[1..6] != b"CD001" || !record[7..].starts_with(b"EL TORITO SPECIFICATION") {
        return Ok(Vec::new());
    }
    let block = u32::from_le_bytes(record[71..75].try_into().expect("four bytes"));
    let catalogue = bytes(volume, u64::from(block) * BLOCK, BLOCK as usize)?;
    // The validation entry and the headers of sections name platforms.
    let mut found: Vec<Firmware> = catalogue
        .chunks(ENTRY_LEN)
        .filter(|entry| matches!(entry[0], 0x01 | 0x90 | 0x91))
        .filter_map(|entry| match entry[1] {
            0 => Some(Firmware::Bios),
            0xef => Some(Firmware::Uefi),
            _ => None,
        })
        .collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_that_ends_in_another_is_found_first() {
        assert_eq!(Form::of("web-bios.raw"), Some(Form::BiosRaw));
        assert_eq!(Form::of("web.raw"), Some(Form::Disk(DiskFormat::Raw)));
        assert_eq!(Form::of("web-manifest.json"), None);
    }

    #[test]
    fn a_medium_takes_the_firmware_that_it_is_made_for() {
        let program = Medium::Program("web.efi".into());
        assert_eq!(program.firmware(None).unwrap(), Some(Firmware::Uefi));
        let error = program.firmware(Some(Firmware::Bios)).unwrap_err();
        assert_eq!(error.to_string(), "no BIOS boots `web.efi`");
        let kernel = Medium::Kernel {
            kernel: "web-kernel".into(),
            initrd: None,
        };
        assert_eq!(kernel.firmware(None).unwrap(), None);
        assert!(kernel.firmware(Some(Firmware::Uefi)).is_err());
    }
}
