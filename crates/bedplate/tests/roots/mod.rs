//! A root that lies apart, made small: busybox, a script as its init, some noise; and initramfses that look for it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers of tests, not all of them used by each"
)]

pub mod machine;
pub mod media;
pub mod server;
pub mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bedplate_boot::root::{IMAGE_DOCUMENT, Image, Place, SEARCH_DOCUMENT, Search, Trust};
use bedplate_boot::trust;
use bedplate_formats::content::InlineOnly;
use bedplate_formats::guid::Guid;
use bedplate_formats::{compression, cpio, squashfs, verity};
use bedplate_tree::{Content, Entry, EntryKind, Meta, Tree, TreeBuilder};
use bedplate_types::{Arch, Epoch, Stamp, TreePath};
use sha2::{Digest as _, Sha256};

use crate::workshop::Workshop;

const EPOCH: Epoch = Epoch(1_700_000_000);
/// The seed of the key that signs.
pub const SEED: [u8; 32] = [7; 32];
/// What the boots take, with what these need.
const MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "loop",
    "dm-mod",
    "dm-verity",
    "sha256_generic",
    "squashfs",
    "overlay",
    "isofs",
    "vfat",
    "nls_cp437",
    "nls_ascii",
    "nls_utf8",
    "nls_iso8859-1",
];
const SPEC: &str = "kernel: {packages: [linux-image-cloud-amd64], cmdline: console=ttyS0}\n";

/// The root's init: says what it finds, and powers off.
const ROOT_INIT: &str = r#"#!/bin/sh
PATH=/bin; export PATH
say() { echo "ROOT: $*"; }
say "up as $$ with arguments: $*"
say "root: $(grep ' / ' /proc/mounts)"
say "image: $(grep ' /run/bedplate/root ' /proc/mounts)"
say "wrote: $(echo yes > /written && cat /written)"
say "hostid: $(od -An -tx1 /etc/hostid)"
say "description: $(sha256sum < /run/bedplate/image.json)"
say "networking: $(cat /run/bedplate/networking.json)"
say "lease: $(tr -d ' \n' < /run/bedplate/lease.json)"
say "address: $(ip -o addr show dev eth0 | tr -d '\n')"
say "modprobe: $(cat /proc/sys/kernel/modprobe)"
say "loop: $(cat /sys/block/loop0/loop/backing_file)"
say "hostname: $(hostname)"
say "noise: $(sha256sum < /noise)"
say "memory: $(grep MemAvailable /proc/meminfo)"
say "done"
[ -e /run/stay ] || poweroff -f
"#;

/// A root image and what describes it.
#[derive(Clone)]
pub struct Root {
    pub image: Vec<u8>,
    pub description: Image,
}

/// All that a boot begins with.
pub struct Kit {
    workshop: Workshop,
    pub kernel: PathBuf,
    base: Vec<Entry>,
    pub root: Root,
    pub noise: String,
}

/// Made once for all tests.
pub fn kit() -> &'static Kit {
    static KIT: OnceLock<Kit> = OnceLock::new();
    KIT.get_or_init(Kit::make)
}

impl Kit {
    fn make() -> Self {
        let workshop = Workshop::new();
        let spec = workshop.write("kernel.yml", SPEC);
        let output = workshop.bedplate(&["build", spec.to_str().unwrap(), "-o", "out"]);
        assert!(output.status.success(), "{output:?}");
        let out = workshop.home().join("out");
        let initrd = read_initrd(&fs::read(out.join("kernel-initrd.img")).unwrap());
        let base = small(initrd);
        let noise: Vec<u8> = (0..2_u32 << 20)
            .flat_map(|n| {
                n.wrapping_mul(2_654_435_761)
                    .rotate_left(n % 31)
                    .to_le_bytes()
            })
            .collect();
        let hash = hex(&noise);
        Self {
            kernel: out.join("kernel-kernel"),
            base,
            root: make_root(noise),
            noise: hash,
            workshop,
        }
    }

