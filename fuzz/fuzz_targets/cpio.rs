//! Any bytes as cpio archives: answered without a panic, and what is understood survives being written.

#![no_main]

use bedplate_formats::content::InlineOnly;
use bedplate_formats::cpio::{self, Limits};
use bedplate_fuzz::{assert_same, tree};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        members: 10_000,
        memory: 64 << 20,
    };
    let Ok(archives) = cpio::read(bytes, &limits) else {
        return;
    };
    for members in archives {
        let Ok(entries) = cpio::entries(members) else {
            continue;
        };
        let Some(before) = tree(entries, &[]) else {
            continue;
        };
        // A symlink without target can be read, but not written.
        let Ok(archive) = cpio::write(&before, &InlineOnly, Vec::new()) else {
            continue;
        };
        let mut again =
            cpio::read(&archive[..], &Limits::default()).expect("what was written can be read");
        let entries = cpio::entries(again.remove(0)).expect("what was written has good entries");
        assert_same(
            &before,
            &tree(entries, &[]).expect("what was written is a tree"),
        );
    }
});
