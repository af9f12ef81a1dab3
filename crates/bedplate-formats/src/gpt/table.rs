//! The bytes of the tables.

use flate2::Crc;

use super::layout::{Layout, Placed};
use super::{BACKUP_SECTORS, ENTRIES, ENTRY_LEN, ENTRY_SECTORS, FIRST_USABLE, SECTOR};

const HEADER_LEN: usize = 92;
const REVISION: u32 = 0x0001_0000;

/// Which of the two headers.
enum Copy {
    Primary,
    Backup,
}

impl Layout {
    /// The beginning of the disk: protective MBR, header and entries, 17408 bytes. The first 440 bytes
    /// are zero; a BIOS boot loader may have them.
    pub fn primary(&self) -> Vec<u8> {
        let entries = self.entries();
        let mut bytes = self.protective_mbr();
        bytes.extend(self.header(&Copy::Primary, &entries));
        bytes.extend(entries);
        bytes
    }

    /// The end of the disk from [`backup_offset`](Self::backup_offset): entries and header, 16896 bytes.
    pub fn backup(&self) -> Vec<u8> {
        let mut bytes = self.entries();
        let header = self.header(&Copy::Backup, &bytes);
        bytes.extend(header);
        bytes
    }

    /// Where [`backup`](Self::backup) goes, in bytes from the beginning of the disk.
    pub fn backup_offset(&self) -> u64 {
        (self.sectors - BACKUP_SECTORS) * SECTOR
    }

    /// UEFI, section 5.2.3. The end in cylinders, heads and sectors is "beyond what can be said": the
    /// disk has no such geometry.
    fn protective_mbr(&self) -> Vec<u8> {
        let mut mbr = vec![0; SECTOR as usize];
        mbr[446..454].copy_from_slice(&[0, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff]);
        let sectors = u32::try_from(self.sectors - 1).unwrap_or(u32::MAX);
        mbr[454..458].copy_from_slice(&1_u32.to_le_bytes());
        mbr[458..462].copy_from_slice(&sectors.to_le_bytes());
        mbr[510..512].copy_from_slice(&[0x55, 0xaa]);
        mbr
    }

    fn header(&self, copy: &Copy, entries: &[u8]) -> Vec<u8> {
        let last = self.sectors - 1;
        let (this, other, first_entry) = match copy {
            Copy::Primary => (1, last, 2),
            Copy::Backup => (last, 1, last - ENTRY_SECTORS),
        };
        let mut header = Vec::with_capacity(SECTOR as usize);
        header.extend(b"EFI PART");
        header.extend(REVISION.to_le_bytes());
        header.extend((HEADER_LEN as u32).to_le_bytes());
        header.extend([0; 8]);
        let last_usable = last - BACKUP_SECTORS;
        for lba in [this, other, FIRST_USABLE, last_usable] {
            header.extend(lba.to_le_bytes());
        }
        header.extend(self.disk.to_uefi_bytes());
        header.extend(first_entry.to_le_bytes());
        header.extend((ENTRIES as u32).to_le_bytes());
        header.extend((ENTRY_LEN as u32).to_le_bytes());
        header.extend(crc32(entries).to_le_bytes());
        let sum = crc32(&header);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        header.resize(SECTOR as usize, 0);
        header
    }

    fn entries(&self) -> Vec<u8> {
        let mut entries: Vec<u8> = self.placed.iter().flat_map(entry).collect();
        entries.resize(ENTRIES * ENTRY_LEN, 0);
        entries
    }
}

fn entry(placed: &Placed) -> Vec<u8> {
    let partition = &placed.partition;
    let mut entry = Vec::with_capacity(ENTRY_LEN);
    entry.extend(partition.kind.to_uefi_bytes());
    entry.extend(partition.guid.to_uefi_bytes());
    entry.extend(placed.first_lba.to_le_bytes());
    entry.extend(placed.last_lba().to_le_bytes());
    entry.extend(partition.attributes.0.to_le_bytes());
    entry.extend(partition.name.encode_utf16().flat_map(u16::to_le_bytes));
    entry.resize(ENTRY_LEN, 0);
    entry
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
