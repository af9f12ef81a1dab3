//! GRUB, with which a BIOS boots disks and media.
//!
//! ```text
//! disk      sector 0: boot.img, which loads │ diskboot.img, the rest of GRUB, configuration
//! optical   El Torito: cdboot.img, which loads the same
//! ISO file on a disk: boot_hybrid.img in sector 0, which loads the same
//! ```
//!
//! Each first stage holds the place of the next one as a number, which is written into it here. The
//! configuration is inside the image: it says where kernel and initrd lie, and there is no menu.
//!
//! The parts come from the package `grub-pc-bin`, fetched as any other; `grub-mkimage` puts them together.
//! Sources: GRUB 2.06, `grub-core/boot/i386/pc/`, `include/grub/i386/pc/boot.h`; GNU xorriso's description
//! of `--grub2-mbr` and of the boot information table.

use std::fs;

use bedplate_spec::lock::{Dependencies, ImageId, ImageRequest, PackageRequest};
use bedplate_sys::scratch::Scratch;
use bedplate_sys::tool::Tool;
use bedplate_tree::InodeKind;

use super::Outputs;
use crate::BuildError;
use crate::images::Images;
use crate::packages::read_bytes;

const SECTOR: u64 = 512;
/// Bytes of a boot sector that are code; the partition table follows.
const CODE_LEN: usize = 440;
/// In `boot.img`: where the next stage begins, a sector (`GRUB_BOOT_MACHINE_KERNEL_SECTOR`).
const BOOT_NEXT: usize = 0x5c;
/// In `boot.img`: a jump over a workaround that hard disks need (`GRUB_BOOT_MACHINE_DRIVE_CHECK`).
const BOOT_DRIVE_CHECK: usize = 0x66;
/// In `boot_hybrid.img`: where the next stage begins.
const HYBRID_NEXT: usize = 0x1b0;
/// In `diskboot.img`: where the rest begins.
const DISKBOOT_NEXT: usize = 500;
/// Length of `cdboot.img`, behind which `diskboot.img` begins.
const CDBOOT_LEN: usize = 2048;
/// No part is longer, in bytes.
const MAX_PART: u64 = 4 << 20;

/// What an image is put together from: `linux`, `serial`, `fat` and what these need.
const MODULES: [&str; 24] = [
    "biosdisk",
    "boot",
    "bufio",
    "crypto",
    "datetime",
    "extcmd",
    "fat",
    "fshelp",
    "gettext",
    "linux",
    "mmap",
    "net",
    "normal",
    "part_gpt",
    "priority_queue",
    "relocator",
    "search_fs_uuid",
    "serial",
    "terminal",
    "terminfo",
    "vbe",
    "verifiers",
    "video",
    "video_fb",
];
/// What else `grub-mkimage` reads.
const PARTS: [&str; 7] = [
    "boot.img",
    "boot_hybrid.img",
    "cdboot.img",
    "diskboot.img",
    "kernel.img",
    "lzma_decompress.img",
    "moddep.lst",
];

/// GRUB's parts for BIOS machines.
pub(super) fn request() -> ImageRequest {
    ImageRequest::Packages(PackageRequest {
        suite: None,
        components: Vec::new(),
        mirror: None,
        keyring: None,
        include: vec!["grub-pc-bin".to_owned()],
        dependencies: Dependencies::None,
        zfs: false,
    })
}

/// The parts, unpacked for as long as this lives.
pub(super) struct Grub {
    directory: Scratch,
}

/// From which kind of medium an image is loaded.
#[derive(Clone, Copy)]
enum Target {
    Disk,
    Optical,
}

impl Outputs<'_> {
    /// Unpacks GRUB's parts beside the outputs.
    pub(super) fn grub(&self, images: &mut Images<'_>) -> Result<Grub, BuildError> {
        let doing = || BuildError::io("unpack GRUB");
        let directory = Scratch::directory_in(&self.options.directory).map_err(doing())?;
        let request = request();
        let tree = images.tree(&ImageId(request.clone()))?;
        let modules = MODULES.map(|name| format!("{name}.mod"));
        for name in modules.iter().map(String::as_str).chain(PARTS) {
            let path = format!("usr/lib/grub/i386-pc/{name}");
            let missing = || BuildError::Input {
                what: format!("{} has no part of GRUB `/{path}`", request.describe()),
                hint: None,
            };
            let part = path.parse().expect("a plain path");
            let bytes = match tree.get(&part).map(|inode| &inode.kind) {
                Some(InodeKind::File(content)) if content.len() <= MAX_PART => {
                    read_bytes(self.store, content).map_err(doing())?
                }
                _ => return Err(missing()),
            };
            fs::write(directory.path().join(name), bytes).map_err(doing())?;
        }
        Ok(Grub { directory })
    }
}

impl Grub {
    /// What a disk has in front, 440 bytes, and what lies from `sector` on.
    pub(super) fn for_disk(
        &self,
        config: &str,
        sector: u64,
    ) -> Result<(Vec<u8>, Vec<u8>), BuildError> {
        let mut core = self.image(Target::Disk, config)?;
        core.resize(core.len().next_multiple_of(SECTOR as usize), 0);
        put(&mut core, DISKBOOT_NEXT, &(sector + 1).to_le_bytes());
        let mut boot = self.part("boot.img")?;
        boot.truncate(CODE_LEN);
        put(&mut boot, BOOT_NEXT, &sector.to_le_bytes());
        put(&mut boot, BOOT_DRIVE_CHECK, &[0x90, 0x90]);
        Ok((boot, core))
    }

