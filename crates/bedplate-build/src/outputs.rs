//! The outputs of a build. All are written beside their places first, and take them together at the end.
//!
//! ```text
//! DIR/NAME-kernel           the kernel                                   kernel+initrd
//! DIR/NAME-initrd.img       [microcode] segments (see `segments`)        kernel+initrd
//! DIR/NAME-cmdline          the kernel command line                      kernel+initrd
//! DIR/NAME.tar              the root, kernel and command line in /boot   tar
//! DIR/NAME-sbom.spdx.json   packages                                     always
//! DIR/NAME-manifest.json    all digests                                  always, last
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bedplate_formats::cpio::{self, Loss};
use bedplate_formats::tar;
use bedplate_spec::lock::Lock;
use bedplate_spec::planning::BuildPlan;
use bedplate_spec::planning::InitFlavour;
use bedplate_store::Store;
use bedplate_sys::replace::ReplacedFile;
use bedplate_tree::{Content, Entry, EntryKind, InodeKind, Meta, Tree, TreeBuilder};
use bedplate_types::{Epoch, Object};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::assembly::{Host, Workshop};
use crate::initrd::{self, InitrdOptions, Written};
use crate::manifest::{Manifest, Memory};
use crate::packages::read_bytes;
use crate::{BuildError, sbom};

/// A form in which a host can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Kernel, initrd and command line, as three files.
    KernelInitrd,
    /// The root as one tar.
    Tar,
}

/// A text that names no format.
#[derive(Debug, thiserror::Error)]
#[error("unknown format `{0}` (known: kernel+initrd, tar)")]
pub struct UnknownFormat(String);

impl Format {
    /// All formats.
    pub const ALL: [Self; 2] = [Self::KernelInitrd, Self::Tar];
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KernelInitrd => "kernel+initrd",
            Self::Tar => "tar",
        })
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.to_string() == text)
            .ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artefact {
    /// `kernel`, `initrd`, `cmdline`, `tar` or `sbom`.
    pub kind: String,
    /// Name of the file in the output directory.
    pub file: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub sha256: String,
}

/// Where and how outputs are written.
#[derive(Debug, Clone)]
pub struct OutputOptions {
    /// The directory; made if it is missing.
    pub directory: PathBuf,
    /// Name that the files begin with.
    pub name: String,
    /// Which outputs.
    pub formats: BTreeSet<Format>,
    /// How the initrd is written.
    pub initrd: InitrdOptions,
    /// Leave extended attributes out where the format cannot hold them, instead of refusing.
    pub drop_xattrs: bool,
}

/// Writes the outputs and the manifest, which is also returned.
pub fn write_outputs(
    host: &Host,
    (plan, lock): (&BuildPlan, &Lock),
    options: &OutputOptions,
    workshop: &Workshop<'_>,
) -> Result<Manifest, BuildError> {
    fs::create_dir_all(&options.directory).map_err(BuildError::io(format!(
        "make the directory {}",
        options.directory.display()
    )))?;
    let mut outputs = Outputs {
        options,
        store: workshop.store,
        pending: Vec::new(),
        artefacts: Vec::new(),
    };
    let mut memory = None;
    for format in &options.formats {
        match format {
            Format::KernelInitrd => memory = Some(outputs.kernel_initrd(host, workshop)?),
            Format::Tar => outputs.tar(host, plan.epoch)?,
        }
    }
    outputs.bytes(
        "sbom",
        "-sbom.spdx.json",
        sbom::render(&options.name, host, plan.epoch).as_bytes(),
    )?;
    let artefacts = std::mem::take(&mut outputs.artefacts);
    let manifest = Manifest::new(
        (&options.name, plan.arch, plan.epoch),
        host,
        lock,
        memory,
        artefacts,
    );
    outputs.bytes("manifest", "-manifest.json", manifest.render().as_bytes())?;
    outputs.commit()?;
    Ok(manifest)
}

struct Outputs<'a> {
    options: &'a OutputOptions,
    store: &'a Store,
    pending: Vec<ReplacedFile>,
    artefacts: Vec<Artefact>,
}

