//! Repairs chains of clusters, so that a damaged table never directs a write into another file.

use super::fence::{Fence, FenceResult};
use super::{Block, BlockDevice, BlockIdx, ClusterId, DirEntry, Error, FILE_READS_MAX, FatCard};
use crate::card::medium::{CardError, SECTOR_BYTES};

/// The bytes of a row of a folder, and the offsets in it of the file's length and of the two halves
/// of its first cluster.
const ROW_BYTES: usize = 32;
const CLUSTER_HIGH_AT: usize = 20;
const CLUSTER_LOW_AT: usize = 26;
const LEN_AT: usize = 28;

impl<D: BlockDevice> FatCard<D> {
    /// Returns whether a file has a first cluster, as every file that is not empty must.
    pub(super) fn has_beginning(&mut self, entry: &DirEntry) -> Result<bool, FenceResult<D>> {
        let first = self.first_cluster(entry)?;
        Ok(self.manager.device(|fence| fence.geometry()).has(first))
    }

    /// Follows the clusters of a file that is to be written, and returns its length in bytes.
    ///
    /// A cut may leave a chain that is wrong only behind the end of the file. The chain is then
    /// ended there. If the chain was cut short, the rest of the file is no longer on the card or
    /// cannot be found: the file is then shortened to what the chain holds.
    pub(super) fn mend(&mut self, entry: &DirEntry) -> Result<u32, FenceResult<D>> {
        let geometry = self.manager.device(|fence| fence.geometry());
        if entry.size == 0 && entry.cluster == ClusterId::EMPTY {
            return Ok(0);
        }
        if !self.has_beginning(entry)? {
            self.write_row(entry, 0, Some(0))?;
            return Ok(0);
        }
        let first = self.first_cluster(entry)?;
        let needed = entry.size.div_ceil(geometry.cluster_bytes).max(1);
        let (mut cluster, mut count, mut last_needed) = (first, 1, first);
        // A chain may lead back into itself. Brent's method finds this out: a mark is set anew
        // after 1, 2, 4, 8... clusters, and in a circle it is met again.
        let (mut mark, mut lap, mut lap_max) = (first, 0, 1);
        self.allow(FILE_READS_MAX);
        loop {
            if count == needed {
                last_needed = cluster;
            }
            let next = self.next_cluster(cluster)?;
            let is_end =
                if geometry.entry_bytes == 2 { next >= 0xFFF8 } else { next >= 0x0FFF_FFF8 };
            if is_end && count >= needed {
                return Ok(entry.size);
            }
            if !geometry.has(next) {
                break;
            }
            lap += 1;
            if next == mark {
                count = self.clusters_before_circle(first, lap)?.saturating_add(lap);
                if count < needed {
                    // Nothing tells which cluster in the circle is the last one.
                    return Err(CardError::Inconsistent);
                }
                break;
            }
            if lap == lap_max {
                (mark, lap, lap_max) = (next, 0, lap_max.saturating_mul(2));
            }
            (cluster, count) = (next, count + 1);
        }
        if count >= needed {
            self.end_chain(last_needed)?;
            return Ok(entry.size);
        }
        // The length is written first. A cut between the two writes then leaves a chain that is
        // wrong only behind the end of the file. The other order would leave a file longer than its
        // chain.
        let len = count.saturating_mul(geometry.cluster_bytes).min(entry.size);
        self.write_row(entry, len, None)?;
        self.end_chain(cluster)?;
        Ok(len)
    }

    /// Counts the clusters of a chain before it enters a circle of `circle` clusters.
    fn clusters_before_circle(&mut self, first: u32, circle: u32) -> Result<u32, FenceResult<D>> {
        let (mut behind, mut ahead, mut count) = (first, first, 0);
        for _ in 0..circle {
            ahead = self.next_cluster(ahead)?;
        }
        while behind != ahead {
            (behind, ahead) = (self.next_cluster(behind)?, self.next_cluster(ahead)?);
            count += 1;
        }
        Ok(count)
    }

