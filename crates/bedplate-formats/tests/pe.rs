//! Unified Kernel Images by themselves: with a stub that is made here, and no tools.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

#[path = "common/pe.rs"]
mod images;

use std::io::{Cursor, Write as _};

use bedplate_formats::content::InlineOnly;
use bedplate_formats::pe::uki::{Source, UkiError, arch, sections, with_cmdline, write};
use bedplate_formats::pe::{PeError, authenticode};
use bedplate_tree::Content;
use bedplate_types::Arch;
use images::{OSREL, Parts, UNAME, stub};
use proptest::prelude::*;
use sha2::Digest as _;

fn small() -> Parts {
    Parts::new(stub(&[".text", ".sbat"], 1024))
}

fn listing(image: &[u8]) -> String {
    let sections = sections(Cursor::new(image)).unwrap();
    let line = |section: &bedplate_formats::pe::uki::Section| {
        format!("{} {} {}\n", section.name, section.offset, section.len)
    };
    sections.iter().map(line).collect()
}

/// What a section holds.
fn content<'a>(image: &'a [u8], name: &str) -> &'a [u8] {
    let sections = sections(Cursor::new(image)).unwrap();
    let section = sections.iter().find(|section| section.name == name);
    let section = section.unwrap();
    &image[section.offset as usize..][..section.len as usize]
}

