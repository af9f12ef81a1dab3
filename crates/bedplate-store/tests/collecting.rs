//! Collection and removal: what goes, what stays, and who may.

#![allow(clippy::unwrap_used)]

use std::fs::File;
use std::io::Write;
use std::time::{Duration, SystemTime};

use bedplate_store::{EntryKind, Policy, RefKind, Store, StoreError};
use bedplate_types::{Digest, Object};

const DAY: Duration = Duration::from_secs(86_400);

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("cache")).unwrap();
    (directory, store)
}

fn object(store: &Store, text: &str, days_old: u32) -> Digest<Object> {
    let (digest, _) = store.insert(&mut text.as_bytes(), None).unwrap();
    let file = File::open(store.object_path(&digest)).unwrap();
    file.set_modified(SystemTime::now() - DAY * days_old)
        .unwrap();
    digest
}

#[test]
fn what_was_not_used_for_long_goes() {
    let (_directory, mut store) = store();
    let old = object(&store, "old", 40);
    let young = object(&store, "young", 3);
    let policy = Policy {
        max_age: Some(30 * DAY),
        ..Policy::default()
    };
    let report = store
        .gc(&Policy {
            dry_run: true,
            ..policy
        })
        .unwrap();
    assert_eq!((report.removed, report.freed, report.kept), (1, 3, 5));
    assert!(store.contains(&old));
    assert_eq!(store.gc(&policy).unwrap(), report);
    assert!(!store.contains(&old) && store.contains(&young));
}

#[test]
fn an_old_object_of_a_young_image_stays() {
    let (_directory, mut store) = store();
    let old = object(&store, "old", 40);
    store.put_ref(RefKind::Image, "web", &[old], &1).unwrap();
    store
        .gc(&Policy {
            max_age: Some(30 * DAY),
            ..Policy::default()
        })
        .unwrap();
    assert!(store.contains(&old));
}

#[test]
fn the_least_recently_used_goes_until_the_rest_fits() {
    let (_directory, mut store) = store();
    let ages = [("aaaa", 3), ("bbbb", 2), ("cccc", 1)];
    let [a, b, c] = ages.map(|(text, days)| object(&store, text, days));
    store.put_ref(RefKind::Layer, "a", &[a], &1).unwrap();
    File::open(store.object_path(&a)).unwrap();
    let report = store
        .gc(&Policy {
            max_size: Some(9),
            ..Policy::default()
        })
        .unwrap();
    assert_eq!((report.freed, report.kept), (4, 8));
    // The ref of `a` was written just now, so `b` is the oldest.
    assert!(store.contains(&a) && !store.contains(&b) && store.contains(&c));
}

#[test]
fn reading_an_object_makes_it_young() {
    let (_directory, mut store) = store();
    let old = object(&store, "old", 40);
    store.open_object(&old).unwrap();
    store
        .gc(&Policy {
            max_age: Some(30 * DAY),
            ..Policy::default()
        })
        .unwrap();
    assert!(store.contains(&old));
}

#[test]
fn nothing_is_removed_while_another_build_uses_the_store() {
    let (directory, mut store) = store();
    let kept = object(&store, "kept", 40);
    let other = Store::open(&directory.path().join("cache")).unwrap();
    let error = store
        .gc(&Policy {
            max_age: Some(DAY),
            ..Policy::default()
        })
        .unwrap_err();
    let StoreError::Busy { processes, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(processes, &[std::process::id()]);
    assert!(store.contains(&kept));
    drop(other);
    store
        .gc(&Policy {
            max_age: Some(DAY),
            ..Policy::default()
        })
        .unwrap();
    assert!(!store.contains(&kept));
}

#[test]
fn removing_an_image_keeps_what_others_share() {
    let (_directory, mut store) = store();
    let [base, own] = ["base", "own"].map(|text| object(&store, text, 0));
    store
        .put_ref(RefKind::Image, "web:v1", &[base, own], &1)
        .unwrap();
    store
        .put_ref(RefKind::Image, "web:v2", &[base], &1)
        .unwrap();
    store
        .put_ref(RefKind::Layer, "compressed", &[own], &1)
        .unwrap();
    store.rm("web:v1").unwrap();
    assert!(store.contains(&base) && !store.contains(&own));
    assert_eq!(store.get_ref::<u32>(RefKind::Image, "web:v2"), Some(1));
    assert_eq!(store.get_ref::<u32>(RefKind::Layer, "compressed"), None);
    assert!(matches!(
        store.rm("web:v1"),
        Err(StoreError::UnknownName(_))
    ));
    store.rm(&base.to_string()).unwrap();
    assert!(store.ls().unwrap().is_empty());
}

#[test]
fn the_list_says_what_is_here() {
    let (_directory, store) = store();
    let layer = object(&store, "layer", 0);
    let loose = object(&store, "a file", 0);
    store
        .put_ref(RefKind::Image, "web:v1", &[layer], &1)
        .unwrap();
    store
        .put_segment(&Digest::from_bytes([5; 32]), |out| out.write_all(b"12"))
        .unwrap();
    store
        .partial("sha256-1")
        .unwrap()
        .file
        .write_all(b"123")
        .unwrap();
    std::fs::write(
        store.work_directory("apt").unwrap().join("Packages"),
        "1234",
    )
    .unwrap();
    let list: Vec<(EntryKind, String, u64)> = store
        .ls()
        .unwrap()
        .into_iter()
        .map(|entry| (entry.kind, entry.name, entry.size))
        .collect();
    assert_eq!(list[0], (EntryKind::Image, "web:v1".into(), 5));
    assert_eq!(list[1], (EntryKind::Object, loose.to_string(), 6));
    assert_eq!((list[2].0, list[2].2), (EntryKind::Segment, 2));
    assert_eq!(list[3], (EntryKind::Partial, "sha256-1".into(), 3));
    assert_eq!(list[4], (EntryKind::Work, "apt".into(), 4));
    assert_eq!(list.len(), 5);
}

#[test]
fn what_killed_processes_left_goes() {
    let (_directory, mut store) = store();
    let kept = object(&store, "kept", 0);
    store.put_ref(RefKind::Image, "web", &[kept], &1).unwrap();
    std::fs::write(store.dir().join("tmp/.new.1-1.tmp"), "half").unwrap();
    std::fs::write(store.dir().join("refs/image/.0123.json.1-1.tmp"), "{").unwrap();
    assert_eq!(store.gc(&Policy::default()).unwrap().removed, 2);
    assert_eq!(store.get_ref::<u32>(RefKind::Image, "web"), Some(1));
}