    /// A file with these bytes.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        self.workshop.write(name, bytes)
    }

    pub fn home(&self) -> &Path {
        self.workshop.home()
    }

    /// An initramfs that looks for the root here, and believes what the key of [`SEED`] signed.
    pub fn initramfs(&self, name: &str, place: Place, more: Vec<Entry>) -> PathBuf {
        let trust = Trust {
            image: None,
            keys: vec![trust::public_key(&SEED)],
        };
        let search = Search {
            version: Search::VERSION,
            place,
            trust,
            modules: Vec::new(),
        };
        let mut entries = self.base.clone();
        entries.push(file(SEARCH_DOCUMENT, 0o644, search.render()));
        entries.extend(more);
        let tree = tree(entries);
        let bytes = cpio::write(&tree, &InlineOnly, Vec::new()).unwrap();
        self.file(name, &bytes)
    }

    /// The description and its signature, as an initramfs has them.
    pub fn described(&self) -> Vec<Entry> {
        let json = self.root.description.render();
        let signature = trust::sign(&SEED, &json);
        vec![
            file(IMAGE_DOCUMENT, 0o644, json),
            file(&format!("{IMAGE_DOCUMENT}.sig"), 0o644, signature),
        ]
    }
}

pub fn file(path: &str, mode: u32, bytes: impl Into<Vec<u8>>) -> Entry {
    entry(path, mode, EntryKind::File(Content::inline(bytes)))
}

fn entry(path: &str, mode: u32, kind: EntryKind) -> Entry {
    Entry {
        path: TreePath::parse(path.trim_start_matches('/').as_bytes()).unwrap(),
        meta: Meta::with_mode(mode),
        kind,
    }
}

fn link(path: &str, target: &str) -> Entry {
    entry(path, 0o777, EntryKind::Symlink(target.as_bytes().into()))
}

pub fn tree(entries: Vec<Entry>) -> Tree {
    let mut builder = TreeBuilder::new();
    let origin = builder.origin("test");
    for entry in entries {
        builder.insert(entry, origin).unwrap();
    }
    builder.freeze(EPOCH)
}

