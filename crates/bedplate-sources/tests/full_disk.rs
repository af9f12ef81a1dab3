//! A full disk is one clear error, whatever the source, and leaves nothing half-written.
//!
//! The disk is a small tmpfs in a mount namespace of an ordinary user: the test starts itself again
//! in there.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;

use bedplate_sources::{ErrorKind, Sources};
use bedplate_store::Store;
use bedplate_sys::tool::Tool;
use bedplate_types::Silent;
use support::*;

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
    let bench = Bench::new();
    let big = "0123456789abcdef".repeat(1 << 18);
    let layout = Layout::new(&bench.path().join("web"));
    let image = layout.image("amd64", &[layer(&[("big", &big)])]);
    layout.name("v1", image);
    fs::create_dir(bench.path().join("root")).unwrap();
    fs::write(bench.path().join("root/big"), &big).unwrap();
    fs::write(bench.path().join("a.tar"), layer(&[("big", &big)])).unwrap();
    let store = Store::open(disk).unwrap();
    let sources = Sources::new(&store, bench.options(), &Silent);
    for reference in ["oci:web", "dir:root", "tar:a.tar"] {
        let error = sources.resolve(&request(reference)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{}", chain(&error));
        assert_eq!(fs::read_dir(disk.join("tmp")).unwrap().count(), 0);
    }
}
