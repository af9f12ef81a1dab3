//! `dir:PATH`: a directory of the build machine that is the root of the image.
//!
//! Its files become one tar in the store, the same for the same content wherever and whenever the
//! directory was made:
//!
//! - What belongs to the user who builds belongs to root (0:0) in the image; other owners stay, so that
//!   a tree which root prepared keeps them.
//! - Times are dropped: they tell when the directory was checked out, not what it holds.
//! - Permissions, symlinks, devices, named pipes and hard links within the directory stay, and so do
//!   file capabilities, ACLs and `user.*` attributes. Labels of the build machine (SELinux, IMA) do
//!   not. Sockets are left out with a warning.
//!
//! A directory in which nothing changed since the last time is not read again.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use bedplate_formats::content::ReadContent;
use bedplate_formats::tar;
use bedplate_spec::lock::ResolvedImage;
use bedplate_store::RefKind;
use bedplate_sys::attributes;
use bedplate_tree::{Content, Entry, EntryKind, Meta, Tree, TreeBuilder, TreeError, Xattrs};
use bedplate_types::{DiffId, Digest, Epoch, Task, TreePath};
use sha2::{Digest as _, Sha256};

use crate::error::{ErrorKind, SourceError};
use crate::sources::{Sources, bare};
use crate::tarball::{MetaState, is_settled};

/// Changes whenever the tar of an unchanged directory would.
const VERSION: &str = "dir 1";

impl Sources<'_> {
    pub(crate) fn resolve_directory(&self, root: &Path) -> Result<ResolvedImage, SourceError> {
        if !root.is_dir() {
            let kind = if root.exists() {
                ErrorKind::BadInput
            } else {
                ErrorKind::NotFound
            };
            return Err(SourceError::new(
                kind,
                format!("`{}` is not a directory", root.display()),
            ));
        }
        let me = fs::metadata("/proc/self")
            .map(|meta| meta.uid())
            .unwrap_or(0);
        let walk = Walk::of(root, &|host, meta| metadata(host, meta, me))?;
        for socket in &walk.sockets {
            self.progress.warn(&format!(
                "`{}` is a socket and is left out",
                socket.display()
            ));
        }
        let name = format!("{} {}", root.display(), walk.state());
        if let Some(layer) = self.store.get_ref(RefKind::Layer, &name) {
            return Ok(bare(layer));
        }
        let layer = self.pack(root, &walk)?;
        if walk.settled {
            self.store
                .put_ref(RefKind::Layer, &name, &[layer.cast()], &layer)?;
        }
        Ok(bare(layer))
    }

    fn pack(&self, root: &Path, walk: &Walk) -> Result<Digest<DiffId>, SourceError> {
        let merge =
            |e| SourceError::bad(format!("`{}` is not a file tree", root.display())).because(e);
        let tree = walk.tree(Epoch(0)).map_err(merge)?;
        let task = self
            .progress
            .begin(&root.display().to_string(), Some(tree.content_len()));
        let files = walk.files(&*task);
        let mut scratch = self.store.scratch_file()?;
        let out = BufWriter::with_capacity(1 << 17, scratch.file());
        tar::write(&tree, &files, Epoch(0), out).map_err(|e| {
            SourceError::new(ErrorKind::Io, format!("cannot pack `{}`", root.display())).because(e)
        })?;
        // A layer lies in the store uncompressed, so its diff id is the digest of the object.
        Ok(self.store.insert_scratch(scratch)?.cast())
    }
}

/// What stands in a directory, in bytewise order of path.
pub(crate) struct Walk {
    found: Vec<Found>,
    sockets: Vec<PathBuf>,
    /// Did the last change of everything happen long enough ago to show in the time stamps?
    settled: bool,
}

struct Found {
    host: PathBuf,
    entry: Entry,
    state: MetaState,
}

impl Walk {
    /// Walks through `root`; `meta_of` says what becomes of owner, permissions, time and attributes.
    pub(crate) fn of(
        root: &Path,
        meta_of: &dyn Fn(&Path, &Metadata) -> io::Result<Meta>,
    ) -> Result<Self, SourceError> {
        let mut walk = Self {
            found: Vec::new(),
            sockets: Vec::new(),
            settled: true,
        };
        let mut links: HashMap<(u64, u64), TreePath> = HashMap::new();
        let mut pending = vec![(root.to_owned(), TreePath::root())];
        while let Some((host, path)) = pending.pop() {
            let read = |e| SourceError::file("read", &host, e);
            // The root itself may be given as a symlink.
            let meta = if path.is_root() {
                fs::metadata(&host)
            } else {
                fs::symlink_metadata(&host)
            };
            let meta = meta.map_err(read)?;
            if meta.is_dir() {
                pending.extend(children(&host, &path)?);
            }
            let Some(kind) = walk.kind(&host, &path, &meta, &mut links).map_err(read)? else {
                continue;
            };
            walk.settled &= is_settled(&meta);
            let entry = Entry {
                path,
                meta: meta_of(&host, &meta).map_err(read)?,
                kind,
            };
            walk.found.push(Found {
                host,
                entry,
                state: MetaState::of(&meta),
            });
        }
        Ok(walk)
    }