pub fn hex(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn make_root(noise: Vec<u8>) -> Root {
    let busybox = fs::read("/bin/busybox").unwrap();
    let mut entries = vec![
        file("bin/busybox", 0o755, busybox),
        file("sbin/init", 0o755, ROOT_INIT),
        file("noise", 0o644, noise),
        entry("etc", 0o755, EntryKind::Directory),
    ];
    let names = [
        "sh",
        "grep",
        "cat",
        "od",
        "sha256sum",
        "tr",
        "ip",
        "poweroff",
        "mkdir",
        "touch",
        "sleep",
        "dd",
        "hostname",
    ];
    entries.extend(names.map(|name| link(&format!("bin/{name}"), "busybox")));
    let options = squashfs::Options {
        block_size: 128 << 10,
        ..squashfs::Options::new(EPOCH)
    };
    let written = squashfs::write(
        &tree(entries),
        &InlineOnly,
        &options,
        Cursor::new(Vec::new()),
    );
    let mut image = written.unwrap().into_inner();
    let data_len = image.len() as u64;
    let params = verity::Params {
        salt: vec![1; 32],
        uuid: Guid::derived(b"test"),
    };
    let hashes = verity::format(image.as_slice(), params).unwrap();
    hashes.write(&mut image).unwrap();
    let description = Image {
        version: Image::VERSION,
        name: "small".into(),
        stamp: Stamp::from(EPOCH),
        arch: Arch::native().unwrap(),
        kernel: None,
        file: "small-root.img".into(),
        file_system: "squashfs".into(),
        len: image.len() as u64,
        sha256: hex(&image),
        data_len,
        root_hash: hashes.root_hash().to_string(),
        memory: 256 << 20,
    };
    Root { image, description }
}

fn read_initrd(bytes: &[u8]) -> Vec<Entry> {
    let mut reader = BufReader::new(bytes);
    let kind = compression::detect_in(&mut reader).unwrap();
    let mut plain = Vec::new();
    let mut decoder = compression::decoder(kind, reader).unwrap();
    decoder.read_to_end(&mut plain).unwrap();
    let archives = cpio::read(plain.as_slice(), &cpio::Limits::default()).unwrap();
    let entries = archives
        .into_iter()
        .map(|archive| cpio::entries(archive).unwrap());
    entries.flatten().collect()
}

/// PID 1, the marker, and of the kernel's modules what is needed.
fn small(entries: Vec<Entry>) -> Vec<Entry> {
    let text = |entry: &Entry| String::from_utf8_lossy(entry.path.as_bytes()).into_owned();
    let table = |name: &str| {
        let found = entries
            .iter()
            .find(|entry| text(entry).ends_with(name))
            .unwrap();
        match &found.kind {
            EntryKind::File(Content::Inline(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("{name} is {other:?}"),
        }
    };
    let dep = table("/modules.dep");
    let module = |path: &str| {
        let name = path.rsplit('/').next().unwrap();
        name.split(".ko").next().unwrap().replace('-', "_")
    };
    let wanted: BTreeSet<String> = MODULES.iter().map(|name| module(name)).collect();
    let kept: Vec<&str> = dep
        .lines()
        .filter(|line| wanted.contains(&module(line.split(':').next().unwrap())))
        .collect();
    let files: BTreeSet<&str> = kept
        .iter()
        .flat_map(|line| line.split([':', ' ']))
        .filter(|path| !path.is_empty())
        .collect();
    let names: BTreeSet<String> = files.iter().map(|path| module(path)).collect();
    let dep_lines = dep
        .lines()
        .filter(|line| files.contains(line.split(':').next().unwrap()));
    let dep_text = dep_lines.collect::<Vec<_>>().join("\n") + "\n";
    let alias = table("/modules.alias");
    let alias_lines = alias.lines().filter(|line| {
        line.rsplit(' ')
            .next()
            .is_some_and(|name| names.contains(&name.replace('-', "_")))
    });
    let alias_text = alias_lines.collect::<Vec<_>>().join("\n") + "\n";
    let tables = [("/modules.dep", dep_text), ("/modules.alias", alias_text)];
    let keep = |entry: &Entry| {
        let path = text(entry);
        let is_module = path.contains("/modules/") && files.iter().any(|file| path.ends_with(file));
        matches!(path.as_str(), "init" | "zz-bedplate-complete" | "lib") || is_module
    };
    let mut kept: Vec<Entry> = entries
        .iter()
        .filter(|entry| keep(entry))
        .cloned()
        .collect();
    for (name, bytes) in tables {
        let entry = entries
            .iter()
            .find(|entry| text(entry).ends_with(name))
            .unwrap();
        kept.push(file(&text(entry), 0o644, bytes));
    }
    kept
}

/// The root came up whole: what its init says.
#[track_caller]
pub fn came_up(console: &str) -> String {
    let lines = console
        .lines()
        .filter_map(|line| line.strip_prefix("ROOT: "));
    let said = lines.collect::<Vec<_>>().join("\n");
    assert!(
        said.starts_with("up as 1") && said.ends_with("done"),
        "{console}"
    );
    let description = format!("description: {}", hex(&kit().root.description.render()));
    for expected in [
        "root: overlay / overlay rw",
        "wrote: yes",
        "modprobe: /sbin/modprobe",
        &format!("noise: {}", kit().noise),
        &description,
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{console}");
    }
    said
}

/// The boot stopped before the root: the message.
#[track_caller]
pub fn stopped(console: &str) -> String {
    let (_, after) = console
        .split_once("bedplate: THE BOOT STOPPED\n")
        .expect(console);
    let message = after
        .lines()
        .find_map(|line| line.strip_prefix("bedplate: "));
    assert!(!console.contains("ROOT:"), "{console}");
    message.expect(console).to_owned()
}

/// What a server has of a root, under `/d`.
pub fn served(root: &Root) -> BTreeMap<String, Vec<u8>> {
    let json = root.description.render();
    let signature = trust::sign(&SEED, &json).into_bytes();
    [
        ("/d/small-image.json".to_owned(), json),
        ("/d/small-image.json.sig".to_owned(), signature),
        ("/d/small-root.img".to_owned(), root.image.clone()),
    ]
    .into()
}

pub fn plain(stream: std::net::TcpStream) -> Box<dyn server::Connection> {
    Box::new(stream)
}
