//! The bytes of a volume, from the first to the last.

use std::io::{self, Write};

use bedplate_types::TreePath;

use super::error::FatError;
use super::image::{Image, Run};
use super::{FIRST_CLUSTER, Kind, SECTOR};
use crate::content::{ReadContent, copy_exactly};

const MEDIA_FIXED: u8 = 0xf8;
const FSINFO: u64 = 1;
const BACKUP: u64 = 6;
/// FATs and zeros are written so many bytes at a time.
const PIECE: usize = 64 << 10;
/// What stands for no label.
const NO_LABEL: &[u8; 11] = b"NO NAME    ";

impl Image<'_> {
    /// Writes exactly [`byte_len`](Self::byte_len) bytes. The same tree and volume give the same bytes.
    pub fn write<W: Write>(&self, contents: &dyn ReadContent, out: &mut W) -> Result<(), FatError> {
        let (directories, files) = self.runs();
        let io = |source| FatError::Io {
            path: TreePath::root(),
            source,
        };
        self.metadata(&directories, &files, out).map_err(io)?;
        for (file, run) in self.contents.files.iter().zip(&files) {
            let len = file.content.len();
            let padding = self.run_len(*run) - len;
            copy_exactly(contents, file.content, out)
                .and_then(|()| zeros(out, padding))
                .map_err(|source| FatError::Io {
                    path: file.path.clone(),
                    source,
                })?;
        }
        let runs = directories.iter().chain(&files);
        let used: u64 = runs.map(|run| self.run_len(*run)).sum();
        let data = u64::from(self.geometry.data()) * SECTOR;
        let rest = self.byte_len() - data - used;
        zeros(out, rest).and_then(|()| out.flush()).map_err(io)
    }

    fn run_len(&self, run: Run) -> u64 {
        u64::from(run.count) * self.geometry.cluster_len()
    }

    /// All that stands before the first file.
    fn metadata(&self, directories: &[Run], files: &[Run], out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.reserved(directories, files))?;
        for _ in 0..2 {
            self.fat(directories.iter().chain(files), out)?;
        }
        self.directory_bytes(directories, files)
            .try_for_each(|bytes| out.write_all(&bytes))
    }

    /// The sectors before the first FAT.
    fn reserved(&self, directories: &[Run], files: &[Run]) -> Vec<u8> {
        let len = u64::from(self.geometry.reserved) * SECTOR;
        let mut bytes = vec![0; usize::try_from(len).expect("some sectors")];
        let mut put = |sector: u64, content: &[u8]| {
            let at = (sector * SECTOR) as usize;
            bytes[at..at + content.len()].copy_from_slice(content);
        };
        let boot = self.boot_sector();
        put(0, &boot);
        if self.geometry.kind == Kind::Fat32 {
            let runs = directories.iter().chain(files);
            let used = runs.map(|run| run.count).sum();
            let info = self.info_sector(used);
            put(FSINFO, &info);
            put(BACKUP, &boot);
            put(BACKUP + FSINFO, &info);
        }
        bytes
    }

    fn boot_sector(&self) -> Vec<u8> {
        let geometry = &self.geometry;
        let small = |number: u32| u16::try_from(number).expect("chosen to fit");
        let is_32 = geometry.kind == Kind::Fat32;
        let mut sector = vec![0; SECTOR as usize];
        let mut put = |at: usize, bytes: &[u8]| sector[at..at + bytes.len()].copy_from_slice(bytes);
        put(3, b"BEDPLATE");
        put(11, &(SECTOR as u16).to_le_bytes());
        put(
            13,
            &[u8::try_from(geometry.cluster).expect("chosen to fit")],
        );
        put(14, &small(geometry.reserved).to_le_bytes());
        put(16, &[2]);
        let root_entries = geometry.root * (SECTOR / super::ENTRY_LEN as u64) as u32;
        put(17, &small(root_entries).to_le_bytes());
        match u16::try_from(geometry.sectors) {
            Ok(sectors) if !is_32 => put(19, &sectors.to_le_bytes()),
            _ => put(32, &geometry.sectors.to_le_bytes()),
        }
        put(21, &[MEDIA_FIXED]);
        // A geometry of 63 sectors and 255 heads: disks have none, and readers want some.
        put(24, &[63, 0, 255, 0]);
        let more = if is_32 {
            put(36, &geometry.fat.to_le_bytes());
            put(44, &FIRST_CLUSTER.to_le_bytes());
            put(48, &[FSINFO as u8, 0, BACKUP as u8, 0]);
            64
        } else {
            put(22, &small(geometry.fat).to_le_bytes());
            36
        };
        put(more, &[0x80, 0, 0x29]);
        put(more + 3, &self.serial.to_le_bytes());
        put(more + 7, self.label.as_ref().unwrap_or(NO_LABEL));
        put(more + 18, if is_32 { b"FAT32   " } else { b"FAT16   " });
        // x86: jump over the fields, then halt for ever. Nothing boots from here.
        let code = more + 26;
        put(
            0,
            &[0xeb, u8::try_from(code - 2).expect("90 at most"), 0x90],
        );
        put(code, &[0xf4, 0xeb, 0xfd]);
        put(510, &[0x55, 0xaa]);
        sector
    }

    fn info_sector(&self, used: u32) -> Vec<u8> {
        let mut sector = vec![0; SECTOR as usize];
        let mut put = |at: usize, number: u32| {
            sector[at..at + 4].copy_from_slice(&number.to_le_bytes());
        };
        put(0, 0x4161_5252);
        put(484, 0x6141_7272);
        let free = self.geometry.clusters - used;
        put(488, free);
        put(
            492,
            if free > 0 {
                FIRST_CLUSTER + used
            } else {
                u32::MAX
            },
        );
        put(508, 0xaa55_0000);
        sector
    }

    /// One FAT: each cluster names the one after it, the last of a run is marked.
    fn fat<'r>(&self, runs: impl Iterator<Item = &'r Run>, out: &mut impl Write) -> io::Result<()> {
        let (width, mask) = match self.geometry.kind {
            Kind::Fat16 => (2, 0xffff_u32),
            Kind::Fat32 => (4, 0x0fff_ffff),
        };
        let head = [mask & !0xff | u32::from(MEDIA_FIXED), mask];
        let links = runs.filter(|run| run.count > 0).flat_map(|run| {
            let end = run.first() + run.count;
            (run.first() + 1..end).chain([mask])
        });
        let mut left = u64::from(self.geometry.fat) * SECTOR;
        let mut piece = Vec::with_capacity(PIECE);
        for link in head.into_iter().chain(links) {
            piece.extend(&link.to_le_bytes()[..width]);
            if piece.len() == PIECE {
                out.write_all(&piece)?;
                left -= PIECE as u64;
                piece.clear();
            }
        }
        out.write_all(&piece)?;
        zeros(out, left - piece.len() as u64)
    }
}

fn zeros(out: &mut impl Write, mut count: u64) -> io::Result<()> {
    const ZEROS: &[u8] = &[0; PIECE];
    while count > 0 {
        let len = usize::try_from(count).unwrap_or(PIECE).min(PIECE);
        out.write_all(&ZEROS[..len])?;
        count -= len as u64;
    }
    Ok(())
}
