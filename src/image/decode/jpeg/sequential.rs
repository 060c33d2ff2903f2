//! Huffman-coded blocks of sequential JPEG: each scan holds all the bits of its coefficients.

use super::bits::BitReader;
use super::entropy::{Block, EntropyDecoder, Restarts};
use super::error::{JpegError, Result, damaged};
use super::huffman::{HuffmanSpec, HuffmanTable};
use super::input::Input;
use super::marker::{Markers, Scan};
use super::zigzag::NATURAL_ORDER;

/// The decoder of one scan.
pub(super) struct SequentialDecoder {
    bits: BitReader,
    restarts: Restarts,
    /// DC and AC tables of each component in the scan.
    tables: Vec<(HuffmanTable, HuffmanTable)>,
    /// DC value of each component's last block.
    predictions: [i32; 4],
}

impl SequentialDecoder {
    pub fn new(markers: &Markers, scan: &Scan) -> Result<Self> {
        let tables = scan.parts.iter().map(|part| {
            Ok((
                huffman_table(&markers.dc_huffman, part.dc_table, true)?,
                huffman_table(&markers.ac_huffman, part.ac_table, false)?,
            ))
        });
        Ok(Self {
            bits: BitReader::default(),
            restarts: Restarts::new(markers.restart_interval),
            tables: tables.collect::<Result<_>>()?,
            predictions: [0; 4],
        })
    }
}

/// Table number `index`, ready for decoding.
pub(super) fn huffman_table(
    specs: &[Option<HuffmanSpec>; 4],
    index: usize,
    dc: bool,
) -> Result<HuffmanTable> {
    match specs.get(index) {
        Some(Some(spec)) => HuffmanTable::new(spec, dc),
        _ => Err(damaged(format!(
            "a scan uses the {} Huffman table {index}, which is not defined",
            if dc { "DC" } else { "AC" }
        ))),
    }
}

impl EntropyDecoder for SequentialDecoder {
    #[inline]
    fn start_mcu(&mut self, input: &mut Input) -> Result<bool> {
        if self.restarts.next_mcu(input)? {
            self.bits.clear();
            self.predictions = [0; 4];
            self.bits.exhausted &= input.pending.is_some();
        }
        Ok(!self.bits.exhausted)
    }

    #[inline]
    fn block(&mut self, input: &mut Input, part: usize, block: &mut Block) -> Result<()> {
        let (dc_table, ac_table) = &self.tables[part];
        let bits = &mut self.bits;
        let size = u32::from(bits.symbol(input, dc_table));
        if size != 0 {
            let prediction = &mut self.predictions[part];
            *prediction = prediction.wrapping_add(bits.signed(input, size));
        }
        block[0] = self.predictions[part] as i16;
        let mut place = 1;
        while place < 64 {
            let symbol = bits.symbol(input, ac_table);
            let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size != 0 {
                place += run;
                block[usize::from(NATURAL_ORDER[place])] = bits.signed(input, size) as i16;
            } else if run == 15 {
                place += 15;
            } else {
                break;
            }
            place += 1;
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
