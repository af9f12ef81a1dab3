//! A built host as files, under LinuxKit's names where it has some.
//!
//! ```text
//! DIR/NAME-kernel          with NAME-initrd.img and NAME-cmdline, which may be missing
//! DIR/NAME.raw …           the other forms, see `medium`: the first that is there, unless another is named
//! DIR/NAME-netboot.img     with NAME-root.img and NAME-image.json: an initrd that asks a server for its root
//! DIR/NAME-manifest.json   may be missing: what a host needs is then measured
//! ```

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use bedplate_formats::kernel::inspect;
use bedplate_types::Arch;
use serde::Deserialize;

use crate::error::RunError;
use crate::medium::{Form, Medium};

/// Files of a host that nothing boots from.
const COMPANIONS: [&str; 4] = [INITRD, NETBOOT, "-cmdline", "-manifest.json"];
const INITRD: &str = "-initrd.img";
const NETBOOT: &str = "-netboot.img";
/// What a kernel takes at first where it cannot be looked at, with the firmware beside it.
const KERNEL_ON_DISK: u64 = 160 << 20;

/// A host that can be booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostImage {
    /// Its name.
    pub name: String,
    /// What of it is booted.
    pub medium: Medium,
    /// Does its initrd ask a server for the root, which lies beside it?
    pub asks_server: bool,
    /// Its kernel command line, where it is not on the medium.
    pub cmdline: String,
    /// What its manifest says about memory, in bytes.
    pub(crate) memory: Option<ManifestMemory>,
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
            return Self::load(path, &choose(path, name)?, None, false);
        }
        let directory = path.parent().unwrap_or(Path::new(""));
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let form = Form::of(&file);
        let companion = || {
            COMPANIONS
                .iter()
                .find_map(|ending| file.strip_suffix(ending))
        };
        let stem = match form {
            Some(form) => &file[..file.len() - form.ending().len()],
            None => companion().unwrap_or(&file),
        };
        let netboot = file.ends_with(NETBOOT);
        Self::load(directory, name.unwrap_or(stem), form, netboot)
    }

    /// `wanted` is the form that is to be booted.
    fn load(
        directory: &Path,
        name: &str,
        wanted: Option<Form>,
        netboot: bool,
    ) -> Result<Self, RunError> {
        let file = |ending: &str| directory.join(format!("{name}{ending}"));
        let mut forms = Form::ALL
            .into_iter()
            .filter(|form| wanted.is_none_or(|wanted| wanted == *form));
        let Some(form) = forms.find(|form| file(form.ending()).is_file()) else {
            let ending = wanted.unwrap_or(Form::Kernel).ending();
            return Err(RunError::NoHost { path: file(ending) });
        };
        let whole = Some(file(INITRD)).filter(|path| path.is_file() && !netboot);
        let asks_server = form == Form::Kernel && whole.is_none() && file(NETBOOT).is_file();
        let initrd = whole.or(asks_server.then(|| file(NETBOOT)));
        let medium = Medium::open(form, file(form.ending()), initrd)?;
        let cmdline = match medium {
            Medium::Kernel { .. } => read_optional(&file("-cmdline"))?.unwrap_or_default(),
            _ => String::new(),
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
            asks_server,
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

fn choose(directory: &Path, name: Option<&str>) -> Result<String, RunError> {
    if let Some(name) = name {
        return Ok(name.to_owned());
    }
    let entries =
        fs::read_dir(directory).map_err(RunError::io(format!("list {}", directory.display())))?;
    let name = |entry: io::Result<fs::DirEntry>| {
        let file = entry.ok()?.file_name().into_string().ok()?;
        let form = Form::of(&file)?;
        Some(file[..file.len() - form.ending().len()].to_owned())
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
