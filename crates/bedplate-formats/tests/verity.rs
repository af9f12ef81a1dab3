//! dm-verity: our hash devices are those of veritysetup, byte for byte.
#![allow(clippy::unwrap_used, reason = "this is a test, its helpers too")]

use std::io::Write as _;
use std::path::Path;

use bedplate_formats::guid::Guid;
use bedplate_formats::verity::{self, BLOCK, HashDevice, Hasher, Params, VerityError};
use bedplate_sys::tool::{Tool, ToolError};

const UUID: &str = "00112233-4455-6677-8899-aabbccddeeff";

fn params(salt: &[u8]) -> Params {
    Params {
        salt: salt.to_vec(),
        uuid: UUID.parse().unwrap(),
    }
}

/// Data of which no two blocks are equal.
fn data(blocks: u64) -> Vec<u8> {
    let block = |index: u64| index.to_le_bytes().repeat(BLOCK as usize / 8);
    (0..blocks).flat_map(block).collect()
}

fn device_bytes(device: &HashDevice) -> Vec<u8> {
    let mut bytes = Vec::new();
    device.write(&mut bytes).unwrap();
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn veritysetup(action: &str) -> Tool {
    Tool::new("veritysetup", "cryptsetup-bin")
        .env("LC_ALL", "C")
        .arg(action)
}

/// The hash device and the root hash that veritysetup makes.
fn judged(directory: &Path, data: &[u8], salt: &[u8]) -> (Vec<u8>, String) {
    let (data_file, hash_file) = (directory.join("data"), directory.join("hash"));
    std::fs::write(&data_file, data).unwrap();
    let salt = if salt.is_empty() {
        "-".to_owned()
    } else {
        hex(salt)
    };
    let text = veritysetup("format")
        .args(["--uuid", UUID, "--salt", &salt])
        .args([&data_file, &hash_file])
        .output()
        .unwrap();
    let text = String::from_utf8(text).unwrap();
    let root = text
        .lines()
        .find_map(|line| line.strip_prefix("Root hash:"));
    let bytes = std::fs::read(&hash_file).unwrap();
    (bytes, root.unwrap().trim().to_owned())
}

#[test]
fn hash_devices_are_those_of_veritysetup() {
    let salts: [&[u8]; 4] = [b"", b"\x00", &[0x5a; 32], &[0xff; 256]];
    let sizes = [1, 2, 127, 128, 129, 256, 128 * 128, 128 * 128 + 1];
    for (index, blocks) in sizes.into_iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        let (data, salt) = (data(blocks), salts[index % salts.len()]);
        let (bytes, root) = judged(directory.path(), &data, salt);
        let ours = verity::format(data.as_slice(), params(salt)).unwrap();
        assert_eq!(ours.root_hash().to_string(), root, "{blocks} blocks");
        assert!(device_bytes(&ours) == bytes, "{blocks} blocks");
        assert_eq!(ours.byte_len(), bytes.len() as u64);
        assert_eq!(verity::hash_len(data.len() as u64), bytes.len() as u64);
    }
}

#[test]
fn veritysetup_verifies_ours_and_sees_a_changed_byte() {
    let directory = tempfile::tempdir().unwrap();
    let (data_file, hash_file) = (directory.path().join("data"), directory.path().join("hash"));
    let mut data = data(300);
    let device = verity::format(data.as_slice(), params(&[7; 32])).unwrap();
    std::fs::write(&hash_file, device_bytes(&device)).unwrap();
    let verify = |data: &[u8]| {
        std::fs::write(&data_file, data).unwrap();
        veritysetup("verify")
            .args([&data_file, &hash_file])
            .arg(device.root_hash().to_string())
            .output()
    };
    verify(&data).unwrap();
    data[200 * BLOCK as usize + 17] ^= 1;
    assert!(matches!(verify(&data), Err(ToolError::Failed { .. })));
}

#[test]
fn how_data_arrives_does_not_show() {
    let data = data(130);
    let whole = verity::format(data.as_slice(), params(b"salt")).unwrap();
    for step in [1, 7, 4095, 4096, 4097, 10_000] {
        let mut hasher = Hasher::new(params(b"salt")).unwrap();
        for piece in data.chunks(step) {
            hasher.write_all(piece).unwrap();
        }
        let device = hasher.finish().unwrap();
        assert_eq!(device_bytes(&device), device_bytes(&whole), "{step}");
        assert_eq!(device.root_hash(), whole.root_hash());
    }
}

#[test]
fn the_halves_of_the_root_hash_name_the_partitions() {
    let device = verity::format(data(2).as_slice(), params(b"")).unwrap();
    let (data, hashes) = device.root_hash().partition_guids();
    let text = format!("{data}{hashes}").replace('-', "");
    assert_eq!(text, device.root_hash().to_string());
    assert_ne!(data, Guid::NIL);
}

#[test]
fn bad_input_is_refused() {
    let empty = verity::format([].as_slice(), params(b""));
    assert!(matches!(empty, Err(VerityError::Empty)));
    let partial = verity::format([0; 4097].as_slice(), params(b""));
    assert!(matches!(partial, Err(VerityError::PartialBlock(4097))));
    let salt = Hasher::new(params(&[0; 257]));
    assert!(matches!(salt, Err(VerityError::Salt(257))));
}
