//! Puts the guest programs of the directory `BEDPLATE_EMBED_DIR` into `bedplate`, if that is set.
//!
//! Compiling twice with the same programs gives the same binary: only their bytes go in.

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-env-changed=BEDPLATE_EMBED_DIR");
    println!("cargo::rustc-check-cfg=cfg(embedded)");
    let Some(directory) = std::env::var_os("BEDPLATE_EMBED_DIR").map(PathBuf::from) else {
        return;
    };
    println!("cargo::rustc-cfg=embedded");
    for (variable, name) in [
        ("BEDPLATE_EMBEDDED_INIT", "bedplate-init"),
        ("BEDPLATE_EMBEDDED_RUNTIME", "bedplate-runtime"),
        ("BEDPLATE_EMBEDDED_TOOLS", "bedplate-tools"),
    ] {
        let path = directory.join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        println!("cargo::rustc-env={variable}={}", path.display());
    }
}
