//! A stub small enough to look at, and images made with it.

use bedplate_formats::pe::uki::{Source, Uki, write};

/// Length of what each section of [`stub`] holds, in bytes.
const SECTION: u32 = 512;

/// An EFI application for x86-64 of `names`, 512 bytes each, with headers of `header_len` bytes. It
/// cannot be run.
pub fn stub(names: &[&str], header_len: u32) -> Vec<u8> {
    let count = names.len() as u32;
    let mut file = vec![0; 64];
    file[..2].copy_from_slice(b"MZ");
    file[60] = 64;
    file.extend_from_slice(b"PE\0\0\x64\x86");
    file.extend_from_slice(&[names.len() as u8, 0]);
    for number in [0x6543_2100_u32, header_len + count * SECTION, 1] {
        file.extend_from_slice(&number.to_le_bytes());
    }
    file.extend_from_slice(&[240, 0, 0x06, 0x02]);
    let mut optional = vec![0; 240];
    let fields = [
        (0, 0x020b),
        (4, count * SECTION),
        (16, 0x1000),
        (32, 0x200),
        (36, 0x200),
        (56, 0x1000 * count + SECTION),
        (60, header_len),
        (64, 0xdead_beef),
        (68, 10),
        (108, 16),
    ];
    for (at, value) in fields {
        optional[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    file.extend(optional);
    for (index, name) in (0..).zip(names) {
        let mut header = [0; 40];
        header[..name.len()].copy_from_slice(name.as_bytes());
        let numbers = [
            (8, SECTION),
            (12, 0x1000 * (index + 1)),
            (16, SECTION),
            (20, header_len + index * SECTION),
            (36, 0x6000_0020),
        ];
        for (at, value) in numbers {
            header[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        }
        file.extend_from_slice(&header);
    }
    file.resize(header_len as usize, 0);
    for index in 0..names.len() {
        file.extend_from_slice(&[b'A' + index as u8; SECTION as usize]);
    }
    file.extend_from_slice(b"symbols that images should not have");
    file
}

/// What goes into an image, all of it in memory.
#[derive(Clone)]
pub struct Parts {
    pub stub: Vec<u8>,
    pub cmdline: Vec<u8>,
    pub initrd: Vec<u8>,
    pub linux: Vec<u8>,
}

pub const OSREL: &[u8] = b"ID=bedplate\nPRETTY_NAME=\"Bedplate\"\n";
pub const UNAME: &[u8] = b"6.1.0-test";

impl Parts {
    pub fn new(stub: Vec<u8>) -> Self {
        Self {
            stub,
            cmdline: b"console=ttyS0 quiet".to_vec(),
            initrd: (0..70_001_u32).map(|number| (number % 251) as u8).collect(),
            linux: vec![0xcc; 20_000],
        }
    }

    pub fn uki(&self) -> Uki<'_> {
        Uki {
            stub: &self.stub,
            osrel: Some(Source::Bytes(OSREL)),
            cmdline: Some(Source::Bytes(&self.cmdline)),
            uname: Some(Source::Bytes(UNAME)),
            splash: None,
            initrd: Some(Source::Bytes(&self.initrd)),
            ucode: None,
            linux: Source::Bytes(&self.linux),
        }
    }

    pub fn image(&self) -> Vec<u8> {
        write(self.uki(), Vec::new()).unwrap()
    }

    pub fn with_cmdline(&self, cmdline: &[u8]) -> Self {
        Self {
            cmdline: cmdline.to_vec(),
            ..self.clone()
        }
    }
}