    /// Reads the first cluster of a file from its row in the folder.
    fn first_cluster(&mut self, entry: &DirEntry) -> Result<u32, FenceResult<D>> {
        let row = self.block(entry.entry_block)?;
        let at = entry.entry_offset as usize;
        let Some(row) = row.get(at..at + ROW_BYTES) else { return Err(CardError::Inconsistent) };
        let low = u16::from_le_bytes([row[CLUSTER_LOW_AT], row[CLUSTER_LOW_AT + 1]]);
        // With 16 bits this field has another use.
        let is_long = self.manager.device(|fence| fence.geometry().entry_bytes == 4);
        let high = if is_long {
            u16::from_le_bytes([row[CLUSTER_HIGH_AT], row[CLUSTER_HIGH_AT + 1]])
        } else {
            0
        };
        Ok(u32::from(high) << 16 | u32::from(low))
    }

    /// Returns block and offset of a cluster's entry in the first table.
    fn table_place(&self, cluster: u32) -> (BlockIdx, usize) {
        let geometry = self.manager.device(|fence| fence.geometry());
        let at = u64::from(cluster) * u64::from(geometry.entry_bytes);
        let block = (at / SECTOR_BYTES as u64) as u32;
        (BlockIdx(1 + geometry.fat_at + block), (at % SECTOR_BYTES as u64) as usize)
    }

    fn next_cluster(&mut self, cluster: u32) -> Result<u32, FenceResult<D>> {
        let (block, at) = self.table_place(cluster);
        let is_long = self.manager.device(|fence| fence.geometry().entry_bytes == 4);
        let table = self.block(block)?;
        Ok(match table.get(at..) {
            Some(&[a, b, c, d, ..]) if is_long => u32::from_le_bytes([a, b, c, d]) & 0x0FFF_FFFF,
            Some(&[a, b, ..]) if !is_long => u32::from(u16::from_le_bytes([a, b])),
            _ => return Err(CardError::Inconsistent),
        })
    }

    fn end_chain(&mut self, cluster: u32) -> Result<(), FenceResult<D>> {
        let (index, at) = self.table_place(cluster);
        let geometry = self.manager.device(|fence| fence.geometry());
        let mut block = Block { contents: self.block(index)? };
        if let Some(entry) = block.contents.get_mut(at..at + geometry.entry_bytes as usize) {
            let kept = entry.last().map_or(0, |last| last & 0xF0);
            entry.fill(0xFF);
            if let (4, Some(last)) = (geometry.entry_bytes, entry.last_mut()) {
                *last = kept | 0x0F;
            }
        }
        for copy in 0..geometry.fats {
            let index = BlockIdx(index.0 + copy * geometry.table_blocks());
            self.write_block(&block, index)?;
        }
        Ok(())
    }

    /// Writes another length, and if given another first cluster, into the row of a file.
    fn write_row(
        &mut self,
        entry: &DirEntry,
        len: u32,
        first: Option<u16>,
    ) -> Result<(), FenceResult<D>> {
        let mut block = Block { contents: self.block(entry.entry_block)? };
        let at = entry.entry_offset as usize;
        let is_long = self.manager.device(|fence| fence.geometry().entry_bytes == 4);
        let Some(row) = block.contents.get_mut(at..at + ROW_BYTES) else {
            return Err(CardError::Inconsistent);
        };
        row[LEN_AT..LEN_AT + 4].copy_from_slice(&len.to_le_bytes());
        if let Some(first) = first {
            row[CLUSTER_LOW_AT..CLUSTER_LOW_AT + 2].copy_from_slice(&first.to_le_bytes());
            if is_long {
                row[CLUSTER_HIGH_AT..CLUSTER_HIGH_AT + 2].fill(0);
            }
        }
        self.write_block(&block, entry.entry_block)
    }

    fn write_block(&mut self, block: &Block, index: BlockIdx) -> Result<(), FenceResult<D>> {
        let write = |fence: &mut Fence<D>| fence.write(core::slice::from_ref(block), index);
        self.manager.device(write).map_err(|error| self.told(Error::DeviceError(error)))
    }

    fn block(&mut self, index: BlockIdx) -> Result<[u8; SECTOR_BYTES], FenceResult<D>> {
        let mut block = [Block::new()];
        let read = self.manager.device(|fence| fence.read(&mut block, index));
        read.map_err(|error| self.told(Error::DeviceError(error)))?;
        let [block] = block;
        Ok(block.contents)
    }
}
