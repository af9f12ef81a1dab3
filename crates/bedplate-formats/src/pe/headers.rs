//! All headers of an image: parsed, changed, and put back.

use std::io::{Read, Seek};

use super::PeError;
use crate::input::Input;

/// So much of a file is looked at for its headers. Firmware and tools write 512 to 4096 bytes.
pub(super) const HEADERS_MAX: usize = 64 << 10;
pub(super) const SECTION_HEADER_LEN: usize = 40;
/// Index of the certificate table among the data directories.
const CERTIFICATES: u32 = 4;
const EFI_APPLICATION: u16 = 10;

/// Offsets in the optional header, the same in PE32 and PE32+.
pub(super) mod field {
    pub(in crate::pe) const SIZE_OF_CODE: usize = 4;
    pub(in crate::pe) const SIZE_OF_INITIALIZED_DATA: usize = 8;
    pub(in crate::pe) const SECTION_ALIGNMENT: usize = 32;
    pub(in crate::pe) const FILE_ALIGNMENT: usize = 36;
    pub(in crate::pe) const SIZE_OF_IMAGE: usize = 56;
    pub(in crate::pe) const SIZE_OF_HEADERS: usize = 60;
    pub(in crate::pe) const CHECK_SUM: usize = 64;
    pub(in crate::pe) const SUBSYSTEM: usize = 68;
}

pub(super) struct Headers {
    /// From the beginning of the file, `SizeOfHeaders` bytes.
    bytes: Vec<u8>,
    coff: usize,
    optional: usize,
    directories: usize,
    directory_count: u32,
    table: usize,
    pub(super) sections: Vec<SectionHeader>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SectionHeader {
    pub(super) name: [u8; 8],
    pub(super) virtual_size: u32,
    pub(super) virtual_address: u32,
    pub(super) raw_size: u32,
    pub(super) raw_offset: u32,
    /// Relocations and line numbers: of object files only.
    pub(super) unused: [u8; 12],
    pub(super) characteristics: u32,
}

impl SectionHeader {
    fn parse(bytes: &[u8]) -> Self {
        Self {
            name: bytes[..8].try_into().expect("eight bytes"),
            virtual_size: u32_at(bytes, 8),
            virtual_address: u32_at(bytes, 12),
            raw_size: u32_at(bytes, 16),
            raw_offset: u32_at(bytes, 20),
            unused: bytes[24..36].try_into().expect("twelve bytes"),
            characteristics: u32_at(bytes, 36),
        }
    }

    fn render(&self, bytes: &mut [u8]) {
        bytes[..8].copy_from_slice(&self.name);
        put(bytes, 8, self.virtual_size);
        put(bytes, 12, self.virtual_address);
        put(bytes, 16, self.raw_size);
        put(bytes, 20, self.raw_offset);
        bytes[24..36].copy_from_slice(&self.unused);
        put(bytes, 36, self.characteristics);
    }

    /// The name without its NULs.
    pub(super) fn name(&self) -> String {
        let end = self.name.iter().position(|&byte| byte == 0).unwrap_or(8);
        self.name[..end].escape_ascii().to_string()
    }

    /// Where its bytes end in the file. Without any they end nowhere.
    pub(super) fn raw_end(&self) -> u64 {
        match self.raw_size {
            0 => 0,
            size => u64::from(self.raw_offset) + u64::from(size),
        }
    }

    /// Where it ends in memory.
    pub(super) fn virtual_end(&self) -> u64 {
        let size = match self.virtual_size {
            0 => self.raw_size,
            size => size,
        };
        u64::from(self.virtual_address) + u64::from(size)
    }
}

impl Headers {
    /// Parses the beginning of a file, of which [`HEADERS_MAX`] bytes are enough.
    pub(super) fn parse(file: &[u8]) -> Result<Self, PeError> {
        if !file.starts_with(b"MZ") {
            return Err(PeError::NotPe("it does not begin with `MZ`"));
        }
        let not_pe = || PeError::NotPe("its PE signature is missing");
        let signature = u32_at(file.get(..64).ok_or_else(not_pe)?, 60) as usize;
        let coff = signature.checked_add(4).ok_or_else(not_pe)?;
        if file.get(signature..coff) != Some(b"PE\0\0") {
            return Err(not_pe());
        }
        let cut = |what: &str| PeError::Truncated(what.to_owned());
        let coff_header = file.get(coff..coff + 20).ok_or_else(|| cut("a header"))?;
        let optional = coff + 20;
        let table = optional + usize::from(u16_at(coff_header, 16));
        let header = file.get(optional..table).ok_or_else(|| cut("a header"))?;
        let directories_at = match header.get(..2) {
            Some([0x0b, 0x01]) => 96,
            Some([0x0b, 0x02]) => 112,
            _ => return Err(PeError::NotPe("its optional header is of an unknown kind")),
        };
        if header.len() < directories_at {
            return Err(PeError::Malformed("its optional header is too short"));
        }
        let room = (header.len() - directories_at) / 8;
        let directory_count = u32_at(header, directories_at - 4);
        if directory_count as usize > room {
            return Err(PeError::Malformed("its optional header is too short"));
        }
        let len = u32_at(header, field::SIZE_OF_HEADERS) as usize;
        if len > HEADERS_MAX {
            return Err(PeError::Malformed("SizeOfHeaders is more than 64 KiB"));
        }
        let bytes = file.get(..len).ok_or_else(|| cut("a header"))?;
        let count = usize::from(u16_at(coff_header, 2));
        let entries = bytes
            .get(table..table + count * SECTION_HEADER_LEN)
            .ok_or(PeError::Malformed("SizeOfHeaders is less than its headers"))?;
        let headers = Self {
            bytes: bytes.to_vec(),
            coff,
            optional,
            directories: optional + directories_at,
            directory_count,
            table,
            sections: entries
                .chunks_exact(SECTION_HEADER_LEN)
                .map(SectionHeader::parse)
                .collect(),
        };
        let alignments = [field::SECTION_ALIGNMENT, field::FILE_ALIGNMENT];
        if !alignments
            .iter()
            .all(|&at| headers.get(at).is_power_of_two())
        {
            return Err(PeError::Malformed("an alignment is no power of two"));
        }
        Ok(headers)
    }

