//! `uki`: kernel, initrd and command line in one EFI program, behind the stub of systemd.

use std::io::{Seek, SeekFrom};

use bedplate_formats::pe::uki::{self, Source, Uki};
use bedplate_spec::lock::{Dependencies, ImageId, ImageRequest, PackageRequest};
use bedplate_sys::replace::ReplacedFile;
use bedplate_tree::{Content, InodeKind};
use bedplate_types::Arch;

use super::Outputs;
use super::hashed::Hashed;
use super::initramfs::Initramfs;
use crate::BuildError;
use crate::assembly::Host;
use crate::images::Images;
use crate::initrd::Written;
use crate::packages::{read_bytes, read_text};

/// No stub is longer, in bytes.
const MAX_STUB: u64 = 16 << 20;

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
        Ok(UkiFile {
            name,
            file,
            written,
        })
    }

    fn stub(&self, images: &mut Images<'_>, arch: Arch) -> Result<Vec<u8>, BuildError> {
        let request = stub_request();
        let path = format!("usr/lib/systemd/boot/efi/linux{}.efi.stub", efi_name(arch));
        let missing = || BuildError::Input {
            what: format!("{} has no EFI stub `/{path}`", request.describe()),
            hint: None,
        };
        let tree = images.tree(&ImageId(request.clone()))?;
        let path = path.parse().expect("a plain path");
        match tree.get(&path).map(|inode| &inode.kind) {
            Some(InodeKind::File(content)) if content.len() <= MAX_STUB => self.small(content),
            _ => Err(missing()),
        }
    }

    fn small(&self, content: &Content) -> Result<Vec<u8>, BuildError> {
        read_bytes(self.store, content).map_err(BuildError::io("read the EFI stub"))
    }

    /// What the image says that it is: the host's own os-release(5), or as much as a boot loader shows.
    fn os_release(&self, host: &Host) -> Result<String, BuildError> {
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
