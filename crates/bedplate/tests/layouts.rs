//! Volumes that hold an image as an OCI layout.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use insta::assert_snapshot;
use workshop::{Workshop, judge};

fn spec(platforms: &str) -> String {
    format!(
        "init: [bedplate]\nvolumes:\n  - {{name: data, image: 'oci:images:over', format: oci{platforms}}}\n"
    )
}

#[test]
fn a_layout_is_whole_and_keeps_the_image_id() {
    let workshop = Workshop::with_images();
    workshop.write("host.yml", spec(", platforms: [linux/amd64]"));
    let build = ["build", "host.yml", "-o", "out", "--format", "tar"];
    workshop.run(&build).good();
    // skopeo reads every blob and compares its digest.
    let script = "cd \"$1\" && tar xf out/host.tar && \
        skopeo copy -q oci:containers/volumes/data/lower dir:copied && \
        for of in oci:images:over oci:containers/volumes/data/lower; do \
        skopeo inspect --raw $of | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"config\"][\"digest\"])'; done";
    let ids = judge(script, &[workshop.home()]);
    let ids: Vec<&str> = ids.lines().collect();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
}

#[test]
fn another_platform_is_refused() {
    let workshop = Workshop::with_images();
    workshop.write("host.yml", spec(", platforms: [linux/arm64]"));
    let build = [
        "build", "host.yml", "-o", "out", "--format", "tar", "--arch", "amd64",
    ];
    assert_snapshot!(workshop.run(&build).bad(3), @r"
    error: the volume of oci:images:over asks for linux/arm64, and the host is for linux/amd64
    hint: write `platforms: [linux/amd64]`, or leave it out
    ");
}
