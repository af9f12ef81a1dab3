//! The bill of materials: SPDX 2.3, with the packages of every kind of image.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::collections::BTreeSet;
use std::fs;

use bedplate_testkit::{Image, Layer};
use serde_json::Value;
use workshop::{KERNEL, Workshop};

const SPEC: &str = "
init: [bedplate, 'oci:images:alpine']
services:
  - {name: debian, image: 'oci:images:debian', command: [/x]}
  - {name: distroless, image: 'oci:images:distroless', command: [/x]}
  - {name: packages, packages: [hostname], command: [/bin/hostname]}
";

const APK: &str = "C:Q1abc=\nP:musl\nV:1.2.5-r9\nA:x86_64\nL:MIT\nF:lib\n\nP:busybox\nV:1.37.0-r12\nA:x86_64\nL:GPL-2.0-only\n\n";
const DPKG: &str = "Package: libstdc++6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:12.2.0-14+deb12u1\n\n\
    Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n";
const STATUS_D: &str = "Package: tzdata\nArchitecture: all\nVersion: 2024a-0+deb12u1\n";

fn write_images(workshop: &Workshop) {
    let images = workshop.home().join("images");
    let release =
        |id: &str| Layer::new().file("etc/os-release", 0o644, format!("NAME=x\nID={id}\n"));
    let alpine = release("alpine").file("lib/apk/db/installed", 0o644, APK);
    Image::new().layer(&alpine).write_oci(&images, "alpine");
    let debian = release("debian").file("var/lib/dpkg/status", 0o644, DPKG);
    Image::new().layer(&debian).write_oci(&images, "debian");
    let distroless = Layer::new()
        .file("var/lib/dpkg/status.d/tzdata", 0o644, STATUS_D)
        .file("var/lib/dpkg/status.d/tzdata.md5sums", 0o644, "00 x\n");
    Image::new()
        .layer(&distroless)
        .write_oci(&images, "distroless");
}

#[test]
fn every_image_is_listed_with_its_packages() {
    let workshop = Workshop::with_images();
    write_images(&workshop);
    let out = workshop.build("host", &format!("{KERNEL}{SPEC}"));
    let sbom: Value =
        serde_json::from_slice(&fs::read(out.join("host-sbom.spdx.json")).unwrap()).unwrap();
    is_spdx(&sbom);

    let packages = sbom["packages"].as_array().unwrap();
    let id_of = |name: &str| {
        let found = packages.iter().find(|package| package["name"] == name);
        found.unwrap_or_else(|| panic!("no {name}"))["SPDXID"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let contained = |id: &str| -> BTreeSet<String> {
        let relationships = sbom["relationships"].as_array().unwrap().iter();
        relationships
            .filter(|one| one["spdxElementId"] == id && one["relationshipType"] == "CONTAINS")
            .map(|one| one["relatedSpdxElement"].as_str().unwrap().to_owned())
            .collect()
    };
    let purls = |image: &str| -> Vec<String> {
        let ids = contained(&id_of(image));
        let of_image = packages
            .iter()
            .filter(|package| ids.contains(package["SPDXID"].as_str().unwrap()));
        of_image
            .map(|package| {
                package["externalRefs"][0]["referenceLocator"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    assert_eq!(
        purls("oci:images:alpine"),
        [
            "pkg:apk/alpine/busybox@1.37.0-r12?arch=x86_64",
            "pkg:apk/alpine/musl@1.2.5-r9?arch=x86_64"
        ]
    );
    assert_eq!(
        purls("oci:images:debian"),
        ["pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1?arch=amd64"]
    );
    assert_eq!(
        purls("oci:images:distroless"),
        ["pkg:deb/debian/tzdata@2024a-0%2Bdeb12u1?arch=all"]
    );
    assert!(purls("oci:images:kernel").is_empty());

    let apt = packages
        .iter()
        .find(|package| {
            package["name"]
                .as_str()
                .unwrap()
                .starts_with("packages hostname (")
        })
        .unwrap();
    let ids = contained(apt["SPDXID"].as_str().unwrap());
    let hostname = packages
        .iter()
        .find(|package| package["name"] == "hostname")
        .unwrap();
    assert!(
        ids.contains(hostname["SPDXID"].as_str().unwrap()) && ids.len() > 1,
        "{ids:?}"
    );
    let digest = hostname["checksums"][0]["checksumValue"].as_str().unwrap();
    assert!(digest.len() == 64 && hostname["checksums"][0]["algorithm"] == "SHA256");

    // The manifest tells the same of packages.
    let manifest: Value =
        serde_json::from_slice(&fs::read(out.join("host-manifest.json")).unwrap()).unwrap();
    assert_eq!(
        manifest["images"]["oci:images:debian"]["packages"],
        serde_json::json!(["libstdc++6 1:12.2.0-14+deb12u1 amd64"])
    );
}

/// What SPDX 2.3 asks of every document, package and relationship (clauses 6, 7 and 11).
fn is_spdx(document: &Value) {
    let text = |value: &Value, key: &str| {
        let text = value[key]
            .as_str()
            .unwrap_or_else(|| panic!("no `{key}` in {value}"));
        assert!(!text.is_empty(), "`{key}` is empty in {value}");
        text.to_owned()
    };
    assert_eq!(text(document, "spdxVersion"), "SPDX-2.3");
    assert_eq!(text(document, "dataLicense"), "CC0-1.0");
    assert_eq!(text(document, "SPDXID"), "SPDXRef-DOCUMENT");
    text(document, "name");
    let namespace = text(document, "documentNamespace");
    assert!(
        namespace.contains(':') && !namespace.contains('#'),
        "{namespace}"
    );
    let created = text(&document["creationInfo"], "created");
    assert!(created.len() == 20 && created.ends_with('Z'), "{created}");
    let creators = document["creationInfo"]["creators"].as_array().unwrap();
    assert!(
        creators
            .iter()
            .any(|creator| creator.as_str().unwrap().starts_with("Tool: bedplate-"))
    );

    let mut ids = BTreeSet::from(["SPDXRef-DOCUMENT".to_owned()]);
    for package in document["packages"].as_array().unwrap() {
        text(package, "name");
        text(package, "downloadLocation");
        assert_eq!(package["filesAnalyzed"], false);
        let id = text(package, "SPDXID");
        let rest = id.strip_prefix("SPDXRef-").unwrap();
        assert!(
            rest.chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-'),
            "{id}"
        );
        assert!(ids.insert(id), "{package} has an id that is taken");
    }
    let mut reached = BTreeSet::from(["SPDXRef-DOCUMENT".to_owned()]);
    for relationship in document["relationships"].as_array().unwrap() {
        let (from, to) = (
            text(relationship, "spdxElementId"),
            text(relationship, "relatedSpdxElement"),
        );
        assert!(ids.contains(&from) && ids.contains(&to), "{relationship}");
        assert!(
            ["DESCRIBES", "CONTAINS"].contains(&text(relationship, "relationshipType").as_str())
        );
        reached.insert(to);
    }
    assert_eq!(ids, reached, "every package belongs to something");
}
