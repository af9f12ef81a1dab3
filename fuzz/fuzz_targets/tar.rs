//! Any bytes as a tar: answered without a panic, and what is understood survives being written.

#![no_main]

use std::io::Cursor;

use bedplate_formats::content::InlineOnly;
use bedplate_formats::tar::{self, Limits};
use bedplate_fuzz::{assert_same, tree};
use bedplate_types::{Digest, Epoch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let read = |bytes: &[u8]| {
        tar::read(
            Cursor::new(bytes),
            Digest::from_bytes([0; 32]),
            &Limits::default(),
        )
    };
    let bytes = resealed(bytes);
    let Ok(entries) = read(&bytes) else { return };
    let Some(before) = tree(entries, &bytes) else {
        return;
    };
    // Some attribute names and device numbers that can be read cannot be written.
    let Ok(archive) = tar::write(&before, &InlineOnly, Epoch(u64::MAX), Vec::new()) else {
        return;
    };
    let entries = read(&archive).expect("what was written can be read");
    assert_same(
        &before,
        &tree(entries, &archive).expect("what was written is a tree"),
    );
});

/// With good checksums in what looks like a header: else nearly every change would end there.
fn resealed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes
        .chunks_exact_mut(512)
        .filter(|block| block[257..262] == *b"ustar")
    {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    bytes
}
