//! Parts that the decoders of entropy-coded data have in common.

use super::error::{Result, damaged};
use super::input::Input;
use super::marker::Scan;

/// The 64 coefficients of a block in natural order, not yet multiplied by the quantization table.
pub(super) type Block = [i16; 64];

/// Reads the coefficients of one scan, MCU by MCU.
pub(super) trait EntropyDecoder {
    /// Begins an MCU, at a restart marker where one is due. False means that its data is lost and its
    /// blocks are to be left as they are.
    fn start_mcu(&mut self, input: &mut Input) -> Result<bool>;

    /// Reads the next block of the MCU, which belongs to the scan's component number `part`.
    fn block(&mut self, input: &mut Input, part: usize, block: &mut Block) -> Result<()>;

    /// An error where the file has ended within the MCU.
    fn finish_mcu(&mut self) -> Result<()>;

    /// Reports whether the data of the current segment has run out at a marker.
    fn is_exhausted(&self) -> bool;

    /// Work done since the last call beyond visiting the blocks, in the units of
    /// [`Work`](super::scan::Work), where the length of the file does not bound it.
    fn take_extra_work(&mut self) -> u64 {
        0
    }
}

/// Counts down to the next restart marker.
#[derive(Debug)]
pub(super) struct Restarts {
    interval: u32,
    to_go: u32,
    /// The number of the marker that comes next, 0 to 7.
    expected: u8,
}

impl Restarts {
    pub fn new(interval: u32) -> Self {
        Self {
            interval,
            to_go: interval,
            expected: 0,
        }
    }

    /// Counts an MCU and reads the restart marker where one is due before it; reports whether it was.
    #[inline]
    pub fn next_mcu(&mut self, input: &mut Input) -> Result<bool> {
        if self.interval == 0 {
            return Ok(false);
        }
        let due = self.to_go == 0;
        if due {
            input.restart(self.expected)?;
            self.expected = (self.expected + 1) & 7;
            self.to_go = self.interval;
        }
        self.to_go -= 1;
        Ok(due)
    }
}

/// The kinds of scan in progressive coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// The higher bits of DC values.
    DcFirst,
    /// One more bit of DC values.
    DcRefine,
    /// The higher bits of a band of AC values.
    AcFirst,
    /// One more bit of a band of AC values.
    AcRefine,
}

impl Pass {
    /// The kind of a scan, whose parameters must make sense.
    pub fn of(scan: &Scan) -> Result<Self> {
        let Scan {
            start,
            end,
            high,
            low,
            ..
        } = *scan;
        let band = if start == 0 {
            end == 0
        } else {
            start <= end && end < 64 && scan.parts.len() == 1
        };
        if !band || (high != 0 && low != high - 1) || low > 13 {
            return Err(damaged(format!(
                "a progressive scan has the impossible parameters {start} to {end}, bits {high} to {low}"
            )));
        }
        Ok(match (start, high) {
            (0, 0) => Self::DcFirst,
            (0, _) => Self::DcRefine,
            (_, 0) => Self::AcFirst,
            (_, _) => Self::AcRefine,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::decode::jpeg::marker::ScanPart;

    fn pass(start: u8, end: u8, high: u8, low: u8, parts: usize) -> Option<Pass> {
        let part = ScanPart {
            component: 0,
            dc_table: 0,
            ac_table: 0,
        };
        let scan = Scan {
            parts: vec![part; parts],
            start,
            end,
            high,
            low,
        };
        Pass::of(&scan).ok()
    }

    #[test]
    fn scans_are_told_apart_and_checked() {
        assert_eq!(pass(0, 0, 0, 1, 3), Some(Pass::DcFirst));
        assert_eq!(pass(0, 0, 1, 0, 3), Some(Pass::DcRefine));
        assert_eq!(pass(1, 63, 0, 2, 1), Some(Pass::AcFirst));
        assert_eq!(pass(6, 6, 2, 1, 1), Some(Pass::AcRefine));
        assert_eq!(pass(0, 5, 0, 0, 1), None);
        assert_eq!(pass(5, 4, 0, 0, 1), None);
        assert_eq!(pass(1, 64, 0, 0, 1), None);
        assert_eq!(pass(1, 5, 0, 0, 3), None);
        assert_eq!(pass(1, 5, 3, 1, 1), None);
        assert_eq!(pass(1, 5, 0, 14, 1), None);
    }

    #[test]
    fn restarts_come_after_each_interval() {
        let mut input = Input::new(&[0xff, 0xd0, 0xff, 0xd1]);
        let mut restarts = Restarts::new(2);
        let due: Vec<bool> = (0..6).map(|_| restarts.next_mcu(&mut input).unwrap()).collect();
        assert_eq!(due, [false, false, true, false, true, false]);
        assert!(restarts.next_mcu(&mut input).is_err());
    }
}
