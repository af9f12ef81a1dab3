//! What a format cannot hold is refused before anything is written.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

use std::collections::{BTreeMap, BTreeSet};

use bedplate_build::{
    BuildError, Format, Host, InitrdOptions, OutputOptions, Programs, Workshop, write_outputs,
};
use bedplate_formats::compression::Compression;
use bedplate_spec::lock::Lock;
use bedplate_spec::planning::{BuildPlan, InitFlavour, RootForm};
use bedplate_store::Store;
use bedplate_tree::{Content, Entry, EntryKind, Meta, TreeBuilder};
use bedplate_types::{Arch, Digest, Epoch, Silent};

const FOUR_GIB: u64 = 4 << 30;

/// Writes a host whose only file has this length, and whose content nobody ever asks for.
fn write(len: u64) -> (BuildError, usize) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("cache")).unwrap();
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("test");
    let content = Content::Stored {
        object: Digest::from_bytes([7; 32]),
        offset: 0,
        len,
    };
    let entry = Entry {
        path: "var/lib/large".parse().unwrap(),
        meta: Meta::with_mode(0o644),
        kind: EntryKind::File(content),
    };
    builder.insert(entry, origin).unwrap();
    let plan = BuildPlan {
        arch: Arch::Amd64,
        epoch: Epoch(0),
        kernel: None,
        cmdline: String::new(),
        init: InitFlavour::Bedplate,
        root: RootForm::Initramfs,
        trust: Vec::new(),
        steps: Vec::new(),
        warnings: Default::default(),
    };
    let host = Host {
        tree: builder.freeze(Epoch(0)),
        kernel: None,
        cmdline: String::new(),
        init: plan.init,
        packages: BTreeMap::new(),
    };
    let options = OutputOptions {
        directory: directory.path().join("out"),
        name: "host".to_owned(),
        formats: BTreeSet::from([Format::KernelInitrd]),
        initrd: InitrdOptions {
            compression: Compression::None,
            level: 0,
            threads: 1,
        },
        signing_key: None,
        signer: None,
        drop_xattrs: true,
    };
    let workshop = Workshop {
        store: &store,
        progress: &Silent,
        programs: &Programs::Directory(directory.path().to_owned()),
    };
    let error = write_outputs(&host, (&plan, &Lock::default()), &options, &workshop).unwrap_err();
    let written = std::fs::read_dir(&options.directory).map_or(0, |files| files.count());
    (error, written)
}

#[test]
fn a_file_of_four_gib_does_not_go_into_an_initrd() {
    let (error, written) = write(FOUR_GIB);
    assert_eq!(
        error.to_string(),
        "an initrd cannot hold `/var/lib/large`: it has 4294967296 bytes, and there is room for files below 4 GiB only"
    );
    assert!(error.hint().unwrap().contains("--format tar"));
    assert_eq!(written, 0);
}

#[test]
fn one_byte_less_is_no_reason_to_refuse() {
    // It goes on to the next thing that is missing.
    let (error, written) = write(FOUR_GIB - 1);
    assert!(error.to_string().contains("no kernel"), "{error}");
    assert_eq!(written, 0);
}