#[test]
fn sections_follow_the_stub_and_read_back() {
    let parts = small();
    let image = parts.image();
    insta::assert_snapshot!(listing(&image), @r"
    .text 1024 512
    .sbat 1536 512
    .osrel 2048 35
    .cmdline 2560 19
    .uname 3072 10
    .initrd 3584 70001
    .linux 73728 20000
    ");
    assert_eq!(image.len(), 73728 + 20480);
    assert_eq!(content(&image, ".osrel"), OSREL);
    assert_eq!(content(&image, ".uname"), UNAME);
    assert_eq!(content(&image, ".initrd"), parts.initrd);
    assert_eq!(content(&image, ".linux"), parts.linux);
    assert_eq!(content(&image, ".sbat"), [b'B'; 512]);
    assert_eq!(arch(&image).unwrap(), Some(Arch::Amd64));
}

#[test]
fn bytes_of_an_image_stay_the_same() {
    let digest = sha2::Sha256::digest(small().image());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    insta::assert_snapshot!(hex, @"3dacbd2b2d4983b6fe552a4eed17c2be94c6e68344304bd50ed5a21361f71b06");
}

#[test]
fn headers_grow_where_more_sections_need_it() {
    let names = [
        ".a", ".b", ".c", ".d", ".e", ".f", ".g", ".h", ".i", ".j", ".k", ".l", ".m", ".n",
    ];
    let image = Parts::new(stub(&names, 1024)).image();
    let moved = listing(&image);
    assert!(moved.starts_with(".a 1536 512\n"), "{moved}");
    for (name, byte) in names.iter().zip(b'A'..) {
        assert_eq!(content(&image, name), [byte; 512]);
    }
    assert_eq!(content(&image, ".osrel"), OSREL);
}

#[test]
fn headers_do_not_grow_into_a_section_or_over_other_data() {
    let no_room = |stub| {
        let result = write(Parts::new(stub).uki(), Vec::new());
        matches!(result, Err(UkiError::NoRoom(5)))
    };
    // 4096 bytes of headers, of which the first section begins at 4096 in memory.
    let many: Vec<&str> = vec![".x"; 90];
    assert!(no_room(stub(&many, 4096)));
    let mut other = stub(&[".text"], 1024);
    other[1000] = 1;
    assert!(no_room(other));
}

#[test]
fn content_comes_from_readers_and_trees() {
    let parts = small();
    let initrd = Content::inline(parts.initrd.clone());
    let mut linux = &parts.linux[..];
    let mut uki = parts.uki();
    uki.initrd = Some(Source::Content {
        content: &initrd,
        contents: &InlineOnly,
    });
    uki.linux = Source::Reader {
        len: 20_000,
        reader: &mut linux,
    };
    assert_eq!(write(uki, Vec::new()).unwrap(), parts.image());
}

#[test]
fn a_stub_that_knows_microcode_gets_it_before_the_kernel() {
    let mut parts = small();
    parts.stub[1024..1031].copy_from_slice(b".ucode\0");
    let mut uki = parts.uki();
    uki.splash = Some(Source::Bytes(b"BM"));
    uki.ucode = Some(Source::Bytes(b"070701"));
    let image = write(uki, Vec::new()).unwrap();
    let names: Vec<_> = sections(Cursor::new(&image)).unwrap();
    let names: Vec<_> = names.iter().map(|section| &section.name[..]).collect();
    let added = [
        ".osrel", ".cmdline", ".uname", ".splash", ".initrd", ".ucode", ".linux",
    ];
    assert_eq!(names[2..], added);
    assert_eq!(content(&image, ".ucode"), b"070701");
}

#[test]
fn a_reader_must_give_what_it_promised() {
    let parts = small();
    for len in [19_999, 20_001] {
        let mut linux = &parts.linux[..];
        let mut uki = parts.uki();
        uki.linux = Source::Reader {
            len,
            reader: &mut linux,
        };
        let error = write(uki, Vec::new()).unwrap_err();
        assert!(
            matches!(
                error,
                UkiError::Io {
                    section: ".linux",
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn nothing_is_written_of_what_cannot_become_an_image() {
    let refusal = |change: fn(&mut bedplate_formats::pe::uki::Uki<'_>)| {
        let parts = small();
        let mut uki = parts.uki();
        change(&mut uki);
        let mut out = Vec::new();
        let error = write(uki, &mut out).unwrap_err();
        assert!(out.is_empty());
        error.to_string() + "\n"
    };
    let refusals = [
        refusal(|uki| uki.cmdline = Some(Source::Bytes(b""))),
        refusal(|uki| uki.ucode = Some(Source::Bytes(b"microcode"))),
        refusal(|uki| uki.stub = b"#!/bin/sh"),
        refusal(|uki| uki.stub = &uki.stub[..1200]),
        refusal(|uki| {
            uki.initrd = Some(Source::Reader {
                len: 3 << 30,
                reader: Box::leak(Box::new(std::io::empty())),
            });
        }),
        write(Parts::new(small().image()).uki(), Vec::new())
            .unwrap_err()
            .to_string(),
    ];
    insta::assert_snapshot!(refusals.concat(), @r"
    section `.cmdline` would be empty: leave it out
    the stub is too old for a section `.ucode` and would ignore it
    this is no PE image: it does not begin with `MZ`
    the PE image is cut off: section `.text` lies outside of the file
    the PE image would be larger than 2 GiB, the most that its format allows
    the stub has a section `.osrel` already, so it is no stub
    ");
}

#[test]
fn another_command_line_gives_the_image_that_it_would_have_been() {
    let lengths = [1, 511, 512, 513, 4096, 4097, 20_000];
    let lines = lengths.map(|len| small().with_cmdline(&vec![b'c'; len]));
    for from in &lines {
        let image = from.image();
        for to in &lines {
            let changed = with_cmdline(Cursor::new(&image), &to.cmdline, Vec::new()).unwrap();
            assert!(changed == to.image());
        }
    }
}

#[test]
fn padding_that_no_section_has_is_not_multiplied() {
    let parts = small();
    let mut image = parts.image();
    // SizeOfRawData of `.cmdline`, the fourth section: some tools do not round it up.
    let raw_size = 64 + 24 + 240 + 3 * 40 + 16;
    image[raw_size..raw_size + 2].copy_from_slice(&19_u16.to_le_bytes());
    let changed = with_cmdline(Cursor::new(&image), &[b'c'; 600], Vec::new()).unwrap();
    let expected = parts.with_cmdline(&[b'c'; 600]).image();
    assert_eq!(listing(&changed), listing(&expected));
    assert_eq!(changed.len(), expected.len());
}

#[test]
fn what_code_may_refer_to_is_not_moved_for_a_command_line() {
    let image = stub(&[".text", ".cmdline", ".data"], 1024);
    let change = |len| with_cmdline(Cursor::new(&image), &vec![b'c'; len], Vec::new());
    let error = change(4097).unwrap_err();
    assert!(matches!(error, UkiError::Crowded(name) if name == ".data"));
    let changed = change(4096).unwrap();
    assert_eq!(content(&changed, ".cmdline"), [b'c'; 4096]);
    assert_eq!(content(&changed, ".data"), [b'C'; 512]);
}

#[test]
fn images_without_one_command_line_are_refused() {
    let change = |names: &[&str]| {
        let image = stub(names, 1024);
        with_cmdline(Cursor::new(&image), b"quiet", Vec::new()).unwrap_err()
    };
    assert!(matches!(change(&[".text"]), UkiError::NoCmdline));
    assert!(matches!(
        change(&[".cmdline", ".profile", ".cmdline"]),
        UkiError::SeveralCmdlines(2)
    ));
}

#[test]
fn the_digest_covers_all_but_the_check_sum_and_the_signatures() {
    let image = small().image();
    let before = authenticode::digest(&image[..]).unwrap();
    let signed = authenticode::attach(Cursor::new(&image), b"\x30\x01\x00", Vec::new()).unwrap();
    let twice = authenticode::attach(Cursor::new(&signed), b"\x30\x02\x00\x00", Vec::new());
    assert_eq!(authenticode::digest(&twice.unwrap()[..]).unwrap(), before);
    let covered = |at: usize| {
        let mut other = image.clone();
        other[at] ^= 1;
        authenticode::digest(&other[..]).unwrap() != before
    };
    let check_sum = 64 + 24 + 64;
    assert!(!(check_sum..check_sum + 4).any(covered));
    assert!(
        [
            2,
            check_sum - 24,
            check_sum + 4,
            2047,
            5000,
            image.len() - 1
        ]
        .map(covered)
            == [true; 6]
    );
}

#[test]
fn the_digest_does_not_depend_on_how_the_image_is_written() {
    let mut parts = small();
    parts.linux = vec![7; 200_000];
    let mut image = parts.image();
    image.extend_from_slice(b"five!");
    let whole = authenticode::digest(&image[..]).unwrap();
    for size in [1000, 65_536, 70_000] {
        let mut digester = authenticode::Digester::new();
        for piece in image.chunks(size) {
            digester.write_all(piece).unwrap();
        }
        assert_eq!(digester.finish().unwrap(), whole);
    }
}

#[test]
fn images_whose_signature_would_be_ambiguous_are_refused() {
    // PointerToRawData of the second section, in units of 256 bytes.
    let raw_offset = 64 + 24 + 240 + 40 + 20 + 1;
    let refusal = |value| {
        let mut image = small().image();
        image[raw_offset] = value;
        authenticode::digest(&image[..]).unwrap_err()
    };
    assert!(matches!(refusal(4), PeError::Malformed(_)));
    assert!(matches!(refusal(8), PeError::Gap(name) if name == ".sbat"));
    let pem = authenticode::attach(Cursor::new(small().image()), b"-----BEGIN", Vec::new());
    assert!(matches!(pem, Err(PeError::NotPkcs7)));
}

#[test]
fn an_image_that_is_cut_off_anywhere_is_refused() {
    let image = small().image();
    for len in (0..2600).chain([image.len() - 1]) {
        let cut = &image[..len];
        assert!(sections(Cursor::new(cut)).is_err(), "{len}");
        assert!(authenticode::digest(cut).is_err(), "{len}");
        assert!(with_cmdline(Cursor::new(cut), b"quiet", Vec::new()).is_err());
    }
}

proptest! {
    #[test]
    fn damaged_headers_never_panic(changes in prop::collection::vec((60..800_usize, any::<u8>()), 1..6)) {
        let mut image = small().image();
        for (at, byte) in changes {
            image[at] = byte;
        }
        if let Ok(sections) = sections(Cursor::new(&image)) {
            for section in sections {
                prop_assert!(section.offset + section.len <= image.len() as u64);
            }
        }
        if let Ok(changed) = with_cmdline(Cursor::new(&image), &[b'c'; 5000], Vec::new()) {
            prop_assert!(content(&changed, ".cmdline") == [b'c'; 5000]);
        }
        let digest = authenticode::digest(&image[..]);
        if let Ok(signed) = authenticode::attach(Cursor::new(&image), b"\x30\x00", Vec::new()) {
            prop_assert_eq!(authenticode::digest(&signed[..]).unwrap(), digest.unwrap());
        }
        let _ = write(Parts::new(image).uki(), Vec::new());
    }
}
