//! How a volume is divided, and which FAT it gets.

use super::error::FatError;
use super::{ENTRY_LEN, FIRST_CLUSTER, Kind, SECTOR};

/// The least clusters of a FAT32 volume, and one more than FAT16 can have ("FAT Type Determination").
/// Readers are known that are wrong by some, so we keep a distance.
const FAT32_CLUSTERS: u32 = 65_525;
const FAT16_CLUSTERS: u32 = 4_085;
const DISTANCE: u32 = 16;
/// Entries of a FAT16 root directory, unless more are needed: what all readers expect.
pub(super) const ROOT_ENTRIES: u32 = 512;
/// Clusters begin on multiples of so many sectors, which is a page of memory and a block of flash.
const ALIGNMENT: u32 = 8;

/// How a volume is divided. Lengths in sectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) kind: Kind,
    pub(super) sectors: u32,
    /// Before the first FAT.
    pub(super) reserved: u32,
    /// Of one FAT.
    pub(super) fat: u32,
    /// Of the root directory, where it has a place of its own.
    pub(super) root: u32,
    pub(super) cluster: u32,
    /// How many clusters there are.
    pub(super) clusters: u32,
}

impl Geometry {
    /// Divides a volume of `len` bytes, whose root directory needs `root_entries`.
    pub(super) fn of(len: u64, root_entries: u32) -> Result<Self, FatError> {
        let sectors = u32::try_from(len / SECTOR).map_err(|_| FatError::Length(len))?;
        if !len.is_multiple_of(SECTOR) {
            return Err(FatError::Length(len));
        }
        let fat32 = fat32_clusters(len).filter_map(|cluster| {
            Self::divide(Kind::Fat32, sectors, cluster, 0)
                .filter(|geometry| geometry.clusters >= FAT32_CLUSTERS + DISTANCE)
        });
        let root = root_entries.max(ROOT_ENTRIES) * ENTRY_LEN as u32;
        let root = root.div_ceil(SECTOR as u32);
        let good16 = FAT16_CLUSTERS + DISTANCE..FAT32_CLUSTERS - DISTANCE;
        let fat16 = [4, 2, 1].into_iter().filter_map(|cluster| {
            Self::divide(Kind::Fat16, sectors, cluster, root)
                .filter(|geometry| good16.contains(&geometry.clusters))
        });
        fat32.chain(fat16).next().ok_or(FatError::Length(len))
    }

    /// The FATs get a little more than they need: as if they took no room themselves.
    fn divide(kind: Kind, sectors: u32, cluster: u32, root: u32) -> Option<Self> {
        let (reserved, width) = match kind {
            Kind::Fat16 => (1, 2),
            Kind::Fat32 => (32, 4),
        };
        let clusters = sectors.checked_sub(reserved + root)? / cluster;
        let fat = (u64::from(clusters + FIRST_CLUSTER) * width).div_ceil(SECTOR);
        let fat = u32::try_from(fat).ok()?;
        let data = reserved + 2 * fat + root;
        let padding = data.next_multiple_of(ALIGNMENT) - data;
        let clusters = sectors.checked_sub(data + padding)? / cluster;
        Some(Self {
            kind,
            sectors,
            reserved: reserved + padding,
            fat,
            root,
            cluster,
            clusters,
        })
    }

    /// Length of a cluster in bytes.
    pub(super) fn cluster_len(&self) -> u64 {
        u64::from(self.cluster) * SECTOR
    }

    /// Length of all clusters in bytes.
    pub(super) fn room(&self) -> u64 {
        u64::from(self.clusters) * self.cluster_len()
    }

    /// The first sector of the clusters.
    pub(super) fn data(&self) -> u32 {
        self.reserved + 2 * self.fat + self.root
    }
}

/// Sectors of a cluster, best first: 4 KiB, more on large volumes ("FAT Volume Initialization"), less
/// where there would be too few.
fn fat32_clusters(len: u64) -> impl Iterator<Item = u32> {
    const GIB: u64 = 1 << 30;
    let large = [(32, 64), (16, 32), (8, 16)].into_iter();
    let large = large.filter(move |(from, _)| len > from * GIB);
    large.map(|(_, cluster)| cluster).chain([8, 4, 2, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    #[test]
    fn the_length_decides_what_a_volume_is() {
        let describe = |len: u64| {
            let geometry = Geometry::of(len, 0).unwrap();
            format!(
                "{:?} {} × {}",
                geometry.kind,
                geometry.clusters,
                geometry.cluster_len()
            )
        };
        let mib = |count: u64| describe(count * MIB);
        let lines = [
            3,
            8,
            32,
            33,
            66,
            128,
            256,
            260,
            512,
            1024,
            8192,
            9 << 10,
            40 << 10,
        ]
        .map(mib);
        insta::assert_snapshot!(lines.join("\n"), @r"
        Fat16 6056 × 512
        Fat16 8140 × 1024
        Fat16 16342 × 2048
        Fat32 66496 × 512
        Fat32 67040 × 1024
        Fat32 130032 × 1024
        Fat32 130552 × 2048
        Fat32 66426 × 4096
        Fat32 130812 × 4096
        Fat32 261628 × 4096
        Fat32 2093052 × 4096
        Fat32 1178494 × 8192
        Fat32 1310399 × 32768
        ");
        assert_eq!(describe(2048 * GIB - SECTOR), "Fat32 67092479 × 32768");
    }

    #[test]
    fn what_cannot_be_a_volume_is_refused() {
        for len in [0, 511, 512, 2 * MIB, 3 * MIB + 1, 2048 * GIB, u64::MAX] {
            assert!(matches!(Geometry::of(len, 0), Err(FatError::Length(l)) if l == len));
        }
    }

    #[test]
    fn all_parts_fit_into_the_volume_and_the_fat_counts_all_clusters() {
        let lengths = (0..4000).map(|step| 5 * MIB / 2 + step * 131 * SECTOR);
        let large = (0..3400).map(|step| 200 * MIB + step * 601 * MIB + step * SECTOR);
        for len in lengths.chain(large) {
            for root in [0, 513, 65_520] {
                // A large root directory needs a larger volume.
                let Ok(geometry) = Geometry::of(len, root) else {
                    assert!(root == 65_520 && len < 5 * MIB, "{len}");
                    continue;
                };
                let width = if geometry.kind == Kind::Fat16 { 2 } else { 4 };
                let used = u64::from(geometry.data()) * SECTOR + geometry.room();
                assert!(used <= len && len - used < geometry.cluster_len(), "{len}");
                let counted = u64::from(geometry.fat) * SECTOR / width;
                assert!(
                    counted >= u64::from(geometry.clusters + FIRST_CLUSTER),
                    "{len}"
                );
                assert!(geometry.data().is_multiple_of(ALIGNMENT), "{len}");
            }
        }
    }
}
