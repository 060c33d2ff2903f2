//! The coefficients of an image with several scans, stored until the last has been read.

use super::entropy::Block;
use super::frame::{Component, Frame};
use super::scan::BlockSink;
use super::smoothing::{FOLLOWED, KnownBits};

/// The coefficients of one component.
#[derive(Debug)]
pub(super) struct Store {
    blocks: Vec<Block>,
    /// Blocks across.
    across: usize,
}

impl Store {
    /// Room for a component's coefficients, all zero; none where there is not the memory.
    pub fn new(frame: &Frame, component: &Component) -> Option<Self> {
        let (across, down) = frame.stored_blocks(component);
        let count = across.checked_mul(down)?;
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(count).ok()?;
        blocks.resize(count, [0; 64]);
        Some(Self { blocks, across })
    }

    /// The block in column `x` and row `y`.
    #[inline]
    pub fn block(&self, x: usize, y: usize) -> &Block {
        &self.blocks[y * self.across + x]
    }

    #[inline]
    fn block_mut(&mut self, x: usize, y: usize) -> &mut Block {
        &mut self.blocks[y * self.across + x]
    }
}

/// Progress of the coefficients of a progressive image.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    /// For each component, the lowest bit of each coefficient that has been read; -1 for none.
    known: [[i8; 64]; 4],
    /// Progress before the last scan of the component.
    before: [[i8; 64]; 4],
    /// The last row of MCUs that the latest scan had data for.
    pub last_good_row: usize,
}

impl Progress {
    pub fn new() -> Self {
        Self {
            known: [[-1; 64]; 4],
            before: [[-1; 64]; 4],
            last_good_row: 0,
        }
    }

    /// Notes that a scan of these coefficients down to bit `low` begins; `first` is the image's first.
    pub fn begin_scan(&mut self, component: usize, start: u8, end: u8, low: u8, first: bool) {
        let known = &mut self.known[component];
        let (start, end) = (usize::from(start), usize::from(end));
        let followed = start.min(1)..=end.max(9);
        let before = &mut self.before[component][followed.clone()];
        if first {
            before.fill(0);
        } else {
            before.copy_from_slice(&known[followed]);
        }
        known[start..=end].fill(low as i8);
    }

    /// Known bits of a component's low frequencies.
    pub fn known(&self, component: usize) -> KnownBits {
        head(&self.known[component])
    }

    /// Bits of them that were known before the last scan, for rows that it had no data for.
    pub fn known_before(&self, component: usize, scans: u32) -> KnownBits {
        let mut before = head(&self.before[component]);
        if scans <= 1 {
            before[1..].fill(-1);
        }
        before
    }
}

fn head(bits: &[i8; 64]) -> KnownBits {
    std::array::from_fn::<_, FOLLOWED, _>(|place| bits[place])
}

/// Scans that go on filling stored coefficients.
pub(super) struct StoreSink<'a> {
    pub stores: &'a mut [Store],
}

impl BlockSink for StoreSink<'_> {
    #[inline]
    fn block(&mut self, component: usize, x: usize, y: usize) -> &mut Block {
        self.stores[component].block_mut(x, y)
    }

    #[inline]
    fn finish_block(&mut self, _: usize, _: usize, _: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_remembers_the_scan_before() {
        let mut progress = Progress::new();
        progress.begin_scan(0, 0, 0, 1, true);
        assert_eq!(progress.known(0), [1, -1, -1, -1, -1, -1, -1, -1, -1, -1]);
        assert_eq!(
            progress.known_before(0, 1),
            [0, -1, -1, -1, -1, -1, -1, -1, -1, -1]
        );
        progress.begin_scan(0, 1, 5, 2, false);
        assert_eq!(progress.known(0), [1, 2, 2, 2, 2, 2, -1, -1, -1, -1]);
        assert_eq!(progress.known_before(0, 2)[1..], [-1; 9]);
        progress.begin_scan(0, 1, 5, 1, false);
        assert_eq!(progress.known_before(0, 3)[1..], [2, 2, 2, 2, 2, -1, -1, -1, -1]);
    }
}
