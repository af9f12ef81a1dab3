//! `uki`: kernel, initrd and command line in one EFI program, behind the stub of systemd.

use std::io::{Cursor, Seek, SeekFrom};

use bedplate_formats::pe::uki::{self, Source, Uki};
use bedplate_spec::lock::{Dependencies, ImageId, ImageRequest, PackageRequest};
use bedplate_sys::replace::ReplacedFile;
use bedplate_tree::{Content, InodeKind};
use bedplate_types::Arch;

use super::Outputs;
use super::hashed::Hashed;
use super::initramfs::Initramfs;
use crate::assembly::Host;
use crate::images::Images;
use crate::initrd::Written;
use crate::packages::{read_bytes, read_text};
use crate::{BuildError, Signer};

/// No stub and no boot loader is longer, in bytes.
const MAX_PROGRAM: u64 = 16 << 20;

/// A Unified Kernel Image, written beside its place.
pub(super) struct UkiFile {
    pub(super) name: String,
    pub(super) file: ReplacedFile,
    pub(super) written: Written,
}

/// Where the EFI stub comes from: systemd's own package, of the build machine's distribution.
pub(super) fn stub_request() -> ImageRequest {
    ImageRequest::Packages(PackageRequest {
        suite: None,
        components: Vec::new(),
        mirror: None,
        keyring: None,
        include: vec!["systemd-boot-efi".to_owned()],
        dependencies: Dependencies::None,
        zfs: false,
    })
}

/// The ending of EFI programs for an architecture (UEFI specification, 3.5.1.1).
pub(super) fn efi_name(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "x64",
        Arch::Arm64 => "aa64",
        Arch::Riscv64 => "riscv64",
    }
}

impl Outputs<'_> {
    /// Makes the image; its bytes are a function of what goes in.
    pub(super) fn uki(
        &self,
        initramfs: &mut Initramfs<'_>,
        host: &Host,
        images: &mut Images<'_>,
        arch: Arch,
    ) -> Result<UkiFile, BuildError> {
        let (name, mut file) = self.create(".efi")?;
        let io = || BuildError::io(format!("write {name}"));
        let stub = self.stub(images, arch)?;
        let osrel = self.os_release(host)?;
        let initrd = initramfs.file.file();
        initrd.seek(SeekFrom::Start(0)).map_err(io())?;
        let kernel = initramfs.kernel;
        let parts = Uki {
            stub: &stub,
            osrel: Some(Source::Bytes(osrel.as_bytes())),
            cmdline: Some(Source::Bytes(host.cmdline.trim().as_bytes())),
            uname: kernel
                .version
                .as_ref()
                .map(|version| Source::Bytes(version.as_bytes())),
            splash: None,
            initrd: Some(Source::Reader {
                len: initramfs.written.len,
                reader: initrd,
            }),
            // The initrd begins with it, which every stub passes on.
            ucode: None,
            linux: Source::Content {
                content: &kernel.binary,
                contents: self.store,
            },
        };
        let out =
            uki::write(parts, Hashed::new(file.file())).map_err(|source| BuildError::Format {
                what: name.clone(),
                source: source.into(),
            })?;
        let written = out.finish().map_err(io())?;
        let unsigned = UkiFile {
            name,
            file,
            written,
        };
        match &self.options.signer {
            None => Ok(unsigned),
            Some(signer) => self.signed(unsigned, signer),
        }
    }

    fn signed(&self, mut unsigned: UkiFile, signer: &Signer) -> Result<UkiFile, BuildError> {
        let (name, mut file) = self.create(".efi")?;
        let out = signer.sign(unsigned.file.file(), Hashed::new(file.file()));
        let out = out.map_err(|source| BuildError::Format {
            what: format!("the signature of {name}"),
            source: source.into(),
        })?;
        let written = out.finish();
        let written = written.map_err(BuildError::io(format!("write {name}")))?;
        Ok(UkiFile {
            name,
            file,
            written,
        })
    }

    fn stub(&self, images: &mut Images<'_>, arch: Arch) -> Result<Vec<u8>, BuildError> {
        self.program(images, &format!("linux{}.efi.stub", efi_name(arch)))
    }

    /// systemd-boot, signed if images are.
    pub(super) fn boot_loader(
        &self,
        images: &mut Images<'_>,
        arch: Arch,
    ) -> Result<Content, BuildError> {
        let file = format!("systemd-boot{}.efi", efi_name(arch));
        let program = self.program(images, &file)?;
        let Some(signer) = &self.options.signer else {
            return Ok(Content::inline(program));
        };
        let signed = signer.sign(&mut Cursor::new(program), Vec::new());
        signed
            .map(Content::inline)
            .map_err(|source| BuildError::Format {
                what: format!("the signature of {file}"),
                source: source.into(),
            })
    }

    /// A file of the package that [`stub_request`] asks for, by its name in systemd's directory of them.
    fn program(&self, images: &mut Images<'_>, file: &str) -> Result<Vec<u8>, BuildError> {
        let request = stub_request();
        let tree = images.tree(&ImageId(request.clone()))?;
        let path = format!("usr/lib/systemd/boot/efi/{file}");
        match tree
            .get(&path.parse().expect("a plain path"))
            .map(|inode| &inode.kind)
        {
            Some(InodeKind::File(content)) if content.len() <= MAX_PROGRAM => {
                read_bytes(self.store, content).map_err(BuildError::io(format!("read {file}")))
            }
            _ => Err(BuildError::Input {
                what: format!("{} has no EFI program `/{path}`", request.describe()),
                hint: None,
            }),
        }
    }

    /// What the image says that it is: the host's own os-release(5), or as much as a boot loader shows.
    pub(super) fn os_release(&self, host: &Host) -> Result<String, BuildError> {
        for path in ["etc/os-release", "usr/lib/os-release"] {
            let text = read_text(&host.tree, self.store, path)
                .map_err(BuildError::io(format!("read {path} of the host")))?;
            if let Some(text) = text {
                return Ok(text);
            }
        }
        let name = &self.options.name;
        Ok(format!(
            "ID=bedplate\nNAME=\"{name}\"\nPRETTY_NAME=\"{name}\"\n"
        ))
    }
}
