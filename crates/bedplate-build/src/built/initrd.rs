//! An initrd: archives in a row, each plain or compressed, with zeros between them.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use bedplate_boot::{XATTR_TABLE, XattrTable, bytes_from_text};
use bedplate_formats::compression::{self, Compression, Limits};
use bedplate_formats::cpio;
use bedplate_formats::read_at::ReadAt;
use bedplate_store::Store;
use bedplate_tree::{Content, Entry, EntryKind};
use bedplate_types::TreePath;

use super::error::ImageError;
use super::open::OPENED;
use super::range::FileRange;

const CHUNK: usize = 1 << 18;

/// Where the entries' contents lie, and the entries, those of later archives behind those of earlier ones.
pub(super) fn open(
    path: &Path,
    initrd: FileRange,
    store: &Store,
) -> Result<(FileRange, Vec<Entry>), ImageError> {
    let archives = match archives(path, &initrd)? {
        Some(first) => return Ok(finished(initrd, first)),
        None => unpacked(path, &initrd, store)?,
    };
    match self::archives(path, &archives)? {
        Some(entries) => Ok(finished(archives, entries)),
        None => Err(ImageError::malformed(path, "an initrd")(io::Error::other(
            "it is compressed twice",
        ))),
    }
}

fn finished(archives: FileRange, mut entries: Vec<Entry>) -> (FileRange, Vec<Entry>) {
    set_xattrs(&archives, &mut entries);
    (archives, entries)
}

/// The entries of all archives; `None` if one is compressed.
fn archives(path: &Path, initrd: &FileRange) -> Result<Option<Vec<Entry>>, ImageError> {
    let (mut entries, mut from) = (Vec::new(), 0);
    loop {
        let head = initrd.part(from, 6).head(6);
        let head = head.map_err(ImageError::malformed(path, "an initrd"))?;
        if compression::detect(&head) != Compression::None {
            return Ok(None);
        }
        let Some((members, end)) = archive(path, initrd, from)? else {
            return Ok(Some(entries));
        };
        entries.extend(cpio::entries(members).map_err(ImageError::malformed(path, "an initrd"))?);
        from = end;
    }
}

/// The archive at `from`, and where the next one begins.
fn archive(
    path: &Path,
    initrd: &FileRange,
    from: u64,
) -> Result<Option<(Vec<cpio::Member>, u64)>, ImageError> {
    let limits = cpio::Limits::default();
    cpio::index(initrd.clone(), from, OPENED, &limits)
        .map_err(ImageError::malformed(path, "an initrd"))
}

/// The same archives in a file without a name, none of them compressed.
fn unpacked(path: &Path, initrd: &FileRange, store: &Store) -> Result<FileRange, ImageError> {
    let write = || ImageError::io(format!("unpack {}", path.display()));
    let mut scratch = store.scratch_file().map_err(|source| ImageError::Scratch {
        path: path.to_owned(),
        source,
    })?;
    let mut out = BufWriter::with_capacity(CHUNK, scratch.file());
    let mut limits = Limits::default();
    let mut from = 0;
    while from < initrd.len() {
        let head = initrd.part(from, 6).head(6);
        let head = head.map_err(ImageError::malformed(path, "an initrd"))?;
        let kind = compression::detect(&head);
        if kind == Compression::None {
            // Zeros between compressed archives are none of them; at the end nothing else is left.
            let end = archive(path, initrd, from)?.map_or(initrd.len(), |(_, end)| end);
            io::copy(&mut initrd.part(from, end - from), &mut out).map_err(write())?;
            from = end;
            continue;
        }
        let packed = BufReader::with_capacity(CHUNK, initrd.part(from, u64::MAX));
        let mut decoder = compression::limited_single(kind, packed, limits)
            .map_err(ImageError::malformed(path, "an initrd"))?;
        copy(path, &mut decoder, &mut out)?;
        limits.output -= decoder.produced();
        from += decoder.consumed();
        from += zeros(&initrd.part(from, u64::MAX)).map_err(write())?;
    }
    out.flush().map_err(write())?;
    drop(out);
    let unnamed = scratch.file().try_clone().map_err(write())?;
    FileRange::whole(unnamed).map_err(write())
}

/// Copies, and tells bad input from failing output.
fn copy(path: &Path, from: &mut impl Read, to: &mut impl Write) -> Result<(), ImageError> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = from
            .read(&mut buffer)
            .map_err(ImageError::malformed(path, "an initrd"))?;
        if count == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..count])
            .map_err(ImageError::io(format!("unpack {}", path.display())))?;
    }
}

/// How many zeros there are at the beginning.
fn zeros(bytes: &FileRange) -> io::Result<u64> {
    let mut reader = BufReader::new(bytes.clone());
    let mut count = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let here = buffer.iter().take_while(|&&byte| byte == 0).count();
        let whole = here == buffer.len() && here > 0;
        count += here as u64;
        if !whole {
            return Ok(count);
        }
        reader.consume(here);
    }
}

/// Attributes lie in a table, as no archive has room for them. A table that cannot be read has none.
fn set_xattrs(archives: &FileRange, entries: &mut [Entry]) {
    let table = entries.iter().rev().find_map(|entry| match &entry.kind {
        EntryKind::File(content) if entry.path.to_string() == XATTR_TABLE => {
            small(archives, content)
        }
        _ => None,
    });
    let Some(XattrTable(table)) = table.and_then(|json| serde_json::from_slice(&json).ok()) else {
        return;
    };
    let path = |text: &String| TreePath::parse(&bytes_from_text(text)?).ok();
    let table: std::collections::HashMap<TreePath, _> = table
        .iter()
        .filter_map(|(name, xattrs)| Some((path(name)?, xattrs)))
        .collect();
    for entry in entries {
        for (name, value) in table.get(&entry.path).into_iter().copied().flatten() {
            if let (Some(name), Some(value)) = (bytes_from_text(name), bytes_from_text(value)) {
                entry.meta.xattrs.insert(name.into(), value.into());
            }
        }
    }
}

/// The bytes of a content that can be held in memory.
fn small(archives: &FileRange, content: &Content) -> Option<Vec<u8>> {
    match content {
        Content::Inline(bytes) => Some(bytes.to_vec()),
        Content::Stored { offset, len, .. } if *len <= 64 << 20 => {
            let mut bytes = vec![0; usize::try_from(*len).ok()?];
            archives.read_exact_at(&mut bytes, *offset).ok()?;
            Some(bytes)
        }
        Content::Stored { .. } => None,
    }
}
