//! Any bytes as a Debian package, a package database or compressed data: answered without a panic.

#![no_main]

use bedplate_formats::compression::{self, Limits};
use bedplate_formats::{apk, deb, deb822};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        output: 4 << 20,
        ..Default::default()
    };
    let mut data = Vec::new();
    if let Ok(control) = deb::unpack(bytes, limits, &mut data) {
        assert!(control.fields.package().is_some());
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = deb822::installed(&text);
    let _ = apk::installed(&text);
    if let Ok(mut reader) = compression::limited_decoder(compression::detect(bytes), bytes, limits)
    {
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
    }
});
