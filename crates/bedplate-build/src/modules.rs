//! The modules of a packaged kernel: decompressed, with the indexes that `depmod` would make.
//!
//! Packages ship modules compressed one by one and without indexes, which a maintainer script makes.
//! Decompressed, the whole image compresses better and PID 1 needs no decompressor. What comes out
//! is a function of the packages, so it is made once and kept in the store as a layer.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use bedplate_formats::compression::{self, Compression};
use bedplate_formats::content::ReadContent;
use bedplate_formats::{kmod, tar};
use bedplate_store::{ScratchFile, Store};
use bedplate_tree::{Content, Entry, EntryKind, InodeKind, Meta, Tree, TreeBuilder};
use bedplate_types::{Digest, Epoch, Object, TreePath};
use sha2::{Digest as _, Sha256};

use crate::BuildError;
use crate::packages::read_bytes;

/// Changes whenever the layer made from the same packages would.
const VERSION: &str = "modules 1";
/// No module is longer, in bytes.
const MAX_MODULE: u64 = 256 << 20;
/// Directories of a kernel package that belong into the root of a host, there or below `/usr`.
const KEPT: [&str; 2] = ["lib/modules", "lib/firmware"];

/// What of a kernel's packages belongs into the root, with module indexes for `version`.
pub(crate) fn with_indexes(
    image: &Tree,
    version: &str,
    store: &Store,
    epoch: Epoch,
) -> Result<Tree, BuildError> {
    let doing = || format!("index the modules of kernel {version}");
    let kept: Vec<Entry> = image.entries().filter_map(kept).collect();
    let key = key(&kept, version);
    let layer = match store.derived(&key).map_err(BuildError::store(doing()))? {
        Some(layer) => layer,
        None => {
            let layer = make(kept, version, store, epoch)?;
            store
                .put_derived(&key, layer)
                .map_err(BuildError::store(doing()))?;
            layer
        }
    };
    let file = store
        .open_object(&layer)
        .map_err(BuildError::store(doing()))?;
    let entries = tar::read(
        io::BufReader::with_capacity(4096, file),
        layer,
        &tar::Limits::default(),
    )
    .map_err(|source| BuildError::Archive {
        what: format!("the modules of kernel {version}"),
        source,
    })?;
    let merge = |source| BuildError::Merge {
        what: format!("the modules of kernel {version}"),
        source,
    };
    let mut builder = TreeBuilder::new();
    let origin = builder.origin(&format!("modules of kernel {version}"));
    builder.layer(entries, origin).map_err(merge)?;
    Ok(builder.freeze(epoch))
}

/// `entry` at its place in a host, if it belongs there. That is `/lib`, where the kernel and all tools look;
/// a host whose `/lib` is a symlink gets it where that leads.
fn kept(entry: Entry) -> Option<Entry> {
    let kind = match entry.kind {
        EntryKind::HardLink(target) => EntryKind::HardLink(in_lib(&target)?),
        other => other,
    };
    Some(Entry {
        path: in_lib(&entry.path)?,
        kind,
        ..entry
    })
}

/// Does `path` lie where a kernel's modules and firmware do?
pub(crate) fn is_kernels(path: &TreePath) -> bool {
    in_lib(path).is_some()
}

fn in_lib(path: &TreePath) -> Option<TreePath> {
    let bytes = path.as_bytes();
    let bytes = bytes.strip_prefix(b"usr/").unwrap_or(bytes);
    let path = TreePath::parse(bytes).ok()?;
    let is_kept = |kept: &&str| path.starts_with(&kept.parse().expect("a plain path"));
    KEPT.iter().any(is_kept).then_some(path)
}

fn key(entries: &[Entry], version: &str) -> Digest<Object> {
    let mut hash = Sha256::new();
    hash.update(format!("{VERSION}\n{version}\n"));
    for entry in entries {
        hash.update(format!("{entry:?}\n"));
    }
    Digest::from_bytes(hash.finalize().into())
}

