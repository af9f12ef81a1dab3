//! A whole disk, streamed from its first byte to its last: table, system partition, root, its hashes.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

mod common;

use std::io::Write as _;

use bedplate_formats::content::InlineOnly;
use bedplate_formats::fat::{self, Size, Volume};
use bedplate_formats::gpt::{Attributes, Extent, Layout, Partition, Placed, types};
use bedplate_formats::guid::Guid;
use bedplate_formats::verity::{self, HashDevice, Params};
use bedplate_sys::tool::Tool;
use bedplate_tree::Tree;
use common::{EPOCH, build, sha256, zoo};

/// The parts of a disk.
struct Parts {
    files: Tree,
    root: Vec<u8>,
    hashes: HashDevice,
}

impl Parts {
    fn new() -> Self {
        let files = zoo().into_iter().filter(|entry| {
            let name = entry.path.as_bytes();
            name == b"exact" || name == b"bin/su"
        });
        let root: Vec<u8> = (0..300_u32 << 10).flat_map(u32::to_le_bytes).collect();
        let params = Params {
            salt: vec![3; 32],
            uuid: Guid::derived(b"test hashes"),
        };
        Self {
            files: build(files.collect()),
            hashes: verity::format(root.as_slice(), params).unwrap(),
            root,
        }
    }

    fn system(&self) -> fat::Image<'_> {
        let volume = Volume {
            size: Size::WithRoom(1 << 20),
            label: "ESP".to_owned(),
            serial: 1,
            epoch: EPOCH,
        };
        fat::Image::new(&self.files, &volume).unwrap()
    }

    fn layout(&self) -> Layout {
        let (root, hashes) = self.hashes.root_hash().partition_guids();
        let partition = |kind, guid, name: &str, len| Partition {
            kind,
            guid,
            name: name.to_owned(),
            attributes: Attributes::NONE,
            extent: Extent::Next { len },
        };
        let esp = Guid::derived(b"test esp");
        let partitions = [
            partition(types::ESP, esp, "esp", self.system().byte_len()),
            partition(types::ROOT_X86_64, root, "root", self.root.len() as u64),
            partition(
                types::ROOT_X86_64_VERITY,
                hashes,
                "root-verity",
                verity::hash_len(self.root.len() as u64),
            ),
        ];
        Layout::fitting(Guid::derived(b"test disk"), &partitions).unwrap()
    }

    /// As a writer of disks would write it, were its output not to seek.
    fn disk(&self) -> Vec<u8> {
        let layout = self.layout();
        let [system, root, hashes] = layout.partitions() else {
            panic!("three were asked for");
        };
        let mut disk = layout.primary();
        disk.resize(system.offset() as usize, 0);
        self.system().write(&InlineOnly, &mut disk).unwrap();
        disk.resize(root.offset() as usize, 0);
        disk.write_all(&self.root).unwrap();
        disk.resize(hashes.offset() as usize, 0);
        self.hashes.write(&mut disk).unwrap();
        disk.resize(layout.backup_offset() as usize, 0);
        disk.extend(layout.backup());
        disk
    }
}

#[test]
fn each_tool_finds_its_part_on_the_disk() {
    let parts = Parts::new();
    let layout = parts.layout();
    let directory = tempfile::tempdir().unwrap();
    let disk = directory.path().join("disk.img");
    std::fs::write(&disk, parts.disk()).unwrap();

    let verdict = Tool::new("sgdisk", "gdisk").arg("-v").arg(&disk).output();
    let verdict = String::from_utf8(verdict.unwrap()).unwrap();
    assert!(verdict.contains("No problems found"), "{verdict}");

    let [system, root, hashes] = layout.partitions() else {
        panic!("three were asked for");
    };
    let at = format!("{}@@{}", disk.display(), system.offset());
    let su = Tool::new("mtype", "mtools").args(["-i", &at, "::bin/su"]);
    assert_eq!(su.output().unwrap(), b"#!/bin/sh\n");

    let part = |name: &str, placed: &Placed| {
        let file = directory.path().join(name);
        let bytes = std::fs::read(&disk).unwrap();
        let end = placed.offset() + placed.byte_len();
        std::fs::write(&file, &bytes[placed.offset() as usize..end as usize]).unwrap();
        file
    };
    Tool::new("veritysetup", "cryptsetup-bin")
        .arg("verify")
        .args([part("root", root), part("hashes", hashes)])
        .arg(parts.hashes.root_hash().to_string())
        .output()
        .unwrap();
}

#[test]
fn the_bytes_of_a_disk_are_pinned() {
    insta::assert_snapshot!(sha256(&Parts::new().disk()), @"3341eb6a3f52957142fa5a18d31246d7609ef8a0b7e63303bf680c0c73070fc8");
}
