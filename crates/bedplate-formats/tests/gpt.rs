//! GPT: sgdisk and sfdisk find our tables whole, and read what we meant.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

use std::io::{Seek as _, SeekFrom, Write as _};

use bedplate_formats::gpt::{self, Attributes, Extent, GptError, Layout, Partition, SECTOR, types};
use bedplate_formats::guid::Guid;
use bedplate_sys::tool::Tool;
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const DISK: Guid = Guid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff);

fn partition(number: u8, kind: Guid, extent: Extent) -> Partition {
    Partition {
        kind,
        guid: Guid::derived(&[number]),
        name: format!("part {number}"),
        attributes: Attributes::NONE,
        extent,
    }
}

fn generic(number: u8, extent: Extent) -> Partition {
    partition(number, types::LINUX_GENERIC, extent)
}

fn at(first_lba: u64, sectors: u64) -> Extent {
    Extent::At { first_lba, sectors }
}

/// A disk as Bedplate makes them.
fn host_disk() -> Vec<Partition> {
    let root = Partition {
        name: "größe_😀_0123456789012345678901234".to_owned(),
        attributes: Attributes::READ_ONLY | Attributes::NO_AUTO,
        ..partition(3, types::ROOT_X86_64, Extent::Next { len: 5 * MIB - 1 })
    };
    vec![
        partition(1, types::ESP, Extent::Next { len: 33 * MIB }),
        partition(2, types::BIOS_BOOT, at(34, 2014)),
        root,
        partition(4, types::ROOT_X86_64_VERITY, Extent::Next { len: 1 }),
        partition(5, types::VAR, Extent::Rest),
    ]
}

/// The layout on a sparse file: what the writer of a disk does.
fn image(layout: &Layout) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::with_suffix(".img").unwrap();
    file.write_all(&layout.primary()).unwrap();
    file.seek(SeekFrom::Start(layout.backup_offset())).unwrap();
    file.write_all(&layout.backup()).unwrap();
    assert_eq!(file.stream_position().unwrap(), layout.disk_len());
    file
}

fn output(tool: Tool) -> String {
    String::from_utf8(tool.env("LC_ALL", "C").output().unwrap()).unwrap()
}

fn sfdisk(args: &[&str], file: &tempfile::NamedTempFile) -> String {
    output(Tool::new("sfdisk", "fdisk").args(args).arg(file.path()))
}

/// What sfdisk reads from the table, without the name of the file.
fn dump(file: &tempfile::NamedTempFile) -> String {
    sfdisk(&["--dump"], file).replace(file.path().to_str().unwrap(), "disk")
}

fn sgdisk(args: &[&str], file: &tempfile::NamedTempFile) -> String {
    output(Tool::new("sgdisk", "gdisk").args(args).arg(file.path()))
}

/// sgdisk ends well whatever it finds: the text counts.
fn assert_whole(file: &tempfile::NamedTempFile) {
    let verdict = sgdisk(&["-v"], file);
    assert!(verdict.contains("No problems found"), "{verdict}");
    for bad in ["Caution", "Warning", "Problem:"] {
        assert!(!verdict.contains(bad), "{verdict}");
    }
    let verdict = sfdisk(&["--verify"], file);
    assert!(verdict.contains("No errors detected"), "{verdict}");
}

