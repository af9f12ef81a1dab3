//! Opening a file of a host, whatever it is.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bedplate_boot::root::{IMAGE_DOCUMENT, Image, ROOT_IMAGE};
use bedplate_formats::compression::{self, Compression};
use bedplate_formats::content::ReadContent;
use bedplate_formats::pe::uki;
use bedplate_formats::read_at::ReadAt;
use bedplate_formats::{gpt, squashfs, tar};
use bedplate_store::Store;
use bedplate_tree::{Content, Entry, InodeKind, Tree, TreeBuilder};
use bedplate_types::{Digest, Epoch, Object, TreePath};

use super::error::ImageError;
use super::find::{Found, find};
use super::initrd;
use super::range::FileRange;
use crate::manifest::Manifest;
use crate::packages::{read_bytes, read_text};

/// Stands for the file that was opened: nothing needs its digest.
pub(super) const OPENED: Digest<Object> = Digest::from_bytes([0; 32]);
/// Enough of a file to see what it is.
const HEAD: u64 = 1024;
/// Sections of an EFI program that are text are no longer, in bytes.
const MAX_TEXT: u64 = 1 << 20;

/// What a host was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A tar.
    Tar,
    /// A SquashFS image.
    Squashfs,
    /// An initrd.
    Initrd,
    /// An EFI program with an initrd in it.
    Uki,
    /// A disk.
    Disk,
}

/// A host that was built, and opened again.
pub struct Built {
    /// The file that was opened.
    pub path: PathBuf,
    /// What it is.
    pub form: Form,
    /// Its length in bytes.
    pub size: u64,
    /// The root.
    pub tree: Tree,
    /// The manifest, where one led to the file.
    pub manifest: Option<Manifest>,
    /// Release of the kernel, where it can be told.
    pub kernel: Option<String>,
    /// Kernel command line, where it can be told.
    pub cmdline: Option<String>,
    contents: Contents,
}

/// What contents are ranges of.
enum Contents {
    File(FileRange),
    Image(Box<squashfs::Image<FileRange>>),
}

impl ReadContent for Contents {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        match (self, content) {
            (Self::Image(image), content) => image.copy(content, out),
            (Self::File(_), Content::Inline(bytes)) => out.write_all(bytes),
            (Self::File(file), &Content::Stored { offset, len, .. }) => {
                match io::copy(&mut file.part(offset, len), out)? {
                    copied if copied == len => Ok(()),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                }
            }
        }
    }
}

impl ReadContent for Built {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        self.contents.copy(content, out)
    }
}

/// A root on its way out of a file.
struct Root {
    form: Form,
    tree: Tree,
    contents: Contents,
    kernel: Option<String>,
    cmdline: Option<String>,
}

impl Built {
    /// Opens a host: a directory of outputs, a manifest, or one of the files itself. What must be unpacked
    /// for that goes into a file of the store's that goes away.
    pub fn open(path: &Path, store: &Store) -> Result<Self, ImageError> {
        let Found {
            path,
            manifest,
            cmdline,
        } = find(path)?;
        let read = || ImageError::io(format!("read {}", path.display()));
        let file = File::open(&path).map_err(read())?;
        let range = FileRange::whole(file).map_err(read())?;
        let size = range.len();
        let root = Opener { path: &path, store }.root(range)?;
        let kernel = manifest.as_ref().and_then(|known| known.kernel.clone());
        let kernel = kernel.or(root.kernel).or_else(|| modules(&root.tree));
        let cmdline = cmdline.or(root.cmdline);
        Ok(Self {
            form: root.form,
            size,
            tree: root.tree,
            manifest,
            kernel,
            cmdline: cmdline.map(|text| text.trim().to_owned()),
            contents: root.contents,
            path,
        })
    }
}

struct Opener<'a> {
    /// For messages.
    path: &'a Path,
    store: &'a Store,
}

