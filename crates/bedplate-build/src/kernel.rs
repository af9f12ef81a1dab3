//! The kernel of a host, from a LinuxKit kernel image or from distribution packages.
//!
//! ```text
//! LinuxKit image      /kernel  /kernel.tar (unpacked over /)  [/NAME.cpio microcode]
//! packages            /boot/vmlinuz-VERSION  /lib/modules/VERSION/**  [/lib/firmware/**]
//! ```

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::rc::Rc;

use bedplate_formats::compression::{self, Compression};
use bedplate_formats::kernel::{self, inspect};
use bedplate_formats::tar::{self, Limits};
use bedplate_spec::planning::KernelPlan;
use bedplate_store::Store;
use bedplate_tree::{Content, Entry, EntryKind, InodeKind, Tree, TreeBuilder, TreeError};
use bedplate_types::{Arch, Digest, Epoch, Object, TreePath};

use crate::BuildError;
use crate::images::Images;
use crate::modules::{is_kernels, with_indexes};

/// What boots a host.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The kernel itself.
    pub binary: Content,
    /// Its version, where it could be told.
    pub version: Option<String>,
    /// A cpio archive that goes before the initrd.
    pub ucode: Option<Content>,
    /// What belongs into the root: modules and firmware.
    pub(crate) tree: Option<Rc<Tree>>,
}

/// How many bytes of a kernel are read to tell its version.
const HEAD: usize = 64 << 10;

impl Kernel {
    /// Finds the kernel that the plan asks for.
    pub(crate) fn find(
        plan: &KernelPlan,
        images: &mut Images<'_>,
        store: &Store,
        (arch, cmdline, epoch): (Arch, &str, Epoch),
    ) -> Result<Self, BuildError> {
        let image = images.tree(&plan.image)?;
        let name = plan.image.0.describe();
        let ucode = match &plan.ucode {
            Some(ucode) => Some(file(&image, ucode).ok_or_else(|| missing(&name, ucode))?),
            None => None,
        };
        let (binary, tree) = if let Some(binary) = file(&image, &plan.binary) {
            let tree = match &plan.tar {
                Some(tar) => {
                    let content = file(&image, tar).ok_or_else(|| missing(&name, tar))?;
                    Some(nested_tar(
                        &content,
                        store,
                        epoch,
                        &format!("`{tar}` of {name}"),
                    )?)
                }
                None => None,
            };
            (binary, tree)
        } else {
            let (binary, version) =
                packaged(&image).map_err(|what| not_a_kernel(&name, &plan.binary, what))?;
            (binary, Some(with_indexes(&image, &version, store, epoch)?))
        };
        let head = store
            .read_head(&binary, HEAD)
            .map_err(BuildError::io(format!("read the kernel of {name}")))?;
        // Forms that are not known are the boot loader's affair.
        let known = inspect(&head).ok();
        if let Some(known) = &known {
            fits(known, &binary, arch, cmdline).map_err(|why| BuildError::Input {
                what: format!("the kernel of {name} cannot boot this host: {why}"),
                hint: None,
            })?;
        }
        Ok(Self {
            binary,
            version: known.and_then(|known| known.release),
            ucode,
            tree: tree.map(Rc::new),
        })
    }
}

/// Does what the kernel says of itself fit the host?
fn fits(
    kernel: &kernel::Kernel,
    binary: &Content,
    arch: Arch,
    cmdline: &str,
) -> Result<(), String> {
    if kernel.arch != arch {
        return Err(format!("it is for {}, the host for {arch}", kernel.arch));
    }
    if let Some(len) = kernel.file_len.filter(|&len| len > binary.len()) {
        return Err(format!(
            "it is cut off: {} bytes of {len} are there",
            binary.len()
        ));
    }
    match kernel.cmdline_max {
        Some(max) if cmdline.len() > max as usize => Err(format!(
            "its command line has {} bytes, and it takes {max}",
            cmdline.len()
        )),
        _ => Ok(()),
    }
}

fn missing(image: &str, member: &str) -> BuildError {
    BuildError::Input {
        what: format!("the kernel image {image} has no `{member}`"),
        hint: Some("`kernel.binary`, `kernel.tar` and `kernel.ucode` name what the image holds; `tar: none` for none".into()),
    }
}

fn not_a_kernel(image: &str, binary: &str, why: String) -> BuildError {
    BuildError::Input {
        what: format!("{image} holds no kernel: there is no `/{binary}`, and {why}"),
        hint: Some(
            "name a LinuxKit kernel image, or packages such as linux-image-cloud-amd64".into(),
        ),
    }
}

fn file(tree: &Tree, path: &str) -> Option<Content> {
    match &tree.get(&path.parse().ok()?)?.kind {
        InodeKind::File(content) => Some(content.clone()),
        _ => None,
    }
}

