//! Images from a real registry server.

#![allow(clippy::unwrap_used)]

#[path = "support/serving.rs"]
mod serving;
mod support;

use std::fs;

use bedplate_sources::ErrorKind;
use bedplate_testkit::registry::{Access, Registry};
use insta::assert_snapshot;
use serving::*;
use support::*;

#[test]
fn a_real_registry_serves_tags_digests_and_indexes() {
    let bench = Bench::new();
    let layout = web(&bench);
    let expected = bench.resolve("oci:web:v1").unwrap();
    let registry = Registry::start(Access::Open);
    registry.push(&format!("oci:{}:v1", layout.dir.display()), "a/web:v1");
    registry.push(
        &format!("oci:{}:multi", layout.dir.display()),
        "a/web:multi",
    );
    let digest = expected.manifest.unwrap();
    for name in [
        "a/web:v1".to_owned(),
        "a/web:multi".to_owned(),
        format!("a/web@{digest}"),
        format!("a/web:old@{digest}"),
    ] {
        let fresh = Bench::new();
        let image = fresh
            .resolve_with(&format!("{}/{name}", registry.host()), quick(&bench))
            .unwrap_or_else(|e| panic!("{}", chain(&e)));
        assert_eq!(image, expected, "{name}");
        assert!(fresh.listing(&image).contains("/etc/hosts 20 bytes"));
        assert_eq!(
            fs::read_dir(fresh.store.dir().join("partial"))
                .unwrap()
                .count(),
            0
        );
    }
    let error = |name: &str| {
        let error = bench
            .resolve_with(&format!("{}/{name}", registry.host()), quick(&bench))
            .unwrap_err();
        (error.kind(), chain(&error).replace(registry.host(), "HOST"))
    };
    let (kind, text) = error("a/web:v9");
    assert_eq!(kind, ErrorKind::NotFound);
    assert_snapshot!(text, @r"
    cannot get image `HOST/a/web:v9`: HOST answers: manifest unknown
    hint: look whether the name and the tag are right
    ");
    assert_eq!(error("nobody/knows:this").0, ErrorKind::NotFound);
}

#[test]
fn a_real_registry_lets_only_its_users_in() {
    let bench = Bench::new();
    let layout = web(&bench);
    let registry = Registry::start(Access::Users);
    registry.push(&format!("oci:{}:v1", layout.dir.display()), "web:v1");
    let name = format!("{}/web:v1", registry.host());
    let error = bench.resolve_with(&name, quick(&bench)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorised);
    assert_snapshot!(chain(&error).replace(registry.host(), "HOST"), @r"
    cannot get image `HOST/web:v1`: HOST does not let us in
    hint: log in (`docker login HOST`), or look whether the name is right
    ");
    log_in(&bench, registry.host());
    bench
        .resolve_with(&name, quick(&bench))
        .unwrap_or_else(|e| panic!("{}", chain(&e)));
}

#[test]
fn a_real_registry_continues_what_an_earlier_run_began() {
    let bench = Bench::new();
    let layout = web(&bench);
    let registry = Registry::start(Access::Open);
    registry.push(&format!("oci:{}:v1", layout.dir.display()), "web:v1");
    let blob = blob_name(&layout);
    let bytes = fs::read(layout.dir.join("blobs/sha256").join(&blob[7..])).unwrap();
    let name = format!("{}/web:v1", registry.host());
    for (begun, what) in [
        (&bytes[..bytes.len() / 2], "half"),
        (&bytes[..], "all"),
        (&[7; 5000], "nonsense"),
    ] {
        let fresh = Bench::new();
        fs::write(
            fresh
                .store
                .dir()
                .join("partial")
                .join(format!("sha256-{}", &blob[7..])),
            begun,
        )
        .unwrap();
        fresh
            .resolve_with(&name, quick(&bench))
            .unwrap_or_else(|e| panic!("{what}: {}", chain(&e)));
        assert_eq!(
            fs::read_dir(fresh.store.dir().join("partial"))
                .unwrap()
                .count(),
            0,
            "{what}"
        );
    }
}
