//! An image to be served, and patience for a registry.

#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::time::Duration;

use bedplate_sources::Options;
use serde_json::json;

use crate::support::*;

/// A layout with the image `v1` of two layers, the second large, and the index `multi`.
pub fn web(bench: &Bench) -> Layout {
    let noise: String = (0..200_000_u32)
        .map(|n| format!("{:x}", n.wrapping_mul(2_654_435_761)))
        .collect();
    let layers = [
        layer(&[("etc/hosts", "127.0.0.1 localhost\n")]),
        layer(&[("noise", &noise)]),
    ];
    let layout = Layout::new(&bench.path().join("web"));
    let (amd, arm) = (
        layout.image("amd64", &layers),
        layout.image("arm64", &[layer(&[("arm", "")])]),
    );
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [arm, amd]});
    let index = layout.blob(index.to_string().as_bytes(), INDEX);
    layout.name("v1", amd).name("multi", index)
}

/// Patience for tests: little.
pub fn quick(bench: &Bench) -> Options {
    let mut options = bench.options();
    options.stall = Duration::from_millis(300);
    options.back_off = Duration::from_millis(5);
    options.docker_config = Some(bench.path().to_owned());
    options
}

pub fn log_in(bench: &Bench, host: &str) {
    // `reader:open sesame`
    let auth = json!({"auths": {host: {"auth": "cmVhZGVyOm9wZW4gc2VzYW1l"}}});
    fs::write(bench.path().join("config.json"), auth.to_string()).unwrap();
}

pub fn blob_name(layout: &Layout) -> String {
    let manifest = &layout.manifests[0];
    let path = layout
        .dir
        .join("blobs/sha256")
        .join(&manifest["digest"].as_str().unwrap()[7..]);
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    manifest["layers"][1]["digest"].as_str().unwrap().to_owned()
}
