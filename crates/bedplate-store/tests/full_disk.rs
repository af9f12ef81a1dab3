//! A full disk ends in one clear error and leaves nothing behind.
//!
//! The disk is a small tmpfs in a mount namespace of an ordinary user: the test starts itself again
//! in there.

#![allow(clippy::unwrap_used)]

use std::io::Read;
use std::path::Path;

use bedplate_store::{Store, StoreError};
use bedplate_sys::tool::Tool;

const INSIDE: &str = "BEDPLATE_TEST_SMALL_DISK";

#[test]
fn a_full_disk_is_one_clear_error() {
    if let Some(disk) = std::env::var_os(INSIDE) {
        return fill(Path::new(&disk));
    }
    let directory = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m tmpfs \"$BEDPLATE_TEST_SMALL_DISK\" && exec \"$@\"";
    Tool::new("unshare", "util-linux")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_is_one_clear_error"])
        .env(INSIDE, directory.path())
        .output()
        .unwrap();
}

fn fill(disk: &Path) {
    let store = Store::open(disk).unwrap();
    let error = store
        .insert(&mut std::io::repeat(1).take(4 << 20), None)
        .unwrap_err();
    assert!(matches!(error, StoreError::NoSpace { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("cache gc"));
    assert_eq!(std::fs::read_dir(disk.join("tmp")).unwrap().count(), 0);
    store.insert(&mut &b"small"[..], None).unwrap();
}