impl Outputs<'_> {
    fn kernel_initrd(
        &mut self,
        host: &Host,
        workshop: &Workshop<'_>,
    ) -> Result<Memory, BuildError> {
        let io = |what: &str| BuildError::io(format!("write the {what}"));
        self.refuse_losses(host)?;
        let Some(kernel) = &host.kernel else {
            return Err(BuildError::Input {
                what: "the spec has no kernel, so nothing would boot the initrd".to_owned(),
                hint: Some("add `kernel:`, or build --format tar".to_owned()),
            });
        };
        let (name, mut file) = self.create("-kernel")?;
        let written = copy(self.store, &kernel.binary, &mut file).map_err(io("kernel"))?;
        self.keep("kernel", name, file, written);
        let ucode = kernel
            .ucode
            .as_ref()
            .map(|content| read_bytes(self.store, content))
            .transpose()
            .map_err(io("microcode"))?;
        let (name, mut file) = self.create("-initrd.img")?;
        let written = initrd::write(
            &host.tree,
            ucode.as_deref(),
            self.options.initrd,
            self.store,
            workshop.progress,
            file.file(),
        )?;
        self.keep("initrd", name, file, written);
        self.bytes("cmdline", "-cmdline", host.cmdline.as_bytes())?;
        Ok(Memory {
            initrd: written.len,
            root: unpacked(&host.tree),
        })
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

    fn tar(&mut self, host: &Host, epoch: Epoch) -> Result<(), BuildError> {
        let tree = with_boot(host, epoch)?;
        let (name, mut file) = self.create(".tar")?;
        let mut out = Hashed {
            inner: BufWriter::with_capacity(1 << 18, file.file()),
            hash: Sha256::new(),
            len: 0,
        };
        tar::write(&tree, self.store, epoch, &mut out).map_err(|source| BuildError::Tar {
            what: "the host as a tar".to_owned(),
            source,
        })?;
        let written = out
            .finish()
            .map_err(BuildError::io(format!("write {name}")))?;
        self.keep("tar", name, file, written);
        Ok(())
    }

    fn bytes(&mut self, kind: &str, ending: &str, bytes: &[u8]) -> Result<(), BuildError> {
        let (name, mut file) = self.create(ending)?;
        file.write_all(bytes)
            .map_err(BuildError::io(format!("write {name}")))?;
        let written = Written {
            len: bytes.len() as u64,
            sha256: Sha256::digest(bytes).into(),
        };
        self.keep(kind, name, file, written);
        Ok(())
    }

    fn create(&self, ending: &str) -> Result<(String, ReplacedFile), BuildError> {
        let name = format!("{}{ending}", self.options.name);
        let path = self.options.directory.join(&name);
        let file = ReplacedFile::create(&path)
            .map_err(BuildError::io(format!("write {}", path.display())))?;
        Ok((name, file))
    }

    fn keep(&mut self, kind: &str, file: String, pending: ReplacedFile, written: Written) {
        let sha256 = bedplate_types::Digest::<Object>::from_bytes(written.sha256).hex();
        self.artefacts.push(Artefact {
            kind: kind.to_owned(),
            file,
            size: written.len,
            sha256,
        });
        self.pending.push(pending);
    }

    fn commit(self) -> Result<(), BuildError> {
        let directory: &Path = &self.options.directory;
        ReplacedFile::commit_all(self.pending).map_err(BuildError::io(format!(
            "put the outputs in their places in {}",
            directory.display()
        )))
    }
}

/// The root with what boots it in `/boot`, as LinuxKit's `tar` has it.
fn with_boot(host: &Host, epoch: Epoch) -> Result<Tree, BuildError> {
    let merge = |source| BuildError::Merge {
        what: "the kernel in /boot".to_owned(),
        source,
    };
    let mut builder = TreeBuilder::new();
    builder
        .join(&Default::default(), &host.tree)
        .map_err(merge)?;
    let origin = builder.origin("kernel");
    let Some(kernel) = &host.kernel else {
        return Ok(builder.freeze(epoch));
    };
    let cmdline = Content::inline(host.cmdline.as_bytes());
    let files = [
        ("boot/kernel", Some(kernel.binary.clone())),
        ("boot/cmdline", Some(cmdline)),
        ("boot/ucode.cpio", kernel.ucode.clone()),
    ];
    for (path, content) in files {
        let Some(content) = content else { continue };
        let path = path.parse().expect("a plain path");
        let entry = Entry {
            path,
            meta: Meta::with_mode(0o644),
            kind: EntryKind::File(content),
        };
        builder.insert(entry, origin).map_err(merge)?;
    }
    Ok(builder.freeze(epoch))
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

fn copy(store: &Store, content: &Content, file: &mut ReplacedFile) -> io::Result<Written> {
    use bedplate_formats::content::ReadContent;
    let mut out = Hashed {
        inner: BufWriter::with_capacity(1 << 18, file.file()),
        hash: Sha256::new(),
        len: 0,
    };
    store.copy(content, &mut out)?;
    out.finish()
}

/// Hashes what goes through it.
struct Hashed<W: Write> {
    inner: W,
    hash: Sha256,
    len: u64,
}

impl<W: Write> Hashed<W> {
    fn finish(mut self) -> io::Result<Written> {
        self.inner.flush()?;
        Ok(Written {
            len: self.len,
            sha256: self.hash.finalize().into(),
        })
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.hash.update(&buffer[..count]);
        self.len += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
