//! Objects, segments, refs and contents: what goes in comes out, and nothing else.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{self, Read, Write};

use bedplate_formats::content::ReadContent;
use bedplate_store::{RefKind, Store, StoreError};
use bedplate_tree::Content;
use bedplate_types::{Digest, Object, Segment};

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("cache")).unwrap();
    (directory, store)
}

fn temporary_files(store: &Store) -> usize {
    fs::read_dir(store.dir().join("tmp")).unwrap().count()
}

#[test]
fn an_object_is_named_by_its_content() {
    let (_directory, store) = store();
    let (digest, len) = store.insert(&mut &b"hello\n"[..], None).unwrap();
    assert_eq!(
        digest.to_string(),
        "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    );
    assert_eq!(len, 6);
    assert!(store.contains(&digest));
    let mut text = String::new();
    store
        .open_object(&digest)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "hello\n");
    assert_eq!(temporary_files(&store), 0);
}

#[test]
fn a_large_object_is_hashed_the_same_on_two_threads() {
    let (_directory, store) = store();
    for len in [(256 << 10) - 1, 256 << 10, (256 << 10) + 1, (5 << 20) + 77] {
        let bytes: Vec<u8> = (0..len).map(|n: u32| ((n * 31) >> 3) as u8).collect();
        let (digest, stored) = store.insert(&mut &*bytes, None).unwrap();
        assert_eq!(stored, u64::from(len));
        store.verify(&digest).unwrap();
        assert_eq!(fs::read(store.object_path(&digest)).unwrap(), bytes);
    }
}

#[test]
fn content_that_is_not_what_was_expected_leaves_nothing() {
    let (_directory, store) = store();
    let expected: Digest<Object> = Digest::from_bytes([7; 32]);
    let error = store.insert(&mut &b"else"[..], Some(expected)).unwrap_err();
    assert!(matches!(error, StoreError::Mismatch { .. }), "{error}");
    assert!(store.ls().unwrap().is_empty());
    assert_eq!(temporary_files(&store), 0);
}

#[test]
fn an_input_that_fails_leaves_nothing() {
    struct Failing(u32);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            if self.0 < 100 {
                Ok(buffer.len())
            } else {
                Err(io::Error::other("cable pulled"))
            }
        }
    }
    let (_directory, store) = store();
    let error = store.insert(&mut Failing(0), None).unwrap_err();
    assert!(matches!(error, StoreError::Input(_)), "{error}");
    assert_eq!(temporary_files(&store), 0);
}

#[test]
fn a_missing_object_is_named() {
    let (_directory, store) = store();
    let digest: Digest<Object> = Digest::from_bytes([0xab; 32]);
    let error = store.open_object(&digest).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("object sha256:{} is not in the cache", "ab".repeat(32))
    );
}

#[test]
fn damage_is_found() {
    let (_directory, store) = store();
    let (digest, _) = store.insert(&mut &b"precious"[..], None).unwrap();
    fs::write(store.object_path(&digest), "perished").unwrap();
    assert!(matches!(
        store.verify(&digest),
        Err(StoreError::Mismatch { .. })
    ));
}

#[test]
fn an_object_that_lost_its_end_is_healed_by_having_it_again() {
    let (_directory, store) = store();
    let (digest, _) = store.insert(&mut &b"precious"[..], None).unwrap();
    fs::write(store.object_path(&digest), "prec").unwrap();
    store.insert(&mut &b"precious"[..], None).unwrap();
    store.verify(&digest).unwrap();
}