/// A root that has its kernel in it, without it: [`Kernel`] brings what of it belongs into the host.
pub(crate) fn without_kernel(tree: &Tree, epoch: Epoch) -> Result<Tree, TreeError> {
    let boots = |path: &TreePath| {
        let name = path.as_bytes().strip_prefix(b"boot/");
        let is = |prefix: &&str| name.is_some_and(|name| name.starts_with(prefix.as_bytes()));
        ["vmlinuz", "initrd", "System.map", "config-"]
            .iter()
            .any(is)
    };
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("base");
    let entries = tree
        .entries()
        .filter(|entry| !boots(&entry.path) && !is_kernels(&entry.path));
    builder.archive(entries.collect(), origin)?;
    Ok(builder.freeze(epoch))
}

/// The one kernel that packages brought, with its version.
fn packaged(tree: &Tree) -> Result<(Content, String), String> {
    let boot: TreePath = "boot".parse().expect("a plain name");
    let Some(InodeKind::Directory(children)) = tree.get(&boot).map(|inode| &inode.kind) else {
        return Err("no `/boot`".to_owned());
    };
    let kernels: Vec<(String, Content)> = children
        .iter()
        .filter_map(|(name, &id)| {
            let version = std::str::from_utf8(name).ok()?.strip_prefix("vmlinuz-")?;
            match &tree.inode(id).kind {
                InodeKind::File(content) => Some((version.to_owned(), content.clone())),
                _ => None,
            }
        })
        .collect();
    match kernels.as_slice() {
        [] => Err("no `/boot/vmlinuz-*`".to_owned()),
        [(version, content)] => Ok((content.clone(), version.clone())),
        several => {
            let versions: Vec<&str> = several
                .iter()
                .map(|(version, _)| version.as_str())
                .collect();
            Err(format!(
                "there are {} kernels in `/boot`: {}",
                several.len(),
                versions.join(", ")
            ))
        }
    }
}

/// A tar that is a member of a layer, read in place where it is not compressed.
fn nested_tar(
    content: &Content,
    store: &Store,
    epoch: Epoch,
    what: &str,
) -> Result<Tree, BuildError> {
    let io = || BuildError::io(format!("read {what}"));
    let head = store.read_head(content, 16).map_err(io())?;
    let (object, base, len) = match (compression::detect(&head), content) {
        (
            Compression::None,
            &Content::Stored {
                object,
                offset,
                len,
            },
        ) => (object, offset, len),
        (kind, _) => {
            let (object, len) = unpack(content, kind, store, what)?;
            (object, 0, len)
        }
    };
    let file = store
        .open_object(&object)
        .map_err(BuildError::store(format!("open {what}")))?;
    let slice = Slice {
        file,
        base,
        len,
        position: 0,
    };
    let mut entries = tar::read(
        BufReader::with_capacity(4096, slice),
        object,
        &Limits::default(),
    )
    .map_err(|source| BuildError::Archive {
        what: what.to_owned(),
        source,
    })?;
    shift(&mut entries, base);
    let mut builder = TreeBuilder::new();
    let origin = builder.origin(what);
    builder
        .layer(entries, origin)
        .map_err(|source| BuildError::Merge {
            what: what.to_owned(),
            source,
        })?;
    Ok(builder.freeze(epoch))
}

fn unpack(
    content: &Content,
    kind: Compression,
    store: &Store,
    what: &str,
) -> Result<(Digest<Object>, u64), BuildError> {
    let doing = || format!("unpack {what}");
    let reader = store
        .open_content(content)
        .map_err(BuildError::io(doing()))?;
    let mut decoder =
        compression::decoder(kind, BufReader::new(reader)).map_err(BuildError::io(doing()))?;
    store
        .insert(&mut decoder, None)
        .map_err(BuildError::store(doing()))
}

/// Offsets within a slice become offsets within the object.
fn shift(entries: &mut [Entry], base: u64) {
    for entry in entries {
        if let EntryKind::File(Content::Stored { offset, .. }) = &mut entry.kind {
            *offset += base;
        }
    }
}

/// A part of a file, as a file.
struct Slice {
    file: File,
    base: u64,
    len: u64,
    position: u64,
}

impl Read for Slice {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let left = self.len.saturating_sub(self.position);
        let wanted = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let got = self
            .file
            .read_at(&mut buffer[..wanted], self.base + self.position)?;
        self.position += got as u64;
        Ok(got)
    }
}

impl Seek for Slice {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(delta) => self.len.checked_add_signed(delta),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
        };
        self.position = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_cannot_boot_the_host_is_refused() {
        let known = kernel::Kernel {
            arch: Arch::Amd64,
            release: None,
            start_memory: 0,
            file_len: Some(8),
            cmdline_max: Some(4),
        };
        let whole = Content::inline("12345678");
        assert_eq!(fits(&known, &whole, Arch::Amd64, "abcd"), Ok(()));
        let refused = |binary: &Content, arch, cmdline: &str| {
            fits(&known, binary, arch, cmdline).unwrap_err()
        };
        assert_eq!(
            refused(&whole, Arch::Arm64, ""),
            "it is for amd64, the host for arm64"
        );
        assert_eq!(
            refused(&Content::inline("1234"), Arch::Amd64, ""),
            "it is cut off: 4 bytes of 8 are there"
        );
        assert_eq!(
            refused(&whole, Arch::Amd64, "abcde"),
            "its command line has 5 bytes, and it takes 4"
        );
    }
}
