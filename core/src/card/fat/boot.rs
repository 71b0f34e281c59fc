//! Finds and checks the FAT file system of a card and its layout, before anything relies on them.

use crate::card::medium::{CardError, SECTOR_BYTES};

type Sector = [u8; SECTOR_BYTES];

/// The lowest numbers of clusters of a FAT16 and a FAT32 (Microsoft's FAT specification, 1.03).
///
/// Other systems only check the 16-bit length of a table: if it is 0 the table has 32 bits, however
/// few clusters there are. This code does the same. The driver decides by the number of clusters,
/// and is shown as many as it expects ([`Geometry::shown`]).
const FAT16_CLUSTERS_MIN: u64 = 4_085;
const FAT32_CLUSTERS_MIN: u64 = 65_525;

/// Offsets in a boot sector of the number of blocks of the file system and of a table, each as a
/// 16-bit and a 32-bit field.
const TOTAL_SHORT_AT: usize = 19;
const TOTAL_AT: usize = 32;
const FAT_SHORT_AT: usize = 22;
const FAT_AT: usize = 36;

/// Types of partitions that may hold a FAT: of 16 or 32 bits, addressed by cylinder or by block.
const FAT_PARTITIONS: [u8; 5] = [0x04, 0x06, 0x0B, 0x0C, 0x0E];

/// The type of partition that exFAT and others share.
const EXFAT_PARTITION: u8 = 0x07;

/// The layout of a file system. Block numbers count from its first block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// The block of the card at which it begins.
    pub(super) start: u32,
    /// The number of its blocks.
    pub(super) blocks: u32,
    /// The first block of the first file allocation table.
    pub(super) fat_at: u32,
    /// The number of blocks of one table.
    pub(super) fat_blocks: u32,
    /// True for a file system of 32 bits with fewer clusters than the driver expects of one. The
    /// driver is shown more.
    pub(super) is_padded: bool,
    /// The number of copies of the table: 1 or 2.
    pub(super) fats: u32,
    pub(super) clusters: u32,
    pub(super) cluster_bytes: u32,
    /// The bytes of an entry in the table: 2 or 4.
    pub(super) entry_bytes: u32,
    /// The block of free counts. It exists only with 32 bits.
    pub(super) info_at: Option<u32>,
}

/// The block of the card that stands behind a block shown to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShownBlock {
    /// This block, counted from the first of the file system.
    Block(u32),
    /// No block: a part of a table beyond its end. It shows every cluster as in use.
    InUse,
}

impl Geometry {
    /// Returns the number of blocks of one table, as shown to the driver.
    pub(super) fn table_blocks(&self) -> u32 {
        let wanted = ((FAT32_CLUSTERS_MIN + 2) * 4).div_ceil(SECTOR_BYTES as u64) as u32;
        if self.is_padded { self.fat_blocks.max(wanted) } else { self.fat_blocks }
    }

    /// Returns the number of blocks of the file system, as shown to the driver.
    pub(super) fn blocks_shown(&self) -> u32 {
        if !self.is_padded {
            return self.blocks;
        }
        let data = FAT32_CLUSTERS_MIN as u32 * (self.cluster_bytes / SECTOR_BYTES as u32);
        self.fat_at + self.fats * self.table_blocks() + data
    }

    /// Finds the block behind one that is shown to the driver; returns `None` behind the end.
    pub(super) fn shown(&self, index: u32) -> Option<ShownBlock> {
        let tables = self.fats * self.table_blocks();
        let block = match index.checked_sub(self.fat_at) {
            None => index,
            Some(at) if at >= tables => index - tables + self.fats * self.fat_blocks,
            Some(at) => {
                let (table, at) = (at / self.table_blocks(), at % self.table_blocks());
                if at >= self.fat_blocks {
                    return Some(ShownBlock::InUse);
                }
                self.fat_at + table * self.fat_blocks + at
            }
        };
        (block < self.blocks).then_some(ShownBlock::Block(block))
    }

    /// Changes a boot sector into the one that is shown to the driver.
    pub(super) fn show(&self, sector: &mut Sector) {
        if self.is_padded {
            sector[TOTAL_SHORT_AT..TOTAL_SHORT_AT + 2].fill(0);
            sector[TOTAL_AT..TOTAL_AT + 4].copy_from_slice(&self.blocks_shown().to_le_bytes());
            sector[FAT_AT..FAT_AT + 4].copy_from_slice(&self.table_blocks().to_le_bytes());
        }
    }

    /// Returns whether a cluster belongs to the file system.
    pub(super) fn has(&self, cluster: u32) -> bool {
        (2..self.clusters + 2).contains(&cluster)
    }
}

/// The contents of a card's first block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// A file system that begins with this block: the card has no partitions.
    Here(Geometry),
    /// A table of partitions: the first block of each, 0 for none.
    Partitions([u32; 4]),
}

