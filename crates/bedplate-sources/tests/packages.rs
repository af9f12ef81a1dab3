//! Packages of the build machine's own distribution, from its own mirror.

#![allow(clippy::unwrap_used)]

mod support;

use bedplate_sources::{ErrorKind, Pull, Sources};
use bedplate_spec::lock::{Dependencies, ImageRequest, Layering, PackageRequest};
use bedplate_types::Silent;
use support::*;

fn packages(names: &[&str], dependencies: Dependencies) -> PackageRequest {
    PackageRequest {
        suite: None,
        components: Vec::new(),
        mirror: None,
        keyring: None,
        include: names.iter().map(|&name| name.to_owned()).collect(),
        dependencies,
        zfs: false,
    }
}

#[test]
fn packages_come_with_their_dependencies_and_a_record_of_themselves() {
    let bench = Bench::new();
    let sources = Sources::new(&bench.store, bench.options(), &Silent);
    let request = ImageRequest::Packages(packages(
        &["busybox-static", "hostname"],
        Dependencies::Required,
    ));
    let image = sources
        .resolve(&request)
        .unwrap_or_else(|e| panic!("{}", chain(&e)));
    assert_eq!(image.layering, Layering::Union);
    let names: Vec<&str> = image
        .packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    assert!(
        names.contains(&"hostname") && names.contains(&"libc6"),
        "{names:?}"
    );
    assert!(
        !names.contains(&"dpkg") && !names.contains(&"bash"),
        "essential packages came along: {names:?}"
    );
    assert!(
        image
            .packages
            .iter()
            .all(|package| package.sha256.as_ref().is_some_and(|hex| hex.len() == 64))
    );
    let listing = bench.listing(&image);
    for expected in [
        "/bin -> usr/bin\n",
        "/busybox ",
        "/hostname ",
        "/var/lib/dpkg/status.d/libc6 ",
    ] {
        assert!(listing.contains(expected), "no {expected} in\n{listing}");
    }

    // The second time, nothing is asked: not even the lists are there any more.
    std::fs::remove_dir_all(bench.store.dir().join("work")).unwrap();
    let mut options = bench.options();
    options.pull = Pull::Never;
    assert_eq!(
        Sources::new(&bench.store, options, &Silent)
            .resolve(&request)
            .unwrap(),
        image
    );
    assert_eq!(
        std::fs::read_dir(bench.store.dir().join("tmp"))
            .unwrap()
            .count(),
        0
    );

    let unknown =
        ImageRequest::Packages(packages(&["no-such-package-anywhere"], Dependencies::None));
    let error = sources.resolve(&unknown).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", chain(&error));
    assert!(
        error
            .to_string()
            .contains("Unable to locate package no-such-package-anywhere"),
        "{error}"
    );

    // A name alone brings nothing else; a kernel's name brings the kernel.
    let alone = ImageRequest::Packages(packages(&["hostname"], Dependencies::None));
    assert_eq!(sources.resolve(&alone).unwrap().packages.len(), 1);
}

#[test]
fn what_is_no_package_name_never_reaches_apt() {
    let bench = Bench::new();
    let sources = Sources::new(&bench.store, bench.options(), &Silent);
    let request = ImageRequest::Packages(packages(&["-oDir=/"], Dependencies::None));
    let error = sources.resolve(&request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);
    assert!(
        error
            .to_string()
            .contains("`-oDir=/` is not the name of a package"),
        "{error}"
    );
}
