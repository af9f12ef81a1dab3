//! How much memory a host needs to unpack whole.
//!
//! ```text
//! while it unpacks:   kernel (init_size) | early | initrd as loaded | root, page by page | 8 % of the root
//! on a tmpfs:         besides, the root may take half of what is left after kernel, early and initrd
//! ```
//!
//! Early is what the kernel takes before it unpacks. The 8 % are page tables and bookkeeping, and what it keeps
//! free for huge pages (5 %). Both were found by booting Debian's 6.1 kernel with roots of 40, 400 and 620 MiB in
//! less and less memory: it ran out 2 to 15 % below the minimum that is computed here.
//!
//! A kernel that runs out while it unpacks goes on with files missing. So the need is computed first.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use bedplate_types::ByteSize;

use crate::error::RunError;
use crate::image::{HostImage, ManifestMemory};
use crate::medium::Medium;
use crate::unpacked;

const MIB: u64 = 1 << 20;
const EARLY: u64 = 40 * MIB;
/// To work with, once the host is up.
const WORKING: u64 = 256 * MIB;
/// A default below this gains nothing.
const SMALLEST_DEFAULT: u64 = 512 * MIB;

/// What it takes to boot a host, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The kernel.
    pub kernel: u64,
    /// The initrd as it is loaded.
    pub initrd: u64,
    /// The root that it unpacks to.
    pub root: u64,
    /// Is the root a tmpfs, which takes half of the memory at most? A ramfs has no limit.
    pub tmpfs: bool,
}

impl Need {
    /// Finds out what `image` needs: from its manifest, or by unpacking its initrd to nowhere.
    pub fn of(image: &HostImage, cmdline: &str) -> Result<Self, RunError> {
        let initrd = match &image.medium {
            Medium::Kernel { initrd, .. } => initrd.as_ref(),
            _ => None,
        };
        let ManifestMemory { initrd, root } = match (image.memory, initrd) {
            // The firmware loads all of it, and the kernel gets a copy.
            (Some(memory), _) if !matches!(image.medium, Medium::Kernel { .. }) => ManifestMemory {
                initrd: 2 * memory.initrd,
                ..memory
            },
            (Some(memory), _) => memory,
            (None, Some(initrd)) => measure(initrd).map_err(RunError::io(format!(
                "measure the initrd {}",
                initrd.display()
            )))?,
            (None, None) => ManifestMemory { initrd: 0, root: 0 },
        };
        Ok(Self {
            kernel: image.kernel_size()?,
            initrd,
            root,
            tmpfs: is_tmpfs(cmdline),
        })
    }

    /// With less the initramfs cannot unpack.
    pub fn minimum(&self) -> ByteSize {
        let before = self.kernel + EARLY + self.initrd;
        let root = if self.tmpfs {
            2 * self.root
        } else {
            self.root + self.root / 100 * 8
        };
        ByteSize(up_to(before + root, MIB))
    }

    /// With this it unpacks and has some left to work with.
    pub fn recommended(&self) -> ByteSize {
        ByteSize(up_to(self.minimum().0 + WORKING, 64 * MIB).max(SMALLEST_DEFAULT))
    }

    /// The figures, as a phrase.
    pub fn describe(&self) -> String {
        let Self {
            kernel,
            initrd,
            root,
            tmpfs,
        } = *self;
        let half = if tmpfs {
            ", of which it may take half"
        } else {
            ""
        };
        let (kernel, initrd, root) = (ByteSize(kernel + EARLY), ByteSize(initrd), ByteSize(root));
        format!(
            "{} (kernel {kernel}, initrd {initrd}, unpacked root {root}{half})",
            self.minimum()
        )
    }
}

/// Is the root that an initramfs unpacks to a tmpfs? (Linux `init/do_mounts.c`, `init_rootfs`)
fn is_tmpfs(cmdline: &str) -> bool {
    let value = |key: &str| {
        cmdline
            .split_whitespace()
            .rev()
            .find_map(|word| word.strip_prefix(key))
    };
    value("root=").is_none() && value("rootfstype=").is_none_or(|kinds| kinds.contains("tmpfs"))
}

fn measure(path: &Path) -> io::Result<ManifestMemory> {
    let file = File::open(path)?;
    let initrd = file.metadata()?.len();
    let root = unpacked::size(BufReader::with_capacity(1 << 18, file))?;
    Ok(ManifestMemory { initrd, root })
}

fn up_to(value: u64, unit: u64) -> u64 {
    value.div_ceil(unit) * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tmpfs_root_needs_twice_its_size() {
        let need = Need {
            kernel: 50 * MIB,
            initrd: 60 * MIB,
            root: 500 * MIB,
            tmpfs: false,
        };
        assert_eq!(need.minimum(), ByteSize(690 * MIB));
        assert_eq!(need.recommended(), ByteSize(960 * MIB));
        let need = Need {
            tmpfs: true,
            ..need
        };
        assert_eq!(need.minimum(), ByteSize(1150 * MIB));
    }

    #[test]
    fn the_kernel_chooses_the_root_by_its_command_line() {
        assert!(is_tmpfs("console=ttyS0"));
        assert!(is_tmpfs("rootfstype=tmpfs"));
        assert!(!is_tmpfs("console=ttyS0 rootfstype=ramfs"));
        assert!(!is_tmpfs("root=/dev/sda1"));
    }
}