/// Reads the first block of a card of `blocks` blocks.
pub(super) fn lead<E>(sector: &Sector, blocks: u32) -> Result<Lead, CardError<E>> {
    if sector[510..] != [0x55, 0xAA] {
        return Err(CardError::NoFileSystem);
    }
    if sector[3..11] == *b"EXFAT   " {
        return Err(CardError::ExFat);
    }
    if let Some(geometry) = geometry(sector, 0, blocks) {
        return Ok(Lead::Here(geometry));
    }
    let mut starts = [0; 4];
    for (start, row) in starts.iter_mut().zip(sector[446..510].chunks_exact(16)) {
        let is_ours = FAT_PARTITIONS.contains(&row[4]) || row[4] == EXFAT_PARTITION;
        if row[0] & 0x7F == 0 && is_ours {
            *start = u32_at(row, 8);
        }
    }
    Ok(Lead::Partitions(starts))
}

/// Reads the first block of a partition.
pub(super) fn partition<E>(
    sector: &Sector,
    start: u32,
    blocks: u32,
) -> Result<Geometry, CardError<E>> {
    if sector[3..11] == *b"EXFAT   " {
        return Err(CardError::ExFat);
    }
    geometry(sector, start, blocks).ok_or(CardError::NoFileSystem)
}

/// Reads the layout from a boot sector. Returns `None` if it is neither FAT16 nor FAT32, or is
/// impossible.
fn geometry(sector: &Sector, start: u32, card_blocks: u32) -> Option<Geometry> {
    let is_named = sector[54..57] == *b"FAT" || sector[82..85] == *b"FAT";
    if sector[510..] != [0x55, 0xAA] || !is_named || u16_at(sector, 11) as usize != SECTOR_BYTES {
        return None;
    }
    let cluster_blocks = u64::from(sector[13]);
    let (reserved, fats) = (u64::from(u16_at(sector, 14)), u64::from(sector[16]));
    let root_blocks = (u64::from(u16_at(sector, 17)) * 32).div_ceil(SECTOR_BYTES as u64);
    let either = |short: usize, long: usize| match u16_at(sector, short) {
        0 => u64::from(u32_at(sector, long)),
        short => u64::from(short),
    };
    let (blocks, fat_blocks) = (either(TOTAL_SHORT_AT, TOTAL_AT), either(FAT_SHORT_AT, FAT_AT));
    if !cluster_blocks.is_power_of_two() || reserved == 0 || !(1..=2).contains(&fats) {
        return None;
    }
    let data = blocks.checked_sub(reserved + fats * fat_blocks + root_blocks)?;
    let clusters = data / cluster_blocks;
    let is_long = u16_at(sector, FAT_SHORT_AT) == 0;
    let (entry_bytes, allowed) = match is_long {
        true => (4, 1..0x0FFF_FFF0),
        false => (2, FAT16_CLUSTERS_MIN..FAT32_CLUSTERS_MIN),
    };
    let is_sound = allowed.contains(&clusters)
        && !(is_long && root_blocks > 0)
        && fat_blocks * SECTOR_BYTES as u64 >= (clusters + 2) * entry_bytes
        && u64::from(start) + blocks <= u64::from(card_blocks);
    if !is_sound {
        return None;
    }
    // No number is larger than the number of blocks, which fits into 32 bits.
    let geometry = Geometry {
        start,
        blocks: blocks as u32,
        fat_at: reserved as u32,
        fat_blocks: fat_blocks as u32,
        is_padded: is_long && clusters < FAT32_CLUSTERS_MIN,
        fats: fats as u32,
        clusters: clusters as u32,
        cluster_bytes: (cluster_blocks * SECTOR_BYTES as u64) as u32,
        entry_bytes: entry_bytes as u32,
        info_at: is_long.then(|| u32::from(u16_at(sector, 48))),
    };
    let is_root_sound = !is_long
        || (u16_at(sector, 42) == 0
            && geometry.has(u32_at(sector, 44))
            && geometry.info_at.is_some_and(|info| (1..geometry.fat_at).contains(&info)));
    is_root_sound.then_some(geometry)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..at + 2) {
        Some(&[a, b]) => u16::from_le_bytes([a, b]),
        _ => 0,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// Makes a first block with one partition that begins at block 1.
pub(super) fn partition_table(blocks: u32) -> Sector {
    let mut sector = [0; SECTOR_BYTES];
    sector[446 + 4] = FAT_PARTITIONS[3];
    sector[446 + 8..446 + 12].copy_from_slice(&1u32.to_le_bytes());
    sector[446 + 12..446 + 16].copy_from_slice(&blocks.to_le_bytes());
    sector[510..].copy_from_slice(&[0x55, 0xAA]);
    sector
}

/// Offsets of the two counts in a block of free counts.
const FREE_AT: usize = 488;
const NEXT_AT: usize = 492;

/// Repairs a block of free counts. Counts that are damaged or impossible are set to "not known".
pub(super) fn mend_info(sector: &mut Sector, clusters: u32) {
    const MARKS: [(usize, u32); 3] = [(0, 0x4161_5252), (484, 0x6141_7272), (508, 0xAA55_0000)];
    if MARKS.iter().any(|&(at, mark)| u32_at(sector, at) != mark) {
        *sector = [0; SECTOR_BYTES];
        for (at, mark) in MARKS {
            sector[at..at + 4].copy_from_slice(&mark.to_le_bytes());
        }
        sector[FREE_AT..NEXT_AT + 4].fill(0xFF);
    }
    if !(1..=clusters).contains(&u32_at(sector, FREE_AT)) {
        sector[FREE_AT..NEXT_AT].fill(0xFF);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a boot sector of 32 bits: 70,000 clusters of one block.
    fn boot() -> Sector {
        let mut sector = [0; SECTOR_BYTES];
        for (at, bytes) in [
            (11, &512u16.to_le_bytes()[..]),
            (13, &[1]),
            (14, &32u16.to_le_bytes()),
            (16, &[2]),
            (32, &72_000u32.to_le_bytes()),
            (36, &560u32.to_le_bytes()),
            (44, &2u32.to_le_bytes()),
            (48, &1u16.to_le_bytes()),
            (82, b"FAT32   "),
            (510, &[0x55, 0xAA]),
        ] {
            sector[at..at + bytes.len()].copy_from_slice(bytes);
        }
        sector
    }

    fn read(sector: &Sector) -> Result<Lead, CardError<()>> {
        lead(sector, 80_000)
    }

    #[test]
    fn a_boot_sector_is_read() {
        let Ok(Lead::Here(geometry)) = read(&boot()) else { panic!("it is one") };
        assert_eq!((geometry.fat_at, geometry.clusters, geometry.entry_bytes), (32, 70_848, 4));
        assert_eq!(geometry.info_at, Some(1));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let changes: [(usize, &[u8]); 9] = [
            (11, &1024u16.to_le_bytes()),
            (13, &[0]),
            (13, &[3]),
            (14, &[0, 0]),
            (16, &[0]),
            (32, &90_000u32.to_le_bytes()),
            (36, &100u32.to_le_bytes()),
            (44, &0u32.to_le_bytes()),
            (48, &40u16.to_le_bytes()),
        ];
        for (at, bytes) in changes {
            let mut sector = boot();
            sector[at..at + bytes.len()].copy_from_slice(bytes);
            assert_eq!(geometry(&sector, 0, 80_000), None, "at {at}");
        }
        let mut sector = boot();
        sector[3..11].copy_from_slice(b"EXFAT   ");
        assert_eq!(read(&sector), Err(CardError::ExFat));
        assert_eq!(read(&[0; SECTOR_BYTES]), Err(CardError::NoFileSystem));
    }

    #[test]
    fn one_of_32_bits_with_few_clusters_is_shown_with_many() {
        let mut sector = boot();
        sector[32..36].copy_from_slice(&2_000u32.to_le_bytes());
        sector[36..40].copy_from_slice(&16u32.to_le_bytes());
        let few = geometry(&sector, 0, 80_000).expect("other systems read it, too");
        assert_eq!((few.entry_bytes, few.clusters), (4, 1_936));
        few.show(&mut sector);
        let many = geometry(&sector, 0, 80_000).expect("it is one");
        assert_eq!((many.is_padded, many.clusters), (false, 65_525));
        let shown = |index| few.shown(index);
        let long = few.table_blocks();
        assert_eq!(
            (long, shown(31), shown(47)),
            (512, Some(ShownBlock::Block(31)), Some(ShownBlock::Block(47)))
        );
        assert_eq!(
            (shown(48), shown(32 + long)),
            (Some(ShownBlock::InUse), Some(ShownBlock::Block(48)))
        );
        assert_eq!(shown(32 + long + 16), Some(ShownBlock::InUse));
        let data = 32 + 2 * long;
        assert_eq!(
            (shown(data - 1), shown(data)),
            (Some(ShownBlock::InUse), Some(ShownBlock::Block(64)))
        );
        assert_eq!(
            (shown(data + 1_935), shown(data + 1_936)),
            (Some(ShownBlock::Block(1_999)), None)
        );
        // If the 16-bit length of the table is set, its entries have 16 bits.
        sector[22..24].copy_from_slice(&512u16.to_le_bytes());
        assert_eq!(geometry(&sector, 0, 80_000), None);
    }

    #[test]
    fn partitions_are_found() {
        let table = partition_table(72_000);
        assert_eq!(read(&table), Ok(Lead::Partitions([1, 0, 0, 0])));
        assert!(partition::<()>(&boot(), 1, 80_000).is_ok());
        assert_eq!(partition::<()>(&boot(), 9_000, 80_000), Err(CardError::NoFileSystem));
    }

    #[test]
    fn free_counts_that_cannot_be_are_not_known() {
        let mut sector = [7; SECTOR_BYTES];
        mend_info(&mut sector, 100);
        assert_eq!((u32_at(&sector, 0), u32_at(&sector, FREE_AT)), (0x4161_5252, u32::MAX));
        sector[FREE_AT..NEXT_AT].copy_from_slice(&50u32.to_le_bytes());
        let sound = sector;
        mend_info(&mut sector, 100);
        assert_eq!(sector, sound);
    }
}
