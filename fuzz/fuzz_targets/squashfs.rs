//! Any bytes as a SquashFS image: answered without a panic, and what is understood survives being written.

#![no_main]

use std::io::Cursor;

use bedplate_formats::content::{InlineOnly, ReadContent};
use bedplate_formats::squashfs::{self, Compression, Limits, Options};
use bedplate_fuzz::{assert_same, tree};
use bedplate_tree::{Content, Entry, EntryKind};
use bedplate_types::{Digest, Epoch};
use libfuzzer_sys::fuzz_target;

/// The entries of an image with their contents, if all of them can be read.
fn read(bytes: &[u8]) -> Option<Vec<Entry>> {
    let limits = Limits {
        entries: 1000,
        content: 4 << 20,
        memory: 16 << 20,
    };
    let (image, mut entries) =
        squashfs::read(bytes, Digest::from_bytes([0; 32]), &limits).ok()?;
    for entry in &mut entries {
        if let EntryKind::File(content) = &entry.kind {
            let mut inline = Vec::new();
            image.copy(content, &mut inline).ok()?;
            assert_eq!(inline.len() as u64, content.len());
            entry.kind = EntryKind::File(Content::inline(inline));
        }
    }
    Some(entries)
}

fuzz_target!(|bytes: &[u8]| {
    let Some(before) = read(bytes).and_then(|entries| tree(entries, &[])) else {
        return;
    };
    let options = Options {
        compression: Compression::None,
        block_size: 4096,
        ..Options::new(Epoch(u32::MAX.into()))
    };
    let image = squashfs::write(&before, &InlineOnly, &options, Cursor::new(Vec::new()))
        .expect("what was read can be written");
    let entries = read(image.get_ref()).expect("what was written can be read");
    assert_same(
        &before,
        &tree(entries, &[]).expect("what was written is a tree"),
    );
});
