//! Reading: which sections an image has, and where.

use std::io::{Read, Seek};

use bedplate_types::Arch;

use crate::input::Input;
use crate::pe::PeError;
use crate::pe::headers::{Headers, SectionHeader};

/// A section of an image, as the stub sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Name, such as `.cmdline`; bytes that are not printable ASCII are escaped.
    pub name: String,
    /// Where its content begins, in bytes from the beginning of the file; 0 if it has none there.
    pub offset: u64,
    /// Length of its content in the file, in bytes, without the padding behind it.
    pub len: u64,
}

impl From<&SectionHeader> for Section {
    fn from(header: &SectionHeader) -> Self {
        let len = match header.virtual_size {
            0 => header.raw_size,
            size => size.min(header.raw_size),
        };
        let offset = match len {
            0 => 0,
            _ => header.raw_offset,
        };
        Self {
            name: header.name(),
            offset: offset.into(),
            len: len.into(),
        }
    }
}

/// All sections of a PE image, those of the stub too, in the order of the section table. Each lies
/// within the file. Names may occur several times, in images with profiles.
pub fn sections<R: Read + Seek>(image: R) -> Result<Vec<Section>, PeError> {
    let headers = Headers::read(&mut Input::new(image)?)?;
    Ok(headers.sections.iter().map(Section::from).collect())
}

/// The architecture of a stub or an image ("PE Format", "Machine Types"), of which the first 64 KiB
/// are enough. `None` if no host can be built for it.
pub fn arch(image: &[u8]) -> Result<Option<Arch>, PeError> {
    Ok(match Headers::parse(image)?.machine() {
        0x8664 => Some(Arch::Amd64),
        0xaa64 => Some(Arch::Arm64),
        0x5064 => Some(Arch::Riscv64),
        _ => None,
    })
}