/// Makes the layer and gives its digest in the store.
fn make(
    entries: Vec<Entry>,
    version: &str,
    store: &Store,
    epoch: Epoch,
) -> Result<Digest<Object>, BuildError> {
    let io = || BuildError::io(format!("index the modules of kernel {version}"));
    let merge = |source| BuildError::Merge {
        what: format!("the modules of kernel {version}"),
        source,
    };
    let mut pile = Pile::new(store)?;
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("modules");
    let mut modules = Vec::new();
    let mut root: Option<TreePath> = None;
    for entry in entries {
        let Some(module) = Module::of(&entry, version) else {
            builder.insert(entry, origin).map_err(merge)?;
            continue;
        };
        let bytes = module.bytes(store).map_err(io())?;
        let content = pile.put(&bytes).map_err(io())?;
        modules.push(
            kmod::Module::read(&module.relative, &bytes).map_err(|error| BuildError::Input {
                what: format!("`{}` is not a kernel module: {error}", entry.path),
                hint: None,
            })?,
        );
        let kind = EntryKind::File(content);
        builder
            .insert(
                Entry {
                    path: module.path,
                    meta: entry.meta.clone(),
                    kind,
                },
                origin,
            )
            .map_err(merge)?;
        root = Some(module.root);
    }
    if let Some(root) = root {
        let lists = [
            "modules.order",
            "modules.builtin",
            "modules.builtin.modinfo",
        ]
        .map(|name| read_list(&builder, &root.child(name.as_bytes()), store));
        let [order, builtin, builtin_modinfo] = lists;
        let (order, builtin) = (order.map_err(io())?, builtin.map_err(io())?);
        let packaged = kmod::Packaged {
            order: &String::from_utf8_lossy(&order),
            builtin: &String::from_utf8_lossy(&builtin),
            builtin_modinfo: &builtin_modinfo.map_err(io())?,
        };
        for index in kmod::indexes(modules, &packaged) {
            let kind = EntryKind::File(Content::inline(index.content));
            let path = root.child(index.name.as_bytes());
            let entry = Entry {
                path,
                meta: Meta::with_mode(0o644),
                kind,
            };
            builder.insert(entry, origin).map_err(merge)?;
        }
    }
    let tree = builder.freeze(epoch);
    let mut file = store
        .scratch_file()
        .map_err(BuildError::store("make a layer of modules"))?;
    tar::write(
        &tree,
        &pile,
        epoch,
        io::BufWriter::with_capacity(1 << 17, file.file()),
    )
    .map_err(|source| BuildError::Tar {
        what: "the layer of modules".into(),
        source,
    })?
    .flush()
    .map_err(io())?;
    store
        .insert_scratch(file)
        .map_err(BuildError::store("keep the layer of modules"))
}

/// Decompressed modules, one after another in a file without a name, until they are written as a layer.
struct Pile<'a> {
    store: &'a Store,
    file: File,
    len: u64,
    /// Keeps the file until this is dropped.
    _scratch: ScratchFile,
}

/// What lies on the pile calls itself this object, which no content has.
const ON_THE_PILE: Digest<Object> = Digest::from_bytes([0; 32]);

impl<'a> Pile<'a> {
    fn new(store: &'a Store) -> Result<Self, BuildError> {
        let doing = "make room for modules";
        let mut scratch = store.scratch_file().map_err(BuildError::store(doing))?;
        let file = scratch.file().try_clone().map_err(BuildError::io(doing))?;
        Ok(Self {
            store,
            file,
            len: 0,
            _scratch: scratch,
        })
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<Content> {
        self.file.write_all(bytes)?;
        let content = Content::Stored {
            object: ON_THE_PILE,
            offset: self.len,
            len: bytes.len() as u64,
        };
        self.len += bytes.len() as u64;
        Ok(content)
    }
}

impl ReadContent for Pile<'_> {
    fn copy(&self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        match content {
            &Content::Stored {
                object,
                offset,
                len,
            } if object == ON_THE_PILE => {
                let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
                self.file.read_exact_at(&mut bytes, offset)?;
                out.write_all(&bytes)
            }
            other => self.store.copy(other, out),
        }
    }
}

/// A list that packages bring and `depmod` reads; empty where they do not.
fn read_list(builder: &TreeBuilder, path: &TreePath, store: &Store) -> io::Result<Vec<u8>> {
    match builder.get(path).map(|inode| &inode.kind) {
        Some(InodeKind::File(content)) => read_bytes(store, content),
        _ => Ok(Vec::new()),
    }
}

/// A module file below `lib/modules/VERSION`.
struct Module<'a> {
    content: &'a Content,
    compression: Compression,
    /// `lib/modules/VERSION`
    root: TreePath,
    /// Where it goes: its name without the ending of the compression.
    path: TreePath,
    /// The same, from `root`.
    relative: String,
}

impl<'a> Module<'a> {
    fn of(entry: &'a Entry, version: &str) -> Option<Self> {
        let EntryKind::File(content) = &entry.kind else {
            return None;
        };
        let path = std::str::from_utf8(entry.path.as_bytes()).ok()?;
        let root = format!("lib/modules/{version}");
        let relative = path.strip_prefix(&root)?.strip_prefix('/')?;
        let endings = [
            (".ko", Compression::None),
            (".ko.xz", Compression::Xz),
            (".ko.zst", Compression::Zstd),
            (".ko.gz", Compression::Gzip),
        ];
        let (stem, compression) = endings
            .iter()
            .find_map(|&(ending, kind)| Some((relative.strip_suffix(ending)?, kind)))?;
        let relative = format!("{stem}.ko");
        let root: TreePath = root.parse().ok()?;
        let path = root.join(&relative.parse().ok()?);
        Some(Self {
            content,
            compression,
            root,
            path,
            relative,
        })
    }

    fn bytes(&self, store: &Store) -> io::Result<Vec<u8>> {
        let mut packed = Vec::new();
        store.copy(self.content, &mut packed)?;
        if self.compression == Compression::None {
            return Ok(packed);
        }
        let mut bytes = Vec::new();
        let mut decoder = compression::decoder(self.compression, &*packed)?;
        io::copy(
            &mut io::Read::take(&mut decoder, MAX_MODULE + 1),
            &mut bytes,
        )?;
        if bytes.len() as u64 > MAX_MODULE {
            return Err(io::Error::other(format!(
                "`{}` unpacks to more than {MAX_MODULE} bytes",
                self.path
            )));
        }
        Ok(bytes)
    }
}