#[test]
fn contents_are_read_in_place() {
    let (_directory, store) = store();
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
    let (object, _) = store.insert(&mut &*bytes, None).unwrap();
    let read = |content: &Content| {
        let mut out = Vec::new();
        store.copy(content, &mut out).map(|()| out)
    };
    let part = Content::Stored {
        object,
        offset: 1000,
        len: 250_000,
    };
    assert_eq!(read(&part).unwrap(), bytes[1000..251_000]);
    assert_eq!(read(&Content::inline("abc")).unwrap(), b"abc");
    assert_eq!(store.read_head(&part, 4).unwrap(), bytes[1000..1004]);
    assert_eq!(
        store.read_head(&Content::inline("abc"), 16).unwrap(),
        b"abc"
    );
    let beyond = Content::Stored {
        object,
        offset: 299_999,
        len: 2,
    };
    assert_eq!(
        read(&beyond).unwrap_err().kind(),
        io::ErrorKind::UnexpectedEof
    );
    let absent = Content::Stored {
        object: Digest::from_bytes([1; 32]),
        offset: 0,
        len: 2,
    };
    assert_eq!(read(&absent).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_segment_that_is_shorter_than_it_was_counts_as_absent() {
    let (_directory, store) = store();
    let key: Digest<Segment> = Digest::from_bytes([3; 32]);
    assert!(store.segment(&key).unwrap().is_none());
    let mut text = String::new();
    store
        .put_segment(&key, |out| out.write_all(b"piece"))
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "piece");
    store
        .segment(&key)
        .unwrap()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "piecepiece");
    let directory = store.dir().join("segments/03");
    let path = fs::read_dir(directory)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(2)
        .unwrap();
    assert!(store.segment(&key).unwrap().is_none());
}

#[test]
fn a_ref_whose_objects_are_gone_counts_as_absent() {
    let (_directory, store) = store();
    let (object, _) = store.insert(&mut &b"layer"[..], None).unwrap();
    store
        .put_ref(RefKind::Image, "web:v1", &[object], &"value")
        .unwrap();
    assert_eq!(
        store.get_ref::<String>(RefKind::Image, "web:v1").unwrap(),
        "value"
    );
    assert_eq!(store.get_ref::<String>(RefKind::Layer, "web:v1"), None);
    assert_eq!(store.get_ref::<u32>(RefKind::Image, "web:v1"), None);
    fs::remove_file(store.object_path(&object)).unwrap();
    assert_eq!(store.get_ref::<String>(RefKind::Image, "web:v1"), None);
}

#[test]
fn an_interrupted_download_goes_on_where_it_ended() {
    let (_directory, store) = store();
    let mut first = store.partial("sha256-12").unwrap();
    first.file.write_all(b"half").unwrap();
    drop(first);
    let mut second = store.partial("sha256-12").unwrap();
    assert_eq!(second.file.metadata().unwrap().len(), 4);
    second.file.write_all(b"whole").unwrap();
    assert_eq!(fs::read(second.path()).unwrap(), b"halfwhole");
    second.remove();
    assert_eq!(
        store
            .partial("sha256-12")
            .unwrap()
            .file
            .metadata()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn a_download_waits_for_the_one_that_another_process_does() {
    let (_directory, store) = store();
    let mut first = store.partial("x").unwrap();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| store.partial("x").unwrap());
        first.file.write_all(b"complete").unwrap();
        first.remove();
        let second = second.join().unwrap();
        assert_eq!(second.file.metadata().unwrap().len(), 0);
        assert!(second.path().exists());
    });
}

#[test]
fn many_builds_insert_the_same_object_at_once() {
    let (directory, store) = store();
    let other = Store::open(&directory.path().join("cache")).unwrap();
    let bytes = vec![42; 1 << 20];
    std::thread::scope(|scope| {
        for store in [&store, &other, &store, &other] {
            scope.spawn(|| store.insert(&mut &*bytes, None).unwrap());
        }
    });
    assert_eq!(store.ls().unwrap().len(), 1);
    assert_eq!(temporary_files(&store), 0);
}

#[test]
fn a_store_of_another_version_is_refused() {
    let (_directory, store) = store();
    let dir = store.dir().to_owned();
    drop(store);
    fs::write(dir.join("version"), "9\n").unwrap();
    let error = Store::open(&dir).unwrap_err();
    assert!(
        error.to_string().contains("has layout version 9"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("--cache"));
}
