//! Walking over the MCUs of a scan: which block comes next, when to stop, and how much work is too much.

use super::entropy::{Block, EntropyDecoder};
use super::error::{JpegError, Result, damaged};
use super::frame::Frame;
use super::input::Input;
use super::marker::Scan;
use crate::image::limits::Cancel;

/// The most blocks of one MCU.
const BLOCKS_IN_MCU: usize = 10;

/// Takes the blocks of a scan.
pub(super) trait BlockSink {
    /// The block in column `x` and row `y` of a component, to be filled.
    fn block(&mut self, component: usize, x: usize, y: usize) -> &mut Block;

    /// Called when the block has its coefficients.
    fn finish_block(&mut self, component: usize, x: usize, y: usize);
}

/// The work that decoding an image may take, counted in visits to one block.
///
/// An encoder's usual 6 to 12 scans visit each block up to 10 times, and the most elaborate ones that
/// are known about 30 times. Every image has [`PER_BLOCK`](Self::PER_BLOCK) visits to each of its
/// blocks, and [`FREE`](Self::FREE) more, so that small images may have any number of scans. Beginning
/// a scan counts as [`PER_SCAN`](Self::PER_SCAN) visits, for its tables. Two decisions of arithmetic
/// coding count as a visit; those that photos need have [`PER_BYTE`](Self::PER_BYTE) visits to each
/// byte of the file. A visit takes some nanoseconds, so that a small file cannot keep a processor busy
/// for much longer than its pixels would.
#[derive(Debug)]
pub(super) struct Work {
    budget: u64,
    spent: u64,
    scans: u32,
    size: (u32, u32),
}

impl Work {
    const PER_BLOCK: u64 = 40;
    const PER_BYTE: u64 = 40;
    const PER_SCAN: u64 = 256;
    const FREE: u64 = 1 << 24;

    /// The budget of an image in a file of `bytes` bytes.
    pub fn new(frame: &Frame, bytes: usize) -> Self {
        Self {
            budget: Self::FREE + Self::PER_BLOCK * frame.blocks() + Self::PER_BYTE * bytes as u64,
            spent: 0,
            scans: 0,
            size: (frame.width as u32, frame.height as u32),
        }
    }

    /// Scans begun so far.
    pub fn scans(&self) -> u32 {
        self.scans
    }

    fn begin_scan(&mut self) -> Result<()> {
        self.scans += 1;
        self.spend(Self::PER_SCAN)
    }

    fn spend(&mut self, visits: u64) -> Result<()> {
        self.spent += visits;
        if self.spent > self.budget {
            return Err(JpegError::TooMuchWork {
                width: self.size.0,
                height: self.size.1,
                scans: self.scans,
                budget: self.budget,
            });
        }
        Ok(())
    }
}

/// One scan, walked over by rows of MCUs of the whole frame.
pub(super) struct ScanWalk<'a, D> {
    frame: &'a Frame,
    scan: &'a Scan,
    decoder: D,
    cancel: Cancel<'a>,
}

impl<'a, D: EntropyDecoder> ScanWalk<'a, D> {
    /// Begins the scan; an MCU must not be larger than the standard allows.
    pub fn new(
        frame: &'a Frame,
        scan: &'a Scan,
        decoder: D,
        work: &mut Work,
        cancel: Cancel<'a>,
    ) -> Result<Self> {
        let walk = Self {
            frame,
            scan,
            decoder,
            cancel,
        };
        if scan.parts.len() > 1 && walk.blocks_in_mcu() > BLOCKS_IN_MCU {
            return Err(damaged("an MCU has more than 10 blocks"));
        }
        work.begin_scan()?;
        Ok(walk)
    }

    /// Blocks of an MCU that holds all the components of the scan.
    fn blocks_in_mcu(&self) -> usize {
        let components = self
            .scan
            .parts
            .iter()
            .map(|part| &self.frame.components[part.component]);
        components.map(|component| component.h * component.v).sum()
    }

    /// Reads what the scan holds of MCU row `row`, counted in MCUs of all components together. Reports
    /// whether there was data at the beginning of any of its MCUs.
    pub fn row(
        &mut self,
        input: &mut Input,
        row: usize,
        work: &mut Work,
        sink: &mut impl BlockSink,
    ) -> Result<bool> {
        if self.cancel.is_cancelled() {
            return Err(JpegError::Cancelled);
        }
        let good = match self.scan.parts[..] {
            [part] => self.single_row(input, row, part.component, work, sink)?,
            _ => self.interleaved_row(input, row, work, sink)?,
        };
        work.spend(self.decoder.take_extra_work())?;
        Ok(good)
    }

    /// A scan of one component has MCUs of one block, and none that lie outside the image.
    fn single_row(
        &mut self,
        input: &mut Input,
        row: usize,
        index: usize,
        work: &mut Work,
        sink: &mut impl BlockSink,
    ) -> Result<bool> {
        let component = &self.frame.components[index];
        let rows = row * component.v..component.height_in_blocks.min((row + 1) * component.v);
        work.spend((rows.len() * component.width_in_blocks) as u64)?;
        let mut good = false;
        for y in rows {
            for x in 0..component.width_in_blocks {
                good |= !self.decoder.is_exhausted();
                let has_data = self.decoder.start_mcu(input)?;
                let block = sink.block(index, x, y);
                if has_data {
                    self.decoder.block(input, 0, block)?;
                    self.decoder.finish_mcu()?;
                }
                sink.finish_block(index, x, y);
            }
        }
        Ok(good)
    }

    fn interleaved_row(
        &mut self,
        input: &mut Input,
        row: usize,
        work: &mut Work,
        sink: &mut impl BlockSink,
    ) -> Result<bool> {
        let mut good = false;
        let across = self.frame.mcus_across();
        work.spend((across * self.blocks_in_mcu()) as u64)?;
        for mcu in 0..across {
            good |= !self.decoder.is_exhausted();
            let has_data = self.decoder.start_mcu(input)?;
            for (index, part) in self.scan.parts.iter().enumerate() {
                let component = &self.frame.components[part.component];
                for y in row * component.v..(row + 1) * component.v {
                    for x in mcu * component.h..(mcu + 1) * component.h {
                        let block = sink.block(part.component, x, y);
                        if has_data {
                            self.decoder.block(input, index, block)?;
                        }
                        sink.finish_block(part.component, x, y);
                    }
                }
            }
            if has_data {
                self.decoder.finish_mcu()?;
            }
        }
        Ok(good)
    }
}
