//! Fragments on the command line and in specs, and the examples.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use workshop::{Said, Workshop};

#[test]
fn fragments_are_listed_and_printed() {
    let workshop = Workshop::new();
    let list = workshop.run(&["fragments"]).good().out;
    assert!(
        list.contains("bedplate:dhcp      Gives Ethernet cards addresses by DHCP.\n"),
        "{list}"
    );
    let json = workshop.run(&["fragments", "--json"]).good().out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let names = json
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap());
    assert_eq!(names.count(), list.lines().count());
    let shown = workshop
        .run(&["fragments", "show", "bedplate:mount"])
        .good()
        .out;
    assert!(shown.starts_with("# Mounts a file system"), "{shown}");
    // What is printed works as the fragment does.
    workshop.write("mine.yml", shown);
    workshop.write(
        "host.yml",
        "include: [{file: mine.yml, set: {AT: /var/x}}]\n",
    );
    let plan = workshop
        .run(&["build", "host.yml", "--format", "tar", "--dry-run"])
        .good()
        .out;
    assert!(plan.contains("--at=/var/x"), "{plan}");
    assert_snapshot!(workshop.run(&["fragments", "show", "ntp"]).bad(2), @r"
    error: there is no fragment `ntp`
    hint: `bedplate fragments` lists them
    ");
}

#[test]
fn mistakes_with_fragments_have_a_place() {
    let workshop = Workshop::new();
    workshop.write(
        "host.yml",
        "include:\n  - bedplate:ntp\n  - {file: bedplate:ssh, set: {KEY: x}}\n  - bedplate:network\n",
    );
    // A variable of the command line does not reach into a fragment.
    let said = workshop.run(&[
        "build",
        "host.yml",
        "--format",
        "tar",
        "--set",
        "ADDRESS=192.0.2.1/24",
    ]);
    assert_eq!(said.code, Some(3));
    assert_snapshot!(said.err, @r"
    error: bedplate:network:18:9: the variable `ADDRESS` is not set
    hint: set it with `--set ADDRESS=VALUE` or where the file is included, give a default with `${ADDRESS:-VALUE}`, or write `$${ADDRESS}` for the text itself
    error: host.yml:2:5: cannot read the spec `bedplate:ntp`: there is no such fragment, but dhcp, network, sysctl, modprobe, format, extend, mount, swap, metadata, ssh, getty, time, logs, metrics
    error: host.yml:3:37: `bedplate:ssh` does not use the variable `KEY`
    hint: did you mean `KEYS`?
    ");
}

#[test]
fn every_example_builds() {
    let workshop = Workshop::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut names = Vec::new();
    for entry in fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        workshop.write(&name, fs::read(&path).unwrap());
        let build = workshop.bedplate(&[
            "build",
            &name,
            "-o",
            "out",
            "--set",
            "SSH_KEY=ssh-ed25519 AAAA me",
        ]);
        Said::from(build).good();
        names.push(name);
    }
    assert!(names.len() >= 4, "{names:?}");
}
