//! Decompression: every kind, several members in a row, garbage, truncation and bombs.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

use std::io::{Read, Write};

use bedplate_formats::compression::{
    Compression, Limits, TooLarge, decoder, detect, detect_in, limited_decoder, limited_single,
};

const KINDS: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::Xz];

fn compressed(kind: Compression, data: &[u8]) -> Vec<u8> {
    match kind {
        Compression::None => data.to_vec(),
        Compression::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(data, 3).unwrap(),
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
    }
}

fn decompressed(kind: Compression, data: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    decoder(kind, data)?.read_to_end(&mut out)?;
    Ok(out)
}

#[test]
fn kinds_are_told_by_their_first_bytes() {
    for kind in KINDS {
        let bytes = compressed(kind, b"data");
        assert_eq!(detect(&bytes), kind);
        assert_eq!(detect_in(&mut &bytes[..]).unwrap(), kind);
        assert_eq!(detect(&bytes[..1]), Compression::None);
    }
    assert_eq!(detect(b""), Compression::None);
    assert_eq!(detect(&[0x5a, 0x2a, 0x4d, 0x18]), Compression::Zstd);
}

#[test]
fn several_members_in_a_row_are_one_stream() {
    for kind in KINDS {
        let bytes = [
            compressed(kind, b"one "),
            compressed(kind, b""),
            compressed(kind, b"two"),
        ]
        .concat();
        assert_eq!(decompressed(kind, &bytes).unwrap(), b"one two", "{kind:?}");
    }
}

#[test]
fn garbage_at_the_end_and_an_end_in_the_middle_are_errors() {
    let data: Vec<u8> = (0..100_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    for kind in KINDS {
        let good = compressed(kind, &data);
        assert_eq!(decompressed(kind, &good).unwrap(), data);
        assert!(
            decompressed(kind, &[&good[..], b"garbage"].concat()).is_err(),
            "{kind:?}"
        );
        for len in [3, good.len() / 2, good.len() - 1] {
            assert!(decompressed(kind, &good[..len]).is_err(), "{kind:?} {len}");
        }
        let mut flipped = good;
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x55;
        let result = decompressed(kind, &flipped);
        // zstd has a checksum only if its writer asked for one.
        assert!(result.is_err() || kind == Compression::Zstd, "{kind:?}");
    }
}

#[test]
fn bombs_are_stopped() {
    let zeros = vec![0; 40 << 20];
    for kind in KINDS {
        let bomb = compressed(kind, &zeros);
        let run = |limits| {
            let mut reader = limited_decoder(kind, &bomb[..], limits).unwrap();
            let result = std::io::copy(&mut reader, &mut std::io::sink());
            (
                result.map_err(|error| TooLarge::of(&error).copied()),
                reader.produced(),
            )
        };
        let (result, produced) = run(Limits {
            output: 1 << 20,
            ratio: u64::MAX,
        });
        assert_eq!(
            result,
            Err(Some(TooLarge::Output { limit: 1 << 20 })),
            "{kind:?}"
        );
        assert!(produced < 2 << 20, "{produced}");
        let (result, produced) = run(Limits {
            output: u64::MAX,
            ratio: 5,
        });
        assert_eq!(result, Err(Some(TooLarge::Ratio { limit: 5 })), "{kind:?}");
        assert!(produced < 18 << 20, "{produced}");
        let (result, _) = run(Limits {
            output: 40 << 20,
            ratio: u64::MAX,
        });
        assert_eq!(result, Ok(40 << 20), "{kind:?}");
    }
}

#[test]
fn what_was_taken_and_given_is_counted() {
    let bytes = compressed(Compression::Gzip, &[7; 5000]);
    let mut reader = limited_decoder(Compression::Gzip, &bytes[..], Limits::default()).unwrap();
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    assert_eq!(
        (reader.consumed(), reader.produced()),
        (bytes.len() as u64, 5000)
    );
}

#[test]
fn one_member_ends_where_the_next_begins() {
    let text = b"the first of them ".repeat(500);
    for kind in KINDS {
        let member = compressed(kind, &text);
        for next in [&b"\x00\x00070701"[..], &member, b""] {
            let row = [&member[..], next].concat();
            let mut single = limited_single(kind, &row[..], Limits::default()).unwrap();
            let mut out = Vec::new();
            single.read_to_end(&mut out).unwrap();
            assert!(out == text, "{kind:?}");
            assert_eq!(single.consumed(), member.len() as u64, "{kind:?}");
        }
    }
}
