//! Huffman-coded blocks of progressive JPEG: each scan adds a band of frequencies or one more bit.

use super::bits::BitReader;
use super::entropy::{Block, EntropyDecoder, Pass, Restarts};
use super::error::{JpegError, Result, damaged};
use super::huffman::HuffmanTable;
use super::input::Input;
use super::marker::{Markers, Scan};
use super::sequential::huffman_table;
use super::zigzag::NATURAL_ORDER;

/// The decoder of one scan.
pub(super) struct ProgressiveDecoder {
    pass: Pass,
    bits: BitReader,
    restarts: Restarts,
    /// The DC table of each component, or the one AC table.
    tables: Vec<HuffmanTable>,
    predictions: [i32; 4],
    /// First and last place of the band in zigzag order.
    band: (usize, usize),
    /// The bit that the scan makes known.
    low: u32,
    /// Blocks to come whose band is all zeros.
    end_of_band_run: u32,
}

impl ProgressiveDecoder {
    pub fn new(markers: &Markers, scan: &Scan) -> Result<Self> {
        let pass = Pass::of(scan)?;
        let table = |part: &super::marker::ScanPart| match pass {
            Pass::DcFirst => Some(huffman_table(&markers.dc_huffman, part.dc_table, true)),
            Pass::DcRefine => None,
            Pass::AcFirst | Pass::AcRefine => Some(huffman_table(&markers.ac_huffman, part.ac_table, false)),
        };
        Ok(Self {
            pass,
            bits: BitReader::default(),
            restarts: Restarts::new(markers.restart_interval),
            tables: scan.parts.iter().filter_map(table).collect::<Result<_>>()?,
            predictions: [0; 4],
            band: (usize::from(scan.start), usize::from(scan.end)),
            low: u32::from(scan.low),
            end_of_band_run: 0,
        })
    }

    fn dc_first(&mut self, input: &mut Input, part: usize, block: &mut Block) -> Result<()> {
        let size = u32::from(self.bits.symbol(input, &self.tables[part]));
        let difference = if size == 0 {
            0
        } else {
            self.bits.signed(input, size)
        };
        let value = self.predictions[part]
            .checked_add(difference)
            .ok_or_else(|| damaged("its DC values grow out of bounds"))?;
        self.predictions[part] = value;
        block[0] = (value << self.low) as i16;
        Ok(())
    }

    fn dc_refine(&mut self, input: &mut Input, block: &mut Block) {
        if self.bits.bits(input, 1) != 0 {
            block[0] |= 1 << self.low;
        }
    }

    fn ac_first(&mut self, input: &mut Input, block: &mut Block) {
        let (mut place, last) = self.band;
        while place <= last {
            let symbol = self.bits.symbol(input, &self.tables[0]);
            let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size != 0 {
                place += run as usize;
                let value = self.bits.signed(input, size);
                block[usize::from(NATURAL_ORDER[place])] = (value << self.low) as i16;
            } else if run == 15 {
                place += 15;
            } else {
                self.end_of_band_run = self.run_of_ended_bands(input, run) - 1;
                break;
            }
            place += 1;
        }
    }

    fn run_of_ended_bands(&mut self, input: &mut Input, run: u32) -> u32 {
        let low = if run == 0 { 0 } else { self.bits.bits(input, run) };
        (1 << run) + low
    }

    fn ac_refine(&mut self, input: &mut Input, block: &mut Block) {
        let (mut place, last) = self.band;
        let plus = 1i16 << self.low;
        while place <= last && self.end_of_band_run == 0 {
            let symbol = self.bits.symbol(input, &self.tables[0]);
            let (run, size) = (u32::from(symbol >> 4), symbol & 15);
            let mut value = 0;
            if size != 0 {
                // A newly non-zero value has size 1; another size is damage and read as 1.
                value = if self.bits.bits(input, 1) != 0 {
                    plus
                } else {
                    -plus
                };
            } else if run != 15 {
                self.end_of_band_run = self.run_of_ended_bands(input, run);
                break;
            }
            place = self.refine_up_to(input, block, place, Some(run));
            if value != 0 {
                block[usize::from(NATURAL_ORDER[place])] = value;
            }
            place += 1;
        }
        if self.end_of_band_run > 0 {
            self.refine_up_to(input, block, place, None);
            self.end_of_band_run -= 1;
        }
    }

    /// Reads a correction bit for every non-zero value of the band from `place` on, passes over `zeros`
    /// zeros and stops at the next one (where `zeros` is given), and returns the place it stopped at.
    fn refine_up_to(
        &mut self,
        input: &mut Input,
        block: &mut Block,
        mut place: usize,
        mut zeros: Option<u32>,
    ) -> usize {
        let plus = 1i16 << self.low;
        while place <= self.band.1 {
            let value = &mut block[usize::from(NATURAL_ORDER[place])];
            if *value != 0 {
                if self.bits.bits(input, 1) != 0 && *value & plus == 0 {
                    *value = value.wrapping_add(if *value >= 0 { plus } else { -plus });
                }
            } else if let Some(left) = &mut zeros {
                if *left == 0 {
                    break;
                }
                *left -= 1;
            }
            place += 1;
        }
        place
    }
}

impl EntropyDecoder for ProgressiveDecoder {
    #[inline]
    fn start_mcu(&mut self, input: &mut Input) -> Result<bool> {
        if self.restarts.next_mcu(input)? {
            self.bits.clear();
            self.predictions = [0; 4];
            self.end_of_band_run = 0;
            self.bits.exhausted &= input.pending.is_some();
        }
        Ok(!self.bits.exhausted)
    }

    #[inline]
    fn block(&mut self, input: &mut Input, part: usize, block: &mut Block) -> Result<()> {
        match self.pass {
            Pass::DcFirst => self.dc_first(input, part, block)?,
            Pass::DcRefine => self.dc_refine(input, block),
            Pass::AcFirst if self.end_of_band_run > 0 => self.end_of_band_run -= 1,
            Pass::AcFirst => self.ac_first(input, block),
            Pass::AcRefine => self.ac_refine(input, block),
        }
        Ok(())
    }

    #[inline]
    fn finish_mcu(&mut self) -> Result<()> {
        if self.bits.ended {
            return Err(JpegError::EndsEarly);
        }
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        self.bits.exhausted
    }
}