    /// Reads the headers of a file, and checks that the sections lie in it.
    pub(super) fn read<R: Read + Seek>(input: &mut Input<R>) -> Result<Self, PeError> {
        let len = input.len().min(HEADERS_MAX as u64) as usize;
        let mut head = vec![0; len];
        input.read_exact(&mut head)?;
        let headers = Self::parse(&head)?;
        headers.check_within(input.len())?;
        Ok(headers)
    }

    /// Fails if a section lies outside of a file of `len` bytes.
    pub(super) fn check_within(&self, len: u64) -> Result<(), PeError> {
        match self.sections.iter().find(|section| section.raw_end() > len) {
            Some(section) => Err(PeError::Truncated(format!("section `{}`", section.name()))),
            None => Ok(()),
        }
    }

    /// Fails unless the image is an EFI application.
    pub(super) fn check_application(&self) -> Result<(), PeError> {
        match u16_at(&self.bytes, self.optional + field::SUBSYSTEM) {
            EFI_APPLICATION => Ok(()),
            other => Err(PeError::Subsystem(other)),
        }
    }

    pub(super) fn machine(&self) -> u16 {
        u16_at(&self.bytes, self.coff)
    }

    /// A [`field`] of the optional header.
    pub(super) fn get(&self, field: usize) -> u32 {
        u32_at(&self.bytes, self.optional + field)
    }

    /// Sets a [`field`], which an image of more than 2 GiB has no room for.
    pub(super) fn set(&mut self, field: usize, value: u64) -> Result<(), PeError> {
        let value = number(value)?;
        put(&mut self.bytes, self.optional + field, value);
        Ok(())
    }

    /// Length of all headers, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Where the section headers end, if they were `count`.
    pub(super) fn table_end(&self, count: usize) -> usize {
        self.table + count * SECTION_HEADER_LEN
    }

    /// Are there only zeros behind the section headers?
    pub(super) fn rest_is_free(&self) -> bool {
        self.bytes[self.table_end(self.sections.len())..]
            .iter()
            .all(|&byte| byte == 0)
    }

    /// Makes room for more section headers; what follows in the file has moved by as much.
    pub(super) fn grow(&mut self, by: u32) -> Result<(), PeError> {
        self.bytes.resize(self.bytes.len() + by as usize, 0);
        self.set(field::SIZE_OF_HEADERS, self.len())?;
        for section in self.sections.iter_mut().filter(|s| s.raw_size != 0) {
            section.raw_offset = number(u64::from(section.raw_offset) + u64::from(by))?;
        }
        Ok(())
    }

    /// Where the field `CheckSum` is in the file.
    pub(super) fn check_sum_at(&self) -> usize {
        self.optional + field::CHECK_SUM
    }

    /// Where the certificate table's data directory is in the file, if the image has one.
    pub(super) fn certificates_at(&self) -> Option<usize> {
        let at = self.directories + CERTIFICATES as usize * 8;
        (self.directory_count > CERTIFICATES).then_some(at)
    }

    /// File offset and length of the certificate table, in bytes.
    pub(super) fn certificates(&self) -> Option<(u64, u64)> {
        let at = self.certificates_at()?;
        let (offset, len) = (u32_at(&self.bytes, at), u32_at(&self.bytes, at + 4));
        (len != 0).then_some((offset.into(), len.into()))
    }

    pub(super) fn set_certificates(&mut self, offset: u64, len: u64) -> Result<(), PeError> {
        let at = self.certificates_at().ok_or(PeError::NoDirectory)?;
        put(&mut self.bytes, at, number(offset)?);
        put(&mut self.bytes, at + 4, number(len)?);
        Ok(())
    }

    /// Forgets the signatures, the deprecated symbol table and the time of making.
    pub(super) fn strip(&mut self) {
        if let Some(at) = self.certificates_at() {
            self.bytes[at..at + 8].fill(0);
        }
        // TimeDateStamp, PointerToSymbolTable and NumberOfSymbols.
        self.bytes[self.coff + 4..self.coff + 16].fill(0);
    }

    /// The headers as bytes, `CheckSum` 0.
    pub(super) fn render(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let count = u16::try_from(self.sections.len()).expect("so many fit into the headers");
        bytes[self.coff + 2..self.coff + 4].copy_from_slice(&count.to_le_bytes());
        put(&mut bytes, self.check_sum_at(), 0);
        let table = &mut bytes[self.table..];
        for (section, entry) in self
            .sections
            .iter()
            .zip(table.chunks_exact_mut(SECTION_HEADER_LEN))
        {
            section.render(entry);
        }
        bytes
    }
}

/// An offset, address or length, of which PE images have less than 2 GiB.
pub(super) fn number(value: u64) -> Result<u32, PeError> {
    match u32::try_from(value) {
        Ok(number) if number <= i32::MAX as u32 => Ok(number),
        _ => Err(PeError::TooLarge),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}
