//! Registries that misbehave, or that are asked in a special way.

#![allow(clippy::unwrap_used)]

#[path = "support/serving.rs"]
mod serving;
mod support;

use std::fs;

use bedplate_sources::{ErrorKind, Pull, SourceError};
use bedplate_spec::lock::ResolvedImage;
use bedplate_testkit::faults::{Act, Asked, Server};
use insta::assert_snapshot;

use serving::*;
use support::*;

/// Resolves `v1` from a server that misbehaves by `script`.
fn from_bad(
    bench: &Bench,
    script: impl Fn(&Asked, usize) -> Act + Send + Sync + 'static,
) -> (Server, Result<ResolvedImage, SourceError>) {
    let server = Server::start(&bench.path().join("web"), script);
    let result = bench.resolve_with(&format!("{}/web:v1", server.host), quick(bench));
    (server, result)
}

fn text(server: &Server, result: Result<ResolvedImage, SourceError>) -> (ErrorKind, String) {
    let error = result.unwrap_err();
    (error.kind(), chain(&error).replace(&server.host, "HOST"))
}

#[test]
fn a_cut_download_goes_on_where_it_ended() {
    let bench = Bench::new();
    let blob = blob_name(&web(&bench));
    let cut = blob.clone();
    let (server, result) = from_bad(&bench, move |asked, before| match before {
        0..6 if asked.path.ends_with(&cut) => Act::CutAfter(50_000),
        _ => Act::Serve,
    });
    result.unwrap_or_else(|e| panic!("{}", chain(&e)));
    let ranges: Vec<String> = server.ranges(&blob).into_iter().flatten().collect();
    assert_eq!(ranges.len(), 7);
    assert_eq!(ranges[1], "bytes=50000-");
    assert_eq!(ranges[6], "bytes=300000-");
}

#[test]
fn a_server_without_ranges_begins_again() {
    let bench = Bench::new();
    let blob = blob_name(&web(&bench));
    let cut = blob.clone();
    let (server, result) = from_bad(&bench, move |asked, before| match before {
        0 if asked.path.ends_with(&cut) => Act::CutAfter(50_000),
        1 if asked.path.ends_with(&cut) => Act::IgnoreRange,
        _ => Act::Serve,
    });
    result.unwrap_or_else(|e| panic!("{}", chain(&e)));
    assert_eq!(server.count(&blob), 2);
}

