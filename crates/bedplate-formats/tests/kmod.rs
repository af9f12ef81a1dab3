//! Module indexes: what `depmod` would have made, and what `modprobe` reads.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

use std::io::Write as _;
use std::path::Path;

use bedplate_formats::kmod::{Index, Module, Packaged, indexes};
use bedplate_sys::tool::Tool;

const VERSION: &str = "6.0.0-test";

/// Path, `.modinfo`, exported symbols, needed symbols.
type Source = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

const SOURCES: [Source; 7] = [
    (
        "kernel/lib/crc-base.ko",
        &["license=GPL", "depends="],
        &["crc_base", "crc_more"],
        &[],
    ),
    (
        "kernel/fs/jbd9/jbd9.ko.xz",
        &["depends=crc-base", "softdep=pre: crc-base"],
        &["jbd_start"],
        &["crc_base"],
    ),
    (
        "kernel/fs/ext9/ext9.ko.zst",
        &["alias=fs-ext9", "depends=jbd9", "softdep=post: tun9"],
        &[],
        &["jbd_start"],
    ),
    (
        "kernel/net/tun9.ko",
        &[
            "alias=devname:net/tun9",
            "alias=char-major-10-209",
            "depends=",
        ],
        &[],
        &["printk"],
    ),
    (
        "kernel/drivers/nic-a.ko",
        &["alias=pci:v00001AF4d*sv[a-f]*-x", "depends=crc-base"],
        &[],
        &["crc_more"],
    ),
    (
        "kernel/drivers/nic-b.ko",
        &["alias=pci:v00001AF4d*sv[a-f]*-x", "depends="],
        &["nic_b"],
        &[],
    ),
    (
        "updates/dkms/nic-a.ko",
        &["alias=pci:new", "depends=nic-b"],
        &[],
        &["nic_b"],
    ),
];
const ORDER: &str = "kernel/drivers/nic-b.ko\nkernel/fs/ext9/ext9.ko\nkernel/fs/jbd9/jbd9.ko\nkernel/lib/crc-base.ko\n";
const BUILTIN: &str = "kernel/fs/binfmt-script.ko\nkernel/drivers/block/loop.ko\n";
const BUILTIN_INFO: &[u8] =
    b"binfmt_script.license=GPL\0loop.alias=block-major-7-*\0loop.alias=char-major-10-237\0";

/// Assembles a module with these sections and symbols, and compresses it as its name says.
fn module(directory: &Path, &(path, info, exports, needs): &Source) -> Vec<u8> {
    let mut text = String::from(".section .modinfo,\"a\"\n");
    for field in info {
        text += &format!(".asciz \"{field}\"\n");
    }
    text += ".data\n";
    for symbol in exports {
        text += &format!(
            ".globl {symbol}\n{symbol}: .quad 0\n.globl __crc_{symbol}\n.set __crc_{symbol}, 7\n"
        );
    }
    for symbol in needs {
        text += &format!(".quad {symbol}\n");
    }
    let (source, object) = (directory.join("module.s"), directory.join("module.o"));
    std::fs::write(&source, text).unwrap();
    Tool::new("gcc", "gcc")
        .arg("-c")
        .arg(&source)
        .arg("-o")
        .arg(&object)
        .output()
        .unwrap();
    let elf = std::fs::read(object).unwrap();
    if path.ends_with(".zst") {
        return zstd::encode_all(&elf[..], 3).unwrap();
    }
    if path.ends_with(".xz") {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
        encoder.write_all(&elf).unwrap();
        return encoder.finish().unwrap();
    }
    elf
}

/// Puts the modules into a root, and gives our indexes of them.
fn prepare(root: &Path) -> Vec<Index> {
    let base = root.join("lib/modules").join(VERSION);
    let mut modules = Vec::new();
    for source in &SOURCES {
        let bytes = module(root, source);
        let file = base.join(source.0);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, &bytes).unwrap();
        modules.push(Module::read(source.0, &bytes).unwrap());
    }
    std::fs::write(base.join("modules.order"), ORDER).unwrap();
    std::fs::write(base.join("modules.builtin"), BUILTIN).unwrap();
    std::fs::write(base.join("modules.builtin.modinfo"), BUILTIN_INFO).unwrap();
    indexes(
        modules,
        &Packaged {
            order: ORDER,
            builtin: BUILTIN,
            builtin_modinfo: BUILTIN_INFO,
        },
    )
}

