//! `bedplate cache`: what is kept, what goes, and what happens when the disk has changed it.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod workshop;

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use serde_json::Value;
use workshop::{KERNEL, Workshop, files_in};

const BUILD: [&str; 4] = ["build", "host.yml", "-o", "out"];

/// A host of which everything is in the cache.
fn built() -> Workshop {
    let workshop = Workshop::with_images();
    workshop.write("host.yml", format!("{KERNEL}init: ['oci:images:over']\n"));
    workshop.run(&BUILD).good();
    workshop
}

fn lines(workshop: &Workshop) -> Vec<String> {
    let list = workshop.run(&["cache", "ls"]).good().out;
    list.lines().map(str::to_owned).collect()
}

/// All files of the cache and their lengths.
fn files_below(directory: &Path) -> Vec<(PathBuf, u64)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let meta = entry.metadata().unwrap();
        if meta.is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push((entry.path(), meta.len()));
        }
    }
    files.sort();
    files
}

#[test]
fn what_is_kept_is_listed_and_can_go() {
    let workshop = built();
    let home = workshop.home().to_str().unwrap();
    let listed = lines(&workshop);
    let kinds: Vec<&str> = listed
        .iter()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(kinds, ["image", "image", "segment"], "{listed:#?}");
    let names = ["kernel", "over"].map(|tag| format!("oci:{home}/images:{tag} linux/amd64"));
    assert!(
        listed[0].ends_with(&names[0]) && listed[1].ends_with(&names[1]),
        "{listed:#?}"
    );

    let json = workshop.run(&["cache", "ls", "--json"]).good().out;
    let entries: Vec<Value> = json
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries.len(), 3);
    assert_eq!(
        (&entries[0]["kind"], &entries[0]["name"]),
        (&"image".into(), &names[0].as_str().into())
    );
    assert!(
        entries
            .iter()
            .all(|entry| entry["size"].as_u64().unwrap() > 0)
    );

    // By its name without the platform; the other one stays.
    let removed = workshop
        .run(&[
            "cache",
            "rm",
            names[1].strip_suffix(" linux/amd64").unwrap(),
        ])
        .good();
    assert!(
        removed.out.starts_with("removed 5 files, ") && !removed.out.contains("; 0 B"),
        "{removed:?}"
    );
    assert!(!lines(&workshop).iter().any(|line| line.contains(&names[1])));
    assert!(lines(&workshop)[0].ends_with(&names[0]));
    assert_snapshot!(workshop.run(&["cache", "rm", "nobody"]).bad(1), @r"
    error: nothing in the cache is called `nobody`
    hint: `bedplate cache ls` shows the names
    ");
    workshop.run(&BUILD).good();
}

#[test]
fn collecting_removes_what_the_policy_says_and_builds_go_on() {
    let workshop = built();
    let out = workshop.home().join("out");
    let outputs = files_in(&out);
    let cache = workshop.home().join("cache/bedplate");
    fs::write(
        cache.join("tmp/.left.1-1.tmp"),
        "by a build that was killed",
    )
    .unwrap();
    let before = files_below(&cache);

    let told = workshop.run(&["cache", "gc", "--dry-run"]).good().out;
    assert!(told.starts_with("would remove 1 file, 26 B; "), "{told}");
    let told = workshop
        .run(&["cache", "gc", "--dry-run", "--max-size", "0"])
        .good()
        .out;
    assert!(
        told.starts_with("would remove ") && told.ends_with("; 0 B stay\n"),
        "{told}"
    );
    assert_eq!(files_below(&cache), before);

    let told = workshop.run(&["cache", "gc"]).good().out;
    assert!(told.starts_with("removed 1 file, 26 B; "), "{told}");
    assert_eq!(lines(&workshop).len(), 3);
    let young = workshop
        .run(&[
            "cache",
            "gc",
            "--max-age",
            "30",
            "--max-size",
            "10G",
            "--json",
        ])
        .good()
        .out;
    let young: Value = serde_json::from_str(&young).unwrap();
    assert_eq!((&young["removed"], &young["freed"]), (&0.into(), &0.into()));
    assert_eq!(lines(&workshop).len(), 3);

    let all = workshop.run(&["cache", "gc", "--max-size", "0"]).good().out;
    assert!(all.ends_with("; 0 B stay\n"), "{all}");
    assert!(lines(&workshop).is_empty());
    let size: u64 = ["objects", "segments", "refs"]
        .iter()
        .flat_map(|name| files_below(&cache.join(name)))
        .map(|(_, len)| len)
        .sum();
    assert_eq!(size, 0);
    // Everything can be had again.
    workshop.run(&BUILD).good();
    assert!(files_in(&out) == outputs);
}

/// The object with the layer of `oci:images:over`, and removes what was derived from it.
fn layer(workshop: &Workshop) -> PathBuf {
    let cache = workshop.home().join("cache/bedplate");
    fs::remove_dir_all(cache.join("segments")).unwrap();
    let holds = |path: &Path| {
        fs::read(path)
            .unwrap()
            .windows(13)
            .any(|bytes| bytes == b"::1 localhost")
    };
    let objects = files_below(&cache.join("objects"));
    objects
        .into_iter()
        .map(|(path, _)| path)
        .find(|path| holds(path))
        .unwrap()
}

type Damage = fn(&mut Vec<u8>);

/// What the store promises: contents are checked when they come in, and then the disk is trusted. An object that
/// is too short, or no archive any more, stops a build; other changes are found by `cache check`, which removes
/// what is damaged, so that the next build has it again.
#[test]
fn damage_is_noticed_or_found_by_a_check() {
    let workshop = built();
    let out = workshop.home().join("out");
    let outputs = files_in(&out);
    let digest = |path: &Path| {
        let parts: Vec<&str> = path
            .iter()
            .rev()
            .take(2)
            .map(|part| part.to_str().unwrap())
            .collect();
        format!("sha256:{}{}", parts[1], parts[0])
    };
    let damages: [(&str, Damage); 2] = [
        ("too short", |bytes| bytes.truncate(300)),
        ("no header", |bytes| bytes[3] ^= 1),
    ];
    for (what, damage) in damages {
        let path = layer(&workshop);
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let message = workshop
            .run(&BUILD)
            .bad(5)
            .replace(&digest(&path), "DIGEST");
        assert_eq!(
            message,
            "error: cannot read layer 1 of oci:images:over\n  caused by: object DIGEST in the cache is damaged\n\
             hint: run `bedplate cache check`, which removes what is damaged, and build again",
            "{what}"
        );
        assert!(files_in(&out) == outputs);
        assert_eq!(workshop.run(&["cache", "check"]).code, Some(5));
        workshop.run(&BUILD).good();
        assert!(files_in(&out) == outputs);
    }

    let path = layer(&workshop);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes
        .windows(9)
        .position(|bytes| bytes == b"localhost")
        .unwrap();
    bytes[at] ^= 1;
    fs::write(&path, bytes).unwrap();
    let said = workshop.run(&["cache", "check"]);
    assert_eq!(said.code, Some(5));
    assert_eq!(
        said.out.replace(&digest(&path), "DIGEST"),
        "DIGEST was damaged\nread 6 files; removed 1 file\n"
    );
    let said = workshop.run(&["cache", "check", "--json"]).good().out;
    assert_eq!(
        serde_json::from_str::<Value>(&said).unwrap(),
        serde_json::json!({"read": 5, "damaged": []})
    );
    workshop.run(&BUILD).good();
    assert!(files_in(&out) == outputs);
}
