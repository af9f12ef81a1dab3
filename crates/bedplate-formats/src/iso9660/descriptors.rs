//! Volume descriptors and the boot catalogue, a block each.

use super::record::{Extent, Target, Time, both16, both32, record};
use super::{BLOCK, SYSTEM_AREA};

/// The platforms of El Torito that there are here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Platform {
    Bios = 0,
    Efi = 0xef,
}

/// What a platform boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Boot {
    pub(super) platform: Platform,
    pub(super) block: u32,
    /// How many sectors of 512 bytes are loaded. UEFI takes 0 for all up to the end of the volume.
    pub(super) sectors: u16,
}

/// What the primary descriptor says.
pub(super) struct Primary<'a> {
    pub(super) label: [u8; 32],
    pub(super) blocks: u32,
    /// Length of a path table in bytes, and the first blocks of the two.
    pub(super) path_table: (u32, [u32; 2]),
    pub(super) root: Extent,
    pub(super) time: &'a Time,
}

struct Block(Vec<u8>);

impl Block {
    fn new() -> Self {
        Self(vec![0; BLOCK as usize])
    }

    fn descriptor(kind: u8) -> Self {
        Self::new().put(0, &[kind]).put(1, b"CD001\x01")
    }

    fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }
}

/// The primary descriptor (ECMA-119, 8.4).
pub(super) fn primary(volume: &Primary<'_>) -> Vec<u8> {
    let (table_len, [little, big]) = volume.path_table;
    let root = record(&[0], Target::Directory(volume.root), volume.time);
    let time = volume.time.long();
    let mut never = [b'0'; 17];
    never[16] = 0;
    Block::descriptor(1)
        .put(8, &[b' '; 32])
        .put(40, &volume.label)
        .put(80, &both32(volume.blocks))
        .put(120, &both16(1))
        .put(124, &both16(1))
        .put(128, &both16(BLOCK as u16))
        .put(132, &both32(table_len))
        .put(140, &little.to_le_bytes())
        .put(148, &big.to_be_bytes())
        .put(156, &root)
        .put(190, &[b' '; 623])
        .put(574, b"BEDPLATE")
        .put(813, &time)
        .put(830, &time)
        .put(847, &never)
        .put(864, &never)
        .put(881, &[1])
        .0
}

/// The boot record, which leads to the catalogue (El Torito, figure 7).
pub(super) fn boot_record(catalogue: u32) -> Vec<u8> {
    Block::descriptor(0)
        .put(7, b"EL TORITO SPECIFICATION")
        .put(71, &catalogue.to_le_bytes())
        .0
}

/// The end of the descriptors (ECMA-119, 8.3).
pub(super) fn terminator() -> Vec<u8> {
    Block::descriptor(255).0
}

/// The catalogue: what boots first is its default entry, anything else has a section of its own (El
/// Torito, figures 2 to 5).
pub(super) fn catalogue(boots: &[Boot]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, boot) in boots.iter().enumerate() {
        let is_last = index + 1 == boots.len();
        match index {
            0 => bytes.extend(validation(boot.platform)),
            _ => {
                let more = if is_last { 0x91 } else { 0x90 };
                bytes.extend([more, boot.platform as u8, 1, 0]);
                bytes.extend([0; 28]);
            }
        }
        bytes.extend([0x88, 0, 0, 0, 0, 0]);
        bytes.extend(boot.sectors.to_le_bytes());
        bytes.extend(boot.block.to_le_bytes());
        bytes.extend([0; 20]);
    }
    Block::new().put(0, &bytes).0
}

/// Its 16-bit words add up to zero.
fn validation(platform: Platform) -> [u8; 32] {
    let mut entry = [0; 32];
    entry[0] = 1;
    entry[1] = platform as u8;
    entry[30..].copy_from_slice(&[0x55, 0xaa]);
    let words = entry
        .chunks_exact(2)
        .map(|word| u16::from_le_bytes([word[0], word[1]]));
    let sum = words.fold(0_u16, u16::wrapping_add);
    entry[28..30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
    entry
}

/// The block of the first descriptor after the primary one.
pub(super) const SECOND: u32 = SYSTEM_AREA + 1;
