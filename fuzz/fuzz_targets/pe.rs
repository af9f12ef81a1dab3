//! Any bytes as a PE image: answered without a panic, and a changed image has what was changed only.

#![no_main]

use std::io::Cursor;

use bedplate_formats::pe::authenticode;
use bedplate_formats::pe::uki::{self, Source, Uki};
use libfuzzer_sys::fuzz_target;

/// Longer than a page, so that much has to move.
const CMDLINE: [u8; 5000] = [b'c'; 5000];

fuzz_target!(|bytes: &[u8]| {
    let _ = uki::arch(bytes);
    let sections = uki::sections(Cursor::new(bytes));
    if let Ok(changed) = uki::with_cmdline(Cursor::new(bytes), &CMDLINE, Vec::new()) {
        let before = sections.as_ref().expect("what can be changed can be read");
        let after = uki::sections(Cursor::new(&changed)).expect("what was changed can be read");
        assert_eq!(before.len(), after.len());
        for (old, new) in before.iter().zip(&after) {
            let content = &changed[new.offset as usize..][..new.len as usize];
            assert_eq!(old.name, new.name);
            match old.name.as_str() {
                ".cmdline" => assert_eq!(content, CMDLINE),
                // What lies in the headers changes with them.
                _ if old.offset < size_of_headers(bytes) => {}
                _ => assert_eq!(content, &bytes[old.offset as usize..][..old.len as usize]),
            }
        }
    }
    let digest = authenticode::digest(bytes);
    if let Ok(signed) = authenticode::attach(Cursor::new(bytes), b"\x30\x00", Vec::new()) {
        let again = authenticode::digest(&signed[..]).expect("what was signed has a digest");
        assert_eq!(digest.expect("what can be signed has a digest"), again);
    }
    let uki = Uki {
        stub: bytes,
        osrel: None,
        cmdline: Some(Source::Bytes(&CMDLINE)),
        uname: None,
        splash: None,
        initrd: None,
        ucode: None,
        linux: Source::Bytes(b"kernel"),
    };
    if let Ok(image) = uki::write(uki, Vec::new()) {
        uki::sections(Cursor::new(&image)).expect("what was written can be read");
    }
});

fn size_of_headers(image: &[u8]) -> u64 {
    let number = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().expect("four bytes"));
    number(number(60) as usize + 24 + 60).into()
}
