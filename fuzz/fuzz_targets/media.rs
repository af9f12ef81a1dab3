//! Any bytes as the beginning of a medium: its file system, its partitions, its hashes.

#![no_main]

use std::io::Cursor;

use bedplate_finding::media::{self, Superblock};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(found) = media::identify(bytes) {
        assert!(found.label.len() <= 3 * 32);
    }
    for (block_len, number) in [(512, 1), (512, 128), (4096, 2)] {
        let _ = media::partition_guid(&mut Cursor::new(bytes), block_len, number);
    }
    if let Some(block) = bytes.first_chunk::<{ Superblock::LEN }>() {
        let _ = Superblock::parse(block, 4096);
    }
});
