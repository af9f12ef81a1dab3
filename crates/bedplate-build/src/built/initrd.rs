//! An initrd: archives in a row, the first ones plain, what follows compressed.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
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

/// Where the entries' contents lie, and the entries, those of later archives behind those of earlier ones.
pub(super) fn open(
    path: &Path,
    initrd: FileRange,
    store: &Store,
) -> Result<(FileRange, Vec<Entry>), ImageError> {
    let mut entries = Vec::new();
    let (mut archives, mut from) = (initrd, 0);
    let mut is_unpacked = false;
    loop {
        let head = archives.part(from, 6).head(6);
        let head = head.map_err(ImageError::malformed(path, "an initrd"))?;
        let compression = compression::detect(&head);
        if compression != Compression::None && !is_unpacked {
            archives = unpacked(path, &archives, (from, compression), store)?;
            is_unpacked = true;
        }
        let archive = cpio::index(archives.clone(), from, OPENED, &cpio::Limits::default());
        let archive = archive.map_err(ImageError::malformed(path, "an initrd"))?;
        let Some((members, end)) = archive else {
            break;
        };
        entries.extend(cpio::entries(members).map_err(ImageError::malformed(path, "an initrd"))?);
        from = end;
    }
    set_xattrs(&archives, &mut entries);
    Ok((archives, entries))
}

/// The same archives with what is compressed from `from` on unpacked, in a file without a name.
fn unpacked(
    path: &Path,
    initrd: &FileRange,
    (from, kind): (u64, Compression),
    store: &Store,
) -> Result<FileRange, ImageError> {
    let scratch = |source| ImageError::Scratch {
        path: path.to_owned(),
        source,
    };
    let write = || ImageError::io(format!("unpack {}", path.display()));
    let mut file = store.scratch_file().map_err(scratch)?;
    let mut out = io::BufWriter::with_capacity(1 << 18, file.file());
    io::copy(&mut initrd.part(0, from), &mut out).map_err(write())?;
    let packed = BufReader::with_capacity(1 << 18, initrd.part(from, u64::MAX));
    let mut decoder = compression::limited_decoder(kind, packed, Limits::default())
        .map_err(ImageError::malformed(path, "an initrd"))?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let count = decoder
            .read(&mut buffer)
            .map_err(ImageError::malformed(path, "an initrd"))?;
        if count == 0 {
            break;
        }
        out.write_all(&buffer[..count]).map_err(write())?;
    }
    out.flush().map_err(write())?;
    drop(out);
    file.file().seek(SeekFrom::Start(0)).map_err(write())?;
    let unnamed = file.file().try_clone().map_err(write())?;
    FileRange::whole(unnamed).map_err(write())
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