#[test]
fn what_was_fetched_before_a_failure_is_used_by_the_next_run() {
    let bench = Bench::new();
    let blob = blob_name(&web(&bench));
    let cut = blob.clone();
    let (_server, result) = from_bad(&bench, move |asked, before| match before {
        0 if asked.path.ends_with(&cut) => Act::CutAfter(60_000),
        _ if asked.path.ends_with(&cut) => Act::Say(503, String::new(), "busy".into()),
        _ => Act::Serve,
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Network);
    let (server, result) = from_bad(&bench, |_, _| Act::Serve);
    result.unwrap();
    assert_eq!(server.ranges(&blob), [Some("bytes=60000-".to_owned())]);
}

#[test]
fn a_silent_server_is_given_up() {
    let bench = Bench::new();
    let blob = blob_name(&web(&bench));
    let (server, result) = from_bad(&bench, move |asked, _| match asked.path.ends_with(&blob) {
        true => Act::StallAfter(0),
        false => Act::Serve,
    });
    let (kind, text) = text(&server, result);
    assert_eq!(kind, ErrorKind::Network);
    assert!(text.contains("HOST sent nothing for "), "{text}");
}

#[test]
fn failures_that_may_pass_are_tried_again() {
    for status in [429, 500, 502, 503] {
        let bench = Bench::new();
        web(&bench);
        let (server, result) = from_bad(&bench, move |asked, before| match before {
            0..2 if asked.path.ends_with("/manifests/v1") => {
                Act::Say(status, String::new(), "later".into())
            }
            _ => Act::Serve,
        });
        result.unwrap_or_else(|e| panic!("{status}: {}", chain(&e)));
        assert_eq!(server.count("/manifests/v1"), 3);
    }
}

#[test]
fn failures_that_stay_are_errors_of_their_kind() {
    let answer = |status: u16| {
        let bench = Bench::new();
        web(&bench);
        let (server, result) = from_bad(&bench, move |asked, _| {
            match asked.path.ends_with("/manifests/v1") {
                true => Act::Say(status, String::new(), "no".into()),
                false => Act::Serve,
            }
        });
        let count = server.count("/manifests/v1");
        let (kind, text) = text(&server, result);
        format!("{status}: asked {count} times, {kind:?}: {text}")
    };
    assert_snapshot!(answer(401), @r"
    401: asked 1 times, Unauthorised: cannot get image `HOST/web:v1`: HOST does not let us in
    hint: log in (`docker login HOST`), or look whether the name is right
    ");
    assert_snapshot!(answer(404), @r"
    404: asked 1 times, NotFound: cannot get image `HOST/web:v1`: HOST answers with status 404
    hint: look whether the name and the tag are right
    ");
    assert_snapshot!(answer(500), @"500: asked 5 times, Network: cannot get image `HOST/web:v1`: HOST answers with status 500");
}

#[test]
fn a_registry_that_is_not_there_is_named() {
    let bench = Bench::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = bench
        .resolve_with(&format!("{host}/web:v1"), quick(&bench))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(
        error.to_string().ends_with(&format!("cannot reach {host}")),
        "{error}"
    );
}

#[test]
fn bytes_that_are_not_what_their_digest_says_are_refused() {
    let bench = Bench::new();
    let blob = blob_name(&web(&bench));
    let bytes = fs::read(bench.path().join("web/blobs/sha256").join(&blob[7..])).unwrap();
    let mut wrong = bytes.clone();
    wrong[20_000] ^= 1;
    let (server, result) = from_bad(&bench, move |asked, _| match asked.path.ends_with(&blob) {
        true => Act::Instead(wrong.clone()),
        false => Act::Serve,
    });
    let (kind, text) = text(&server, result);
    assert_eq!(kind, ErrorKind::Integrity);
    assert!(
        text.contains("layer 2 (sha256:") && text.contains("it has digest sha256:"),
        "{text}"
    );
    assert_eq!(
        fs::read_dir(bench.store.dir().join("partial"))
            .unwrap()
            .count(),
        0
    );

    let digest = bench.resolve("oci:web:v1").unwrap().manifest.unwrap();
    let server = Server::start(&bench.path().join("web"), |asked, _| {
        match asked.path.contains("/manifests/") {
            true => Act::Instead(b"{}".to_vec()),
            false => Act::Serve,
        }
    });
    let error = bench
        .resolve_with(&format!("{}/other@{digest}", server.host), quick(&bench))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Integrity, "{}", chain(&error));
}

#[test]
fn a_token_is_fetched_with_the_credentials_and_used() {
    let bench = Bench::new();
    web(&bench);
    let server = Server::start(&bench.path().join("web"), |asked, _| {
        let authorization = asked.authorization.as_deref().unwrap_or_default();
        if asked.path.starts_with("/token?") {
            return match authorization == "Basic cmVhZGVyOm9wZW4gc2VzYW1l"
                && asked.path.contains("repository%3Aweb%3Apull")
            {
                true => Act::Say(200, String::new(), r#"{"token": "s3cret"}"#.into()),
                false => Act::Say(401, String::new(), "who are you".into()),
            };
        }
        match authorization == "Bearer s3cret" {
            true => Act::Serve,
            false => Act::Challenge,
        }
    });
    let name = format!("{}/web:v1", server.host);
    let error = bench.resolve_with(&name, quick(&bench)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorised, "{}", chain(&error));
    log_in(&bench, &server.host);
    bench
        .resolve_with(&name, quick(&bench))
        .unwrap_or_else(|e| panic!("{}", chain(&e)));
}

#[test]
fn a_mirror_is_asked_first_and_may_fail() {
    let bench = Bench::new();
    web(&bench);
    let mirror = Server::start(&bench.path().join("web"), |_, _| Act::Serve);
    let mut options = quick(&bench);
    options.mirrors = vec![("registry.test".into(), format!("http://{}", mirror.host))];
    bench
        .resolve_with("registry.test/web:v1", options.clone())
        .unwrap_or_else(|e| panic!("{}", chain(&e)));
    assert_eq!(mirror.count("/v2/web/manifests/v1"), 1);

    let registry = Server::start(&bench.path().join("web"), |_, _| Act::Serve);
    let broken = Server::start(&bench.path().join("nowhere"), |_, _| Act::Serve);
    options.mirrors = vec![(registry.host.clone(), format!("http://{}/hub", broken.host))];
    bench
        .resolve_with(&format!("{}/web:v1", registry.host), options)
        .unwrap();
    assert_eq!(broken.count("/v2/hub/web/manifests/v1"), 1);
}

#[test]
fn a_tag_is_asked_for_once_unless_told_otherwise() {
    let bench = Bench::new();
    web(&bench);
    let server = Server::start(&bench.path().join("web"), |_, _| Act::Serve);
    let name = format!("{}/web:v1", server.host);
    let resolve = |pull: Pull| {
        let mut options = quick(&bench);
        options.pull = pull;
        bench.resolve_with(&name, options)
    };
    assert_eq!(
        resolve(Pull::Never).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    let first = resolve(Pull::IfMissing).unwrap();
    assert_eq!(resolve(Pull::IfMissing).unwrap(), first);
    assert_eq!(resolve(Pull::Never).unwrap(), first);
    assert_eq!(server.count("/manifests/v1"), 1);
    let layers = server
        .asked
        .lock()
        .unwrap()
        .iter()
        .filter(|asked| asked.path.contains("/blobs/"))
        .count();
    assert_eq!(resolve(Pull::Always).unwrap(), first);
    assert_eq!(server.count("/manifests/v1"), 2);
    let now = server
        .asked
        .lock()
        .unwrap()
        .iter()
        .filter(|asked| asked.path.contains("/blobs/"))
        .count();
    assert_eq!(now, layers + 1, "only the config is fetched again");
}

#[test]
fn many_images_share_layers_that_are_fetched_at_once() {
    let bench = Bench::new();
    let layout = Layout::new(&bench.path().join("web"));
    let texts: Vec<String> = (0..12).map(|n| format!("{n}").repeat(10_000)).collect();
    let layers: Vec<Vec<u8>> = texts.iter().map(|text| layer(&[("a", text)])).collect();
    let (one, two) = (
        layout.image("amd64", &layers),
        layout.image("amd64", &layers[..8]),
    );
    layout.name("v1", one).name("v2", two);
    let server = Server::start(&bench.path().join("web"), |_, _| Act::Serve);
    let requests = ["v1", "v2"].map(|tag| request(&format!("{}/web:{tag}", server.host)));
    let sources =
        bedplate_sources::Sources::new(&bench.store, quick(&bench), &bedplate_types::Silent);
    let lock = sources.resolve_all(&requests).unwrap();
    assert_eq!(lock.images.len(), 2);
    let blobs = server
        .asked
        .lock()
        .unwrap()
        .iter()
        .filter(|asked| asked.path.contains("/blobs/"))
        .count();
    assert_eq!(blobs, 12 + 2);
}
