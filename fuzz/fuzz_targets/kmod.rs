//! Any bytes as a kernel module or a kernel: answered without a panic, and indexed.

#![no_main]

use bedplate_formats::kernel;
use bedplate_formats::kmod::{Module, Packaged, indexes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = kernel::inspect(bytes);
    let text = String::from_utf8_lossy(bytes);
    let packaged = Packaged {
        order: &text,
        builtin: &text,
        builtin_modinfo: bytes,
    };
    let modules = Module::read("kernel/fuzz.ko", bytes).into_iter().collect();
    assert_eq!(indexes(modules, &packaged).len(), 11);
});