impl Opener<'_> {
    fn root(&self, file: FileRange) -> Result<Root, ImageError> {
        let head = file
            .head(HEAD)
            .map_err(ImageError::io(format!("read {}", self.path.display())))?;
        let at = |offset: usize, magic: &[u8]| {
            head.get(offset..)
                .is_some_and(|rest| rest.starts_with(magic))
        };
        if squashfs::is_image(&head) {
            self.squashfs(file)
        } else if at(0, b"MZ") {
            self.uki(file)
        } else if at(257, b"ustar") {
            self.tar(file)
        } else if at(0, b"0707") || compression::detect(&head) != Compression::None {
            self.initrd(file)
        } else if at(512, b"EFI PART") {
            self.disk(file)
        } else {
            Err(ImageError::NotImage {
                path: self.path.to_owned(),
            })
        }
    }

    fn squashfs(&self, file: FileRange) -> Result<Root, ImageError> {
        let (image, entries) = squashfs::read(file, OPENED, &squashfs::Limits::default())
            .map_err(ImageError::malformed(self.path, "a SquashFS image"))?;
        Ok(Root {
            form: Form::Squashfs,
            tree: self.tree(entries)?,
            contents: Contents::Image(Box::new(image)),
            kernel: None,
            cmdline: None,
        })
    }

    fn tar(&self, file: FileRange) -> Result<Root, ImageError> {
        let entries = tar::read(file.clone(), OPENED, &tar::Limits::default())
            .map_err(ImageError::malformed(self.path, "a tar"))?;
        let (tree, contents) = (self.tree(entries)?, Contents::File(file));
        let cmdline = read_text(&tree, &contents, "boot/cmdline").map_err(ImageError::io(
            format!("read the command line in {}", self.path.display()),
        ))?;
        Ok(Root {
            form: Form::Tar,
            tree,
            contents,
            kernel: None,
            cmdline,
        })
    }

    fn initrd(&self, file: FileRange) -> Result<Root, ImageError> {
        let (archives, entries) = initrd::open(self.path, file, self.store)?;
        let tree = self.tree(entries)?;
        let image = match file_at(&tree, ROOT_IMAGE) {
            Some(&Content::Stored { offset, len, .. }) => Some(archives.part(offset, len)),
            _ => None,
        };
        let contents = Contents::File(archives);
        let Some(image) = image else {
            return Ok(Root {
                form: Form::Initrd,
                tree,
                contents,
                kernel: None,
                cmdline: None,
            });
        };
        let description = file_at(&tree, IMAGE_DOCUMENT);
        let description = description.and_then(|content| read_bytes(&contents, content).ok());
        let description = description.and_then(|json| Image::parse(&json).ok());
        Ok(Root {
            form: Form::Initrd,
            kernel: description.and_then(|image| image.kernel),
            ..self.squashfs(image)?
        })
    }

    fn uki(&self, file: FileRange) -> Result<Root, ImageError> {
        let bad = || ImageError::malformed(self.path, "an EFI program of a host");
        let sections = uki::sections(file.clone()).map_err(bad())?;
        let find = |name: &str| sections.iter().find(|section| section.name == name);
        let text = |name: &str| -> Result<Option<String>, ImageError> {
            let Some(section) = find(name) else {
                return Ok(None);
            };
            let bytes = file.part(section.offset, section.len.min(MAX_TEXT));
            let bytes = bytes
                .head(MAX_TEXT)
                .map_err(ImageError::malformed(self.path, "an EFI program of a host"))?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Ok(Some(text.trim_end_matches('\0').to_owned()))
        };
        let initrd = find(".initrd").ok_or_else(|| ImageError::NotImage {
            path: self.path.to_owned(),
        })?;
        let root = self.initrd(file.part(initrd.offset, initrd.len))?;
        Ok(Root {
            form: Form::Uki,
            kernel: text(".uname")?.or(root.kernel),
            cmdline: text(".cmdline")?,
            ..root
        })
    }

    fn disk(&self, file: FileRange) -> Result<Root, ImageError> {
        let partitions = gpt::read(&file).map_err(ImageError::malformed(self.path, "a disk"))?;
        let roots = [
            gpt::types::ROOT_X86_64,
            gpt::types::ROOT_ARM64,
            gpt::types::ROOT_RISCV64,
        ];
        let mut partitions = partitions.iter();
        let root = partitions.find(|partition| roots.contains(&partition.kind));
        let root = root.ok_or_else(|| ImageError::NotImage {
            path: self.path.to_owned(),
        })?;
        Ok(Root {
            form: Form::Disk,
            ..self.squashfs(file.part(root.offset, root.len))?
        })
    }

    fn tree(&self, entries: Vec<Entry>) -> Result<Tree, ImageError> {
        let mut builder = TreeBuilder::new();
        let origin = builder.origin("image");
        builder
            .archive(entries, origin)
            .map_err(ImageError::malformed(self.path, "the root of a host"))?;
        Ok(builder.freeze(Epoch(u64::MAX)))
    }
}

fn file_at<'a>(tree: &'a Tree, path: &str) -> Option<&'a Content> {
    let path: TreePath = path.parse().expect("the contract's paths are normal");
    match &tree.get(&path)?.kind {
        InodeKind::File(content) => Some(content),
        _ => None,
    }
}

/// The releases of the kernels that there are modules for.
fn modules(tree: &Tree) -> Option<String> {
    for path in ["usr/lib/modules", "lib/modules"] {
        let path: TreePath = path.parse().expect("a plain path");
        if let Some(InodeKind::Directory(children)) = tree.get(&path).map(|inode| &inode.kind) {
            let names = children.keys().map(|name| String::from_utf8_lossy(name));
            let names: Vec<_> = names.map(String::from).collect();
            return (!names.is_empty()).then(|| names.join(", "));
        }
    }
    None
}