    fn kind(
        &mut self,
        host: &Path,
        path: &TreePath,
        meta: &Metadata,
        links: &mut HashMap<(u64, u64), TreePath>,
    ) -> io::Result<Option<EntryKind>> {
        let kind = meta.file_type();
        let (major, minor) = device(meta.rdev());
        if meta.nlink() > 1 && !meta.is_dir() {
            if let Some(first) = links.get(&(meta.dev(), meta.ino())) {
                return Ok(Some(EntryKind::HardLink(first.clone())));
            }
            links.insert((meta.dev(), meta.ino()), path.clone());
        }
        Ok(Some(if kind.is_dir() {
            EntryKind::Directory
        } else if kind.is_file() {
            EntryKind::File(content(self.found.len(), meta.len()))
        } else if kind.is_symlink() {
            EntryKind::Symlink(fs::read_link(host)?.as_os_str().as_bytes().into())
        } else if kind.is_char_device() {
            EntryKind::CharDevice { major, minor }
        } else if kind.is_block_device() {
            EntryKind::BlockDevice { major, minor }
        } else if kind.is_fifo() {
            EntryKind::Fifo
        } else {
            self.sockets.push(host.to_owned());
            return Ok(None);
        }))
    }

    /// As a tree, whose contents [`files`](Self::files) has.
    pub(crate) fn tree(&self, epoch: Epoch) -> Result<Tree, TreeError> {
        let mut builder = TreeBuilder::new();
        let origin = builder.origin("directory");
        let entries: Vec<Entry> = self.found.iter().map(|found| found.entry.clone()).collect();
        builder.archive(entries, origin)?;
        Ok(builder.freeze(epoch))
    }

    /// The contents of the tree; `task` is told what was read.
    pub(crate) fn files<'a>(&'a self, task: &'a dyn Task) -> HostFiles<'a> {
        HostFiles { walk: self, task }
    }

    /// Names the state that everything is in.
    fn state(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(VERSION);
        for Found { entry, state, .. } in &self.found {
            hash.update(format!("{entry:?} {state:?}\n"));
        }
        Digest::<DiffId>::from_bytes(hash.finalize().into()).hex()
    }
}

/// The entries of a directory, to be popped in bytewise order of name.
fn children(host: &Path, path: &TreePath) -> Result<Vec<(PathBuf, TreePath)>, SourceError> {
    let read = |e| SourceError::file("list", host, e);
    let mut names = Vec::new();
    for entry in fs::read_dir(host).map_err(read)? {
        names.push(entry.map_err(read)?.file_name());
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names
        .into_iter()
        .map(|name| (host.join(&name), path.child(name.as_bytes())))
        .collect())
}

fn metadata(host: &Path, meta: &Metadata, me: u32) -> io::Result<Meta> {
    let (uid, gid) = if meta.uid() == me {
        (0, 0)
    } else {
        (meta.uid(), meta.gid())
    };
    let kept = |name: &[u8]| {
        name == b"security.capability"
            || name.starts_with(b"user.")
            || name.starts_with(b"system.posix_acl_")
    };
    let mut xattrs: Xattrs = attributes::all(host)?;
    xattrs.retain(|name, _| kept(name));
    Ok(Meta {
        mode: meta.mode() & 0o7777,
        uid,
        gid,
        mtime: 0,
        xattrs,
    })
}

/// Major and minor number of a device, as makedev(3) packs them.
fn device(rdev: u64) -> (u32, u32) {
    let major = ((rdev >> 8) & 0xfff) | ((rdev >> 32) & !0xfff);
    let minor = (rdev & 0xff) | ((rdev >> 12) & !0xff);
    (major as u32, minor as u32)
}

/// Content that is still in a file of the build machine: its number stands where an object's digest
/// would. Only [`HostFiles`] ever sees it.
fn content(number: usize, len: u64) -> Content {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_le_bytes());
    Content::Stored {
        object: Digest::from_bytes(bytes),
        offset: 0,
        len,
    }
}

/// Reads what a [`Walk`] found.
pub(crate) struct HostFiles<'a> {
    walk: &'a Walk,
    task: &'a dyn Task,
}

impl ReadContent for HostFiles<'_> {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        let Content::Stored { object, .. } = content else {
            return Ok(());
        };
        let mut number = [0; 8];
        number.copy_from_slice(&object.as_bytes()[..8]);
        let found = &self.walk.found[u64::from_le_bytes(number) as usize];
        let copied = File::open(&found.host).and_then(|mut file| io::copy(&mut file, out));
        let copied = copied
            .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", found.host.display())))?;
        self.task.advance(copied);
        Ok(())
    }
}