#[test]
fn sgdisk_and_sfdisk_read_what_we_meant() {
    let layout = Layout::new(64 * MIB, DISK, &host_disk()).unwrap();
    let file = image(&layout);
    assert_whole(&file);
    insta::assert_snapshot!(dump(&file), @r#"
    label: gpt
    label-id: 00112233-4455-6677-8899-AABBCCDDEEFF
    device: disk
    unit: sectors
    first-lba: 34
    last-lba: 131038
    sector-size: 512

    disk1 : start=        2048, size=       67584, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=4BF5122F-3445-84C5-BBDE-2EBB8CD2B7E3, name="part 1"
    disk2 : start=          34, size=        2014, type=21686148-6449-6E6F-744E-656564454649, uuid=DBC1B4C9-00FF-848D-975B-5DA5C6380401, name="part 2"
    disk3 : start=       69632, size=       10240, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=084FED08-B978-8F4D-BD19-6A7446A86B58, name="gr\xc3\xb6\xc3\x9fe_\xf0\x9f\x98\x80_0123456789012345678901234", attrs="GUID:60,63"
    disk4 : start=       79872, size=        2048, type=2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5, uuid=E52D9C50-8C50-8347-B44D-8C07AD91CBD6, name="part 4"
    disk5 : start=       81920, size=       47104, type=4D21B016-B534-45C2-A9FB-5C16E091FD2D, uuid=E77B9A9A-E9E3-8B0D-BDB6-F510A264EF9D, name="part 5"
    "#);
}

#[test]
fn both_tables_are_whole() {
    let layout = Layout::new(64 * MIB, DISK, &host_disk()).unwrap();
    for broken in [SECTOR, layout.disk_len() - SECTOR] {
        let mut file = image(&layout);
        file.seek(SeekFrom::Start(broken)).unwrap();
        file.write_all(b"no table").unwrap();
        assert_eq!(dump(&file), dump(&image(&layout)), "byte {broken}");
    }
}

#[test]
fn a_disk_beyond_the_reach_of_an_mbr_is_whole_too() {
    let partitions = [
        generic(1, Extent::Next { len: 3 << 40 }),
        generic(2, Extent::Rest),
    ];
    let layout = Layout::new(5 << 40, DISK, &partitions).unwrap();
    assert_eq!(&layout.primary()[458..462], &[0xff; 4]);
    assert_whole(&image(&layout));
}

#[test]
fn a_full_table_and_an_empty_one_are_whole() {
    let many: Vec<Partition> = (0..128)
        .map(|n| generic(n, Extent::Next { len: MIB }))
        .collect();
    for partitions in [many.as_slice(), &[]] {
        let layout = Layout::fitting(DISK, partitions).unwrap();
        let around = if partitions.is_empty() { 1 } else { 2 };
        assert_eq!(layout.disk_len(), (partitions.len() as u64 + around) * MIB);
        assert_whole(&image(&layout));
    }
    let too_many = (0..129)
        .map(|n| generic(n, Extent::Next { len: MIB }))
        .collect::<Vec<_>>();
    assert_eq!(
        Layout::fitting(DISK, &too_many),
        Err(GptError::TooMany(129))
    );
}

#[test]
fn the_types_are_those_that_sfdisk_knows() {
    let list = output(Tool::new("sfdisk", "fdisk").args(["--label", "gpt", "-T"])).to_lowercase();
    let name = |guid: Guid| {
        let line = list
            .lines()
            .find(|line| line.starts_with(&guid.to_string()));
        line.map(|line| line[36..].trim().to_owned())
            .unwrap_or_default()
    };
    let names: Vec<String> = [
        types::ESP,
        types::XBOOTLDR,
        types::BIOS_BOOT,
        types::ROOT_X86_64,
        types::ROOT_X86_64_VERITY,
        types::ROOT_X86_64_VERITY_SIG,
        types::ROOT_ARM64,
        types::ROOT_ARM64_VERITY,
        types::ROOT_ARM64_VERITY_SIG,
        types::LINUX_GENERIC,
        types::VAR,
        types::SRV,
        types::SWAP,
    ]
    .map(name)
    .to_vec();
    insta::assert_snapshot!(names.join("\n"), @r"
    efi system
    linux extended boot
    bios boot
    linux root (x86-64)
    linux root verity (x86-64)
    linux root verity sign. (x86-64)
    linux root (arm-64)
    linux root verity (arm-64)
    linux root verity sign. (arm-64)
    linux filesystem
    linux variable data
    linux server data
    linux swap
    ");
}

#[test]
fn what_makes_no_table_is_refused() {
    let refused = |len: u64, partitions: &[Partition]| {
        Layout::new(len, DISK, partitions).unwrap_err().to_string()
    };
    let next = |len| Extent::Next { len };
    let same = Partition {
        guid: DISK,
        ..generic(1, next(MIB))
    };
    let nil = partition(1, Guid::NIL, next(MIB));
    let named = |name: &str| Partition {
        name: name.to_owned(),
        ..generic(1, next(MIB))
    };
    let messages = [
        refused(MIB + 1, &[]),
        refused(66 * SECTOR, &[]),
        refused(2 * MIB + 32 * SECTOR, &[generic(1, next(MIB))]),
        refused(2 * MIB, &[generic(1, Extent::Rest)]),
        refused(9 * MIB, &[generic(1, next(0))]),
        refused(9 * MIB, &[generic(1, next(u64::MAX))]),
        refused(9 * MIB, &[generic(1, at(33, 9))]),
        refused(9 * MIB, &[generic(1, at(u64::MAX, 2))]),
        refused(9 * MIB, &[generic(1, at(1 << 62, 2))]),
        refused(9 * MIB, &[generic(1, Extent::Rest), generic(2, next(MIB))]),
        refused(
            9 * MIB,
            &[generic(1, at(4096, 9)), generic(2, at(4000, 97))],
        ),
        refused(9 * MIB, &[same]),
        refused(9 * MIB, &[nil]),
        refused(9 * MIB, &[named(&"x".repeat(37))]),
        refused(9 * MIB, &[named("a\0b")]),
    ];
    insta::assert_snapshot!(messages.join("\n"), @r"
    a disk of 1048577 bytes does not consist of whole sectors of 512 bytes
    a disk of 33792 bytes is too small: 34304 bytes are needed
    a disk of 2113536 bytes is too small: 2114048 bytes are needed
    a disk of 2097152 bytes is too small: 2114048 bytes are needed
    partition 1 is empty
    partition 1 lies outside of what partitions can have of a disk
    partition 1 lies outside of what partitions can have of a disk
    partition 1 lies outside of what partitions can have of a disk
    partition 1 lies outside of what partitions can have of a disk
    partition 2 lies outside of what partitions can have of a disk
    partitions 1 and 2 overlap
    the GUID 00112233-4455-6677-8899-aabbccddeeff of partition 1 is already in use on this disk
    partition 1 has a GUID or a type that is all zero
    partition 1 cannot be named `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`: a name has at most 36 characters and no NUL
    partition 1 cannot be named `a\0b`: a name has at most 36 characters and no NUL
    ");
}

#[test]
fn partitions_may_touch_both_tables_and_one_another() {
    let last = 9 * MIB / SECTOR - 33;
    let partitions = [generic(1, at(2000, last - 2000)), generic(2, at(34, 1966))];
    let layout = Layout::new(9 * MIB, DISK, &partitions).unwrap();
    let verdict = sfdisk(&["--verify"], &image(&layout));
    assert!(verdict.contains("No errors detected"), "{verdict}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_list_is_placed_without_overlap_or_refused(
        extents in proptest::collection::vec(
            prop_oneof![
                any::<u64>().prop_map(|len| Extent::Next { len }),
                (1_u64..40_000_000).prop_map(|len| Extent::Next { len }),
                Just(Extent::Rest),
                (any::<u64>(), any::<u64>()).prop_map(|(lba, n)| at(lba, n)),
                (0_u64..100_000, 0_u64..1000).prop_map(|(lba, n)| at(lba, n)),
            ],
            0..6,
        ),
        sectors in 0_u64..300_000,
    ) {
        let partitions: Vec<Partition> =
            extents.into_iter().zip(0..).map(|(extent, n)| generic(n, extent)).collect();
        if let Ok(layout) = Layout::new(sectors * SECTOR, DISK, &partitions) {
            let mut spans: Vec<(u64, u64)> =
                layout.partitions().iter().map(|p| (p.offset(), p.offset() + p.byte_len())).collect();
            spans.sort();
            prop_assert!(spans.iter().all(|(from, to)| from < to));
            prop_assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0));
            prop_assert!(spans.first().is_none_or(|span| span.0 >= layout.primary().len() as u64));
            prop_assert!(spans.last().is_none_or(|span| span.1 <= layout.backup_offset()));
        }
    }
}

/// A disk in memory, and its layout.
fn written_disk() -> (Vec<u8>, Layout) {
    let layout = Layout::new(64 * MIB, DISK, &host_disk()).unwrap();
    (std::fs::read(image(&layout).path()).unwrap(), layout)
}

#[test]
fn what_we_write_reads_back() {
    let (disk, layout) = written_disk();
    let found = gpt::read(&disk).unwrap();
    let expected: Vec<(Guid, Guid, u64, u64)> = layout
        .partitions()
        .iter()
        .map(|placed| {
            let partition = &placed.partition;
            (
                partition.kind,
                partition.guid,
                placed.offset(),
                placed.byte_len(),
            )
        })
        .collect();
    let found: Vec<_> = found
        .iter()
        .map(|found| (found.kind, found.guid, found.offset, found.len))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_table_that_was_changed_is_refused() {
    let (disk, _) = written_disk();
    let changed = |at: usize, byte: u8| {
        let mut disk = disk.clone();
        disk[at] = byte;
        gpt::read(&disk).unwrap_err().to_string()
    };
    assert_eq!(
        changed(512, b'X'),
        "the disk has no good partition table: it does not begin with `EFI PART`"
    );
    assert_eq!(
        changed(1024 + 40, 0x5a),
        "the disk has no good partition table: the checksum of its entries is wrong"
    );
    assert_eq!(
        changed(512 + 87, 0xff),
        "the disk has no good partition table: its entries have a strange size"
    );
    let short = disk[..10_000].to_vec();
    let error = gpt::read(&short).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the partition table");
    let cut = disk[..1 << 20].to_vec();
    assert_eq!(
        gpt::read(&cut).unwrap_err().to_string(),
        "the disk has no good partition table: a partition lies outside of the disk"
    );
}