fn text(indexes: &[Index], name: &str) -> String {
    let index = indexes.iter().find(|index| index.name == name).unwrap();
    String::from_utf8(index.content.clone()).unwrap()
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn indexes_are_those_of_depmod() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let ours = prepare(root);
    Tool::new("depmod", "kmod")
        .arg("-b")
        .arg(root)
        .arg(VERSION)
        .output()
        .unwrap();
    let base = root.join("lib/modules").join(VERSION);
    let theirs = |name: &str| std::fs::read_to_string(base.join(name)).unwrap();
    // depmod orders by hash what modules.order does not name, and symbols always.
    for name in [
        "modules.dep",
        "modules.alias",
        "modules.softdep",
        "modules.devname",
        "modules.symbols",
    ] {
        assert_eq!(sorted(&text(&ours, name)), sorted(&theirs(name)), "{name}");
    }
    for name in [
        "modules.dep.bin",
        "modules.alias.bin",
        "modules.symbols.bin",
        "modules.builtin.bin",
        "modules.builtin.alias.bin",
    ] {
        // Versions of depmod lay the nodes out in different orders; all need the same room.
        let index = ours.iter().find(|index| index.name == name).unwrap();
        assert_eq!(
            index.content.len(),
            std::fs::read(base.join(name)).unwrap().len(),
            "{name}"
        );
    }
    insta::assert_snapshot!(text(&ours, "modules.dep"), @r"
    kernel/drivers/nic-b.ko:
    kernel/fs/ext9/ext9.ko.zst: kernel/fs/jbd9/jbd9.ko.xz kernel/lib/crc-base.ko
    kernel/fs/jbd9/jbd9.ko.xz: kernel/lib/crc-base.ko
    kernel/lib/crc-base.ko:
    kernel/net/tun9.ko:
    updates/dkms/nic-a.ko: kernel/drivers/nic-b.ko
    ");
    insta::assert_snapshot!(text(&ours, "modules.devname"), @r"
    # Device nodes to trigger on-demand module loading.
    tun9 net/tun9 c10:209
    ");
}

/// What `modprobe` finds for a name, with the indexes that stand in the root.
fn modprobe(root: &Path, name: &str) -> String {
    let run = |args: &[&str]| {
        let tool = Tool::new("modprobe", "kmod")
            .args(["-d"])
            .arg(root)
            .args(["-S", VERSION])
            .args(args)
            .arg(name);
        tool.output()
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .unwrap_or_else(|error| error.to_string())
    };
    run(&["--show-depends"]) + &run(&["--resolve-alias"])
}

#[test]
fn modprobe_finds_the_same_with_our_indexes() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let ours = prepare(root);
    let names = [
        "ext9",
        "nic-a",
        "nic_b",
        "fs-ext9",
        "pci:v00001AF4d1svb0-x",
        "symbol:jbd_start",
        "loop",
        "block-major-7-3",
        "none",
    ];
    let all = || names.map(|name| modprobe(root, name)).join("---\n");
    Tool::new("depmod", "kmod")
        .arg("-b")
        .arg(root)
        .arg(VERSION)
        .output()
        .unwrap();
    let theirs = all();
    for index in ours {
        std::fs::write(
            root.join("lib/modules").join(VERSION).join(index.name),
            index.content,
        )
        .unwrap();
    }
    assert_eq!(all(), theirs);
    assert!(
        theirs.contains("jbd9.ko.xz") && theirs.contains("updates/dkms/nic-a.ko"),
        "{theirs}"
    );
}

#[test]
fn what_is_no_module_is_refused() {
    let message = |path: &str, bytes: &[u8]| Module::read(path, bytes).unwrap_err().to_string();
    assert_eq!(
        message("kernel/README", b""),
        "`kernel/README` is no kernel module by its name"
    );
    assert_eq!(
        message("a.ko", b"text"),
        "the module `a.ko` is not a well-formed ELF file"
    );
    assert_eq!(
        message("a.ko.gz", b"\x1f\x8b"),
        "cannot decompress the module `a.ko.gz`"
    );
}

#[test]
fn a_cycle_of_modules_ends() {
    let module = |name: &str, needs: &str| Module {
        path: format!("kernel/{name}.ko"),
        name: name.into(),
        depends: vec![needs.into()],
        aliases: vec![],
        softdeps: vec![],
        weakdeps: vec![],
        symbols: vec![],
    };
    let indexes = indexes(
        vec![module("a", "b"), module("b", "a")],
        &Packaged::default(),
    );
    assert_eq!(
        text(&indexes, "modules.dep"),
        "kernel/a.ko: kernel/b.ko\nkernel/b.ko: kernel/a.ko\n"
    );
}
