//! `kernel+initrd`, and what other formats take from it.

use bedplate_boot::root::Place;
use bedplate_formats::cpio::{self, Loss};
use bedplate_spec::planning::{BuildPlan, InitFlavour};
use bedplate_sys::replace::ReplacedFile;
use bedplate_tree::{InodeKind, Tree};

use super::Outputs;
use super::apart::Apart;
use super::hashed::copy;
use crate::BuildError;
use crate::assembly::{Host, Workshop};
use crate::initrd::{self, Part, Written};
use crate::kernel::Kernel;
use crate::manifest::Memory;
use crate::packages::read_bytes;

/// The host as an initramfs, written beside its place.
pub(super) struct Initramfs<'a> {
    pub(super) kernel: &'a Kernel,
    /// The initrd, microcode and all.
    pub(super) file: ReplacedFile,
    pub(super) written: Written,
    pub(super) memory: Memory,
    name: String,
}

impl Outputs<'_> {
    /// Makes the initrd: of the whole root, or one that looks for its image.
    pub(super) fn initramfs<'a>(
        &self,
        host: &'a Host,
        apart: Option<&Apart>,
        plan: &BuildPlan,
        workshop: &Workshop<'_>,
    ) -> Result<Initramfs<'a>, BuildError> {
        let small = match apart {
            Some(apart) => Some(apart.initramfs(host, plan, workshop)?),
            None => None,
        };
        if small.is_none() {
            self.refuse_losses(host)?;
        }
        let Some(kernel) = &host.kernel else {
            return Err(BuildError::Input {
                what: "the spec has no kernel, so nothing would boot the initrd".to_owned(),
                hint: Some("add `kernel:`, or build --format tar".to_owned()),
            });
        };
        let ucode = kernel
            .ucode
            .as_ref()
            .map(|content| read_bytes(self.store, content))
            .transpose()
            .map_err(BuildError::io("read the microcode"))?;
        let networked = apart.is_some_and(|apart| matches!(apart.place, Place::Network { .. }));
        let ending = if networked {
            "-netboot.img"
        } else {
            "-initrd.img"
        };
        let (name, mut file) = self.create(ending)?;
        let mut parts: Vec<Part<'_>> = ucode.as_deref().map(Part::Bytes).into_iter().collect();
        match &small {
            Some([programs, documents]) => {
                parts.extend([Part::Segments(programs), Part::Plain(documents)]);
            }
            None => parts.push(Part::Segments(&host.tree)),
        }
        let written = initrd::write(
            &parts,
            self.options.initrd,
            self.store,
            workshop.progress,
            file.file(),
        )?;
        let memory = Memory {
            initrd: written.len,
            root: match &small {
                Some(trees) => trees.iter().map(unpacked).sum(),
                None => unpacked(&host.tree),
            },
        };
        Ok(Initramfs {
            kernel,
            file,
            written,
            memory,
            name,
        })
    }

    /// Kernel, initrd and command line, as three files; of several initrds, each gets the others once.
    pub(super) fn kernel_initrd(
        &mut self,
        kind: &str,
        initramfs: Initramfs<'_>,
        host: &Host,
    ) -> Result<(), BuildError> {
        let first = !self
            .artefacts
            .iter()
            .any(|artefact| artefact.kind == "kernel");
        if first {
            let (name, mut file) = self.create("-kernel")?;
            let written = copy(self.store, &initramfs.kernel.binary, &mut file)
                .map_err(BuildError::io("write the kernel"))?;
            self.keep("kernel", name, file, written);
        }
        self.keep(kind, initramfs.name, initramfs.file, initramfs.written);
        if first {
            self.bytes("cmdline", "-cmdline", host.cmdline.as_bytes())?;
        }
        Ok(())
    }

    /// What cpio cannot hold is refused; of extended attributes, our own PID 1 has a table.
    fn refuse_losses(&self, host: &Host) -> Result<(), BuildError> {
        let keeps_xattrs = self.options.drop_xattrs || host.init == InitFlavour::Bedplate;
        for (path, loss) in cpio::unrepresentable(&host.tree) {
            let (why, hint) = match loss {
                Loss::Xattrs if keeps_xattrs => continue,
                Loss::Xattrs => (
                    "it has extended attributes, such as file capabilities".to_owned(),
                    "use `init: [bedplate]`, which sets them again at boot, or pass --drop-xattrs to lose them",
                ),
                Loss::Size(len) => (
                    format!("it has {len} bytes, and there is room for files below 4 GiB only"),
                    "put the file on a disk or in a volume, or build --format tar",
                ),
                Loss::Time(time) => (
                    format!("its time is {time} s after 1970, and there is room for 32 bits"),
                    "give an earlier --epoch",
                ),
            };
            return Err(BuildError::Unrepresentable {
                format: "an initrd",
                path,
                why,
                hint,
            });
        }
        Ok(())
    }
}

/// What the root takes in RAM: every file in whole pages, and the kernel's bookkeeping of inodes.
fn unpacked(tree: &Tree) -> u64 {
    const PAGE: u64 = 4096;
    const INODE: u64 = 1024;
    let size = |kind: &InodeKind| match kind {
        InodeKind::File(content) => content.len().div_ceil(PAGE) * PAGE,
        _ => 0,
    };
    tree.inodes()
        .iter()
        .map(|inode| INODE + size(&inode.kind))
        .sum()
}