    /// The image that El Torito loads, before it knows where it lies.
    pub(super) fn for_optical(&self, config: &str) -> Result<Vec<u8>, BuildError> {
        self.image(Target::Optical, config)
    }

    /// What an ISO file has in front, so that it boots as a disk, too: 440 bytes. `image` is told that it lies
    /// at `offset`, and that the volume's first descriptor is in block 16.
    pub(super) fn place(&self, image: &mut [u8], offset: u64) -> Result<Vec<u8>, BuildError> {
        let block = u32::try_from(offset / 2048).expect("a volume has 32-bit blocks");
        let len = u32::try_from(image.len()).expect("an image of GRUB is small");
        let diskboot = (offset + CDBOOT_LEN as u64) / SECTOR;
        put(
            image,
            CDBOOT_LEN + DISKBOOT_NEXT,
            &(diskboot + 1).to_le_bytes(),
        );
        let words = image[64..].chunks(4).map(|word| {
            let mut bytes = [0; 4];
            bytes[..word.len()].copy_from_slice(word);
            u32::from_le_bytes(bytes)
        });
        let sum = words.fold(0_u32, u32::wrapping_add);
        for (index, number) in [16, block, len, sum].into_iter().enumerate() {
            put(image, 8 + 4 * index, &number.to_le_bytes());
        }
        let mut boot = self.part("boot_hybrid.img")?;
        put(&mut boot, HYBRID_NEXT, &diskboot.to_le_bytes());
        boot.truncate(CODE_LEN);
        Ok(boot)
    }

    fn part(&self, name: &str) -> Result<Vec<u8>, BuildError> {
        let part = fs::read(self.directory.path().join(name));
        let part = part.map_err(BuildError::io(format!("read {name} of GRUB")))?;
        match part.len() {
            512.. => Ok(part),
            len => Err(BuildError::Input {
                what: format!("{name} of GRUB is no boot sector: it has {len} bytes"),
                hint: None,
            }),
        }
    }

    fn image(&self, target: Target, config: &str) -> Result<Vec<u8>, BuildError> {
        let directory = self.directory.path();
        let (config_file, out) = (directory.join("load.cfg"), directory.join("image"));
        fs::write(&config_file, config).map_err(BuildError::io("write GRUB's configuration"))?;
        let format = match target {
            Target::Disk => "i386-pc",
            Target::Optical => "i386-pc-eltorito",
        };
        Tool::new("grub-mkimage", "grub-common")
            .args(["--format", format, "--prefix", "/boot/grub"])
            .arg("--directory")
            .arg(directory)
            .arg("--config")
            .arg(&config_file)
            .arg("--output")
            .arg(&out)
            .args(MODULES)
            .output()
            .map_err(|source| BuildError::Tool {
                doing: "make a boot loader for BIOS machines".to_owned(),
                source,
            })?;
        let image = fs::read(&out).map_err(BuildError::io("read the boot loader"))?;
        match image.len() {
            4096.. => Ok(image),
            len => Err(BuildError::Input {
                what: format!("grub-mkimage made a boot loader of {len} bytes only"),
                hint: None,
            }),
        }
    }
}

fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

/// The configuration: `find` are commands that set `root`, if the device that was booted from is not meant;
/// `kernel` and `initrd` are files or block lists there.
pub(super) fn config(
    find: &str,
    kernel: &str,
    initrd: &str,
    cmdline: &str,
) -> Result<String, BuildError> {
    let bad = |c: char| "\"'\\".contains(c) || c.is_control() && !c.is_whitespace();
    if let Some(bad) = cmdline.chars().find(|&c| bad(c)) {
        return Err(BuildError::Input {
            what: format!(
                "GRUB would change the kernel command line: it has a `{}`",
                bad.escape_debug()
            ),
            hint: Some(
                "leave quotes and backslashes out of `kernel.cmdline`, or build for UEFI only"
                    .to_owned(),
            ),
        });
    }
    let words: Vec<String> = cmdline
        .split_whitespace()
        .map(|word| format!("'{word}'"))
        .collect();
    Ok(format!(
        "serial --unit=0 --speed=115200\n\
         terminal_input console serial\n\
         terminal_output console serial\n\
         {find}\
         linux ($root){kernel} {}\n\
         initrd ($root){initrd}\n\
         boot\n",
        words.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grub_would_change_is_refused() {
        let config = |cmdline| config("", "1+2", "3+4", cmdline);
        let good = config("console=ttyS0  x=$y;z").unwrap();
        assert!(
            good.contains("linux ($root)1+2 'console=ttyS0' 'x=$y;z'\n"),
            "{good}"
        );
        for bad in ["x=\"a b\"", "it's", "a\\b", "a\0b"] {
            assert!(config(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_list_of_modules_is_in_order() {
        assert!(MODULES.is_sorted() && PARTS.is_sorted());
    }
}
