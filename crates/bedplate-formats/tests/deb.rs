//! Debian packages as dpkg-deb builds them.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bedplate_formats::compression::Limits;
use bedplate_formats::deb::{self, DebError};
use bedplate_sys::tool::Tool;

const CONTROL: &str = "\
Package: hello
Version: 1.2-3
Architecture: amd64
Maintainer: Nobody <nobody@example.org>
Depends: libc6 (>= 2.36), busybox | toybox
Description: says hello
 and nothing else
";

/// Builds a package with `dpkg-deb`.
fn package(directory: &Path, compression: &str) -> PathBuf {
    let root = directory.join("root");
    std::fs::create_dir_all(root.join("DEBIAN")).unwrap();
    std::fs::create_dir_all(root.join("usr/bin")).unwrap();
    std::fs::write(root.join("DEBIAN/control"), CONTROL).unwrap();
    std::fs::write(root.join("DEBIAN/postinst"), "#!/bin/sh\n").unwrap();
    std::fs::write(root.join("usr/bin/hello"), "hello\n".repeat(10_000)).unwrap();
    for name in [
        "",
        "DEBIAN",
        "usr",
        "usr/bin",
        "DEBIAN/postinst",
        "usr/bin/hello",
    ] {
        std::fs::set_permissions(root.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let file = directory.join(format!("{compression}.deb"));
    let tool = Tool::new("dpkg-deb", "dpkg").args([
        "--root-owner-group",
        &format!("-Z{compression}"),
        "--build",
    ]);
    tool.arg(&root).arg(&file).output().unwrap();
    file
}

#[test]
fn packages_of_every_compression_unpack_as_dpkg_unpacks_them() {
    let directory = tempfile::tempdir().unwrap();
    for compression in ["none", "gzip", "xz", "zstd"] {
        let file = package(directory.path(), compression);
        let bytes = std::fs::read(&file).unwrap();
        let mut data = Vec::new();
        let control = deb::unpack(&bytes[..], Limits::default(), &mut data).unwrap();
        let expected = Tool::new("dpkg-deb", "dpkg")
            .arg("--fsys-tarfile")
            .arg(&file)
            .output()
            .unwrap();
        assert!(data == expected, "{compression}");
        assert_eq!(
            control.fields.get("depends"),
            Some("libc6 (>= 2.36), busybox | toybox")
        );
        assert_eq!(control.files["postinst"], b"#!/bin/sh\n");
        assert_eq!(control.files["control"], CONTROL.as_bytes());
        let package = control.fields.package().unwrap();
        assert_eq!(
            (&*package.name, &*package.version, &*package.arch),
            ("hello", "1.2-3", "amd64")
        );
        assert_eq!(deb::control(&bytes[..]).unwrap(), control);
    }
}

#[test]
fn broken_packages_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let good = std::fs::read(package(directory.path(), "xz")).unwrap();
    let error =
        |bytes: &[u8]| deb::unpack(bytes, Limits::default(), &mut std::io::sink()).unwrap_err();
    assert_eq!(
        error(b"").to_string(),
        "the package is not a well-formed ar archive: it is cut off"
    );
    assert!(matches!(
        error(b"PK\x03\x04 something else"),
        DebError::Ar(_)
    ));
    assert!(matches!(
        error(&good[..8]),
        DebError::Missing("debian-binary")
    ));
    assert!(matches!(
        error(&good[..72]),
        DebError::Missing("control.tar")
    ));
    for len in [100, good.len() / 2, good.len() - 3] {
        assert!(
            matches!(error(&good[..len]), DebError::Io { .. } | DebError::Ar(_)),
            "{len}"
        );
    }
    let mut version = good.clone();
    version[68] = b'3';
    assert_eq!(
        error(&version).to_string(),
        "the package is of the unknown format version `3.0`"
    );
    let small = Limits {
        output: 1000,
        ..Default::default()
    };
    let error = deb::unpack(&good[..], small, &mut std::io::sink()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read the `data.tar.xz` of the package"
    );
}
