//! Arithmetic-coded blocks of sequential and progressive JPEG (T.81, annexes D, F.2.4 and G.2.3).

use super::arithmetic_table::{AFTER_LESS_PROBABLE, AFTER_MORE_PROBABLE, INTERVAL};
use super::entropy::{Block, EntropyDecoder, Pass, Restarts};
use super::error::Result;
use super::input::Input;
use super::marker::{Conditioning, Markers, Scan};
use super::zigzag::NATURAL_ORDER;

/// Statistics bins of one DC and one AC table.
const DC_BINS: usize = 64;
const AC_BINS: usize = 256;
/// The bin whose estimate never moves from one half.
const FIXED: u8 = 113;
/// Where the magnitudes of DC differences begin among the bins.
const DC_MAGNITUDES: usize = 20;
/// Where the magnitudes of AC values begin, for low and for high frequencies.
const AC_MAGNITUDES: (usize, usize) = (189, 217);
/// From a magnitude's bin to the bin of the bits below it.
const TO_BITS: usize = 14;

/// The decoder of binary decisions.
struct Coder {
    /// The code register and the width of the current interval.
    code: u32,
    width: u32,
    /// Bits of the register that have not been used, less than 0 while it is being filled.
    count: i32,
    /// Decisions made; a few bytes can hold millions of them.
    decisions: u64,
}

impl Coder {
    fn new() -> Self {
        Self {
            code: 0,
            width: 0,
            count: -16,
            decisions: 0,
        }
    }

    fn restart(&mut self) {
        (self.code, self.width, self.count) = (0, 0, -16);
    }

    /// Decodes one decision and adapts the estimate in `bin`: its state, and the more probable symbol
    /// in the high bit.
    #[inline]
    fn decide(&mut self, input: &mut Input, bin: &mut u8) -> Result<bool> {
        while self.width < 0x8000 {
            self.count -= 1;
            if self.count < 0 {
                self.code = self.code << 8 | u32::from(next_byte(input)?);
                self.count += 8;
                if self.count < 0 {
                    self.count += 1;
                    if self.count == 0 {
                        // Two bytes are there: decoding begins with the whole interval.
                        self.width = 0x8000;
                    }
                }
            }
            self.width <<= 1;
        }
        self.decisions += 1;
        let state = usize::from(*bin & 0x7f);
        let mut symbol = *bin & 0x80;
        let less = u32::from(INTERVAL[state]);
        self.width -= less;
        let bound = self.width << self.count;
        let less_probable = if self.code >= bound {
            self.code -= bound;
            // The more probable symbol has the wider interval, so the two may change places.
            let exchanged = self.width < less;
            self.width = less;
            !exchanged
        } else if self.width < 0x8000 {
            self.width < less
        } else {
            return Ok(symbol != 0);
        };
        if less_probable {
            *bin = symbol ^ AFTER_LESS_PROBABLE[state];
            symbol ^= 0x80;
        } else {
            *bin = symbol ^ AFTER_MORE_PROBABLE[state];
        }
        Ok(symbol != 0)
    }
}

/// The next byte of coded data: stuffed zeros are taken out, and from a marker on there are only zeros.
fn next_byte(input: &mut Input) -> Result<u8> {
    if input.pending.is_some() {
        return Ok(0);
    }
    let byte = input.byte()?;
    if byte != 0xff {
        return Ok(byte);
    }
    let mut code = 0xff;
    while code == 0xff {
        code = input.byte()?;
    }
    if code == 0 {
        return Ok(0xff);
    }
    input.pending = Some(code);
    Ok(0)
}

/// One component of a scan, with the state that its blocks share.
struct Part {
    dc_bins: usize,
    ac_bins: usize,
    conditioning: Conditioning,
    /// The sum of its DC differences, of which 16 bits count.
    prediction: u16,
    /// The bin group that the last DC difference chose.
    context: usize,
}

/// The decoder of one scan.
pub(super) struct ArithmeticDecoder {
    /// None for sequential coding.
    pass: Option<Pass>,
    coder: Coder,
    /// The data contradicted itself: blocks up to the next restart marker are left alone.
    failed: bool,
    restarts: Restarts,
    parts: Vec<Part>,
    dc_bins: [[u8; DC_BINS]; 16],
    ac_bins: [[u8; AC_BINS]; 16],
    /// First and last place of the band in zigzag order.
    band: (usize, usize),
    low: u32,
}

impl ArithmeticDecoder {
    pub fn new(markers: &Markers, scan: &Scan, progressive: bool) -> Result<Self> {
        let pass = if progressive { Some(Pass::of(scan)?) } else { None };
        let part = |part: &super::marker::ScanPart| Part {
            dc_bins: part.dc_table,
            ac_bins: part.ac_table,
            conditioning: Conditioning {
                ac_split: markers.conditioning_of(part.ac_table).ac_split,
                ..markers.conditioning_of(part.dc_table)
            },
            prediction: 0,
            context: 0,
        };
        let (band, low) = if progressive {
            (
                (usize::from(scan.start), usize::from(scan.end)),
                u32::from(scan.low),
            )
        } else {
            ((1, 63), 0)
        };
        Ok(Self {
            pass,
            coder: Coder::new(),
            failed: false,
            restarts: Restarts::new(markers.restart_interval),
            parts: scan.parts.iter().map(part).collect(),
            dc_bins: [[0; DC_BINS]; 16],
            ac_bins: [[0; AC_BINS]; 16],
            band,
            low,
        })
    }

    fn restart(&mut self) {
        self.coder.restart();
        self.failed = false;
        for part in &mut self.parts {
            self.dc_bins[part.dc_bins] = [0; DC_BINS];
            self.ac_bins[part.ac_bins] = [0; AC_BINS];
            (part.prediction, part.context) = (0, 0);
        }
    }

    fn fixed(&mut self, input: &mut Input) -> Result<bool> {
        self.coder.decide(input, &mut { FIXED })
    }

    fn dc_first(&mut self, input: &mut Input, index: usize, block: &mut Block) -> Result<()> {
        let part = &mut self.parts[index];
        let bins = &mut self.dc_bins[part.dc_bins];
        let coder = &mut self.coder;
        if !coder.decide(input, &mut bins[part.context])? {
            part.context = 0;
        } else {
            let negative = coder.decide(input, &mut bins[part.context + 1])?;
            let mut bin = part.context + 2 + usize::from(negative);
            let mut magnitude = u32::from(coder.decide(input, &mut bins[bin])?);
            if magnitude != 0 {
                bin = DC_MAGNITUDES;
                while coder.decide(input, &mut bins[bin])? {
                    magnitude <<= 1;
                    if magnitude == 0x8000 {
                        self.failed = true;
                        return Ok(());
                    }
                    bin += 1;
                }
            }
            let half = |power: u8| (1u32 << power) >> 1;
            let group = if magnitude < half(part.conditioning.dc_lower) {
                0
            } else if magnitude > half(part.conditioning.dc_upper) {
                12
            } else {
                4
            };
            part.context = if group == 0 {
                0
            } else {
                group + 4 * usize::from(negative)
            };
            let value = magnitude_bits(coder, input, &mut bins[bin + TO_BITS], magnitude)?;
            let value = if negative { value.wrapping_neg() } else { value };
            part.prediction = part.prediction.wrapping_add(value as u16);
        }
        block[0] = (i32::from(part.prediction) << self.low) as i16;
        Ok(())
    }

    fn dc_refine(&mut self, input: &mut Input, block: &mut Block) -> Result<()> {
        if self.fixed(input)? {
            block[0] |= 1 << self.low;
        }
        Ok(())
    }

    fn ac_first(&mut self, input: &mut Input, index: usize, block: &mut Block) -> Result<()> {
        let table = self.parts[index].ac_bins;
        let split = usize::from(self.parts[index].conditioning.ac_split);
        let (mut place, last) = self.band;
        while place <= last {
            let mut bin = 3 * (place - 1);
            if self.coder.decide(input, &mut self.ac_bins[table][bin])? {
                break;
            }
            while !self.coder.decide(input, &mut self.ac_bins[table][bin + 1])? {
                bin += 3;
                place += 1;
                if place > last {
                    self.failed = true;
                    return Ok(());
                }
            }
            let negative = self.fixed(input)?;
            bin += 2;
            let bins = &mut self.ac_bins[table];
            let mut magnitude = u32::from(self.coder.decide(input, &mut bins[bin])?);
            if magnitude != 0 && self.coder.decide(input, &mut bins[bin])? {
                magnitude = 2;
                bin = if place <= split {
                    AC_MAGNITUDES.0
                } else {
                    AC_MAGNITUDES.1
                };
                while self.coder.decide(input, &mut bins[bin])? {
                    magnitude <<= 1;
                    if magnitude == 0x8000 {
                        self.failed = true;
                        return Ok(());
                    }
                    bin += 1;
                }
            }
            let value = magnitude_bits(&mut self.coder, input, &mut bins[bin + TO_BITS], magnitude)? as i32;
            let value = if negative { -value } else { value };
            block[usize::from(NATURAL_ORDER[place])] = (value << self.low) as i16;
            place += 1;
        }
        Ok(())
    }

    fn ac_refine(&mut self, input: &mut Input, block: &mut Block) -> Result<()> {
        let table = self.parts[0].ac_bins;
        let (mut place, last) = self.band;
        let plus = 1i16 << self.low;
        // The end of the block as earlier scans left it; before it there is no end-of-block decision.
        let ended = (1..=last)
            .rev()
            .find(|&place| block[usize::from(NATURAL_ORDER[place])] != 0);
        let ended = ended.unwrap_or(0);
        while place <= last {
            let mut bin = 3 * (place - 1);
            if place > ended && self.coder.decide(input, &mut self.ac_bins[table][bin])? {
                break;
            }
            loop {
                let value = &mut block[usize::from(NATURAL_ORDER[place])];
                if *value != 0 {
                    if self.coder.decide(input, &mut self.ac_bins[table][bin + 2])? {
                        *value = value.wrapping_add(if *value < 0 { -plus } else { plus });
                    }
                    break;
                }
                if self.coder.decide(input, &mut self.ac_bins[table][bin + 1])? {
                    *value = if self.fixed(input)? { -plus } else { plus };
                    break;
                }
                bin += 3;
                place += 1;
                if place > last {
                    self.failed = true;
                    return Ok(());
                }
            }
            place += 1;
        }
        Ok(())
    }
}

/// The bits below the leading one of `magnitude`, all from one bin; the value is one more than they say.
fn magnitude_bits(coder: &mut Coder, input: &mut Input, bin: &mut u8, magnitude: u32) -> Result<u32> {
    let (mut value, mut bit) = (magnitude, magnitude >> 1);
    while bit != 0 {
        if coder.decide(input, bin)? {
            value |= bit;
        }
        bit >>= 1;
    }
    Ok(value + 1)
}

impl EntropyDecoder for ArithmeticDecoder {
    fn start_mcu(&mut self, input: &mut Input) -> Result<bool> {
        if self.restarts.next_mcu(input)? {
            self.restart();
        }
        Ok(!self.failed)
    }

    fn block(&mut self, input: &mut Input, part: usize, block: &mut Block) -> Result<()> {
        if self.failed {
            return Ok(());
        }
        match self.pass {
            None => {
                self.dc_first(input, part, block)?;
                if self.failed {
                    Ok(())
                } else {
                    self.ac_first(input, part, block)
                }
            }
            Some(Pass::DcFirst) => self.dc_first(input, part, block),
            Some(Pass::DcRefine) => self.dc_refine(input, block),
            Some(Pass::AcFirst) => self.ac_first(input, part, block),
            Some(Pass::AcRefine) => self.ac_refine(input, block),
        }
    }

    fn finish_mcu(&mut self) -> Result<()> {
        Ok(())
    }

    fn is_exhausted(&self) -> bool {
        false
    }

    fn take_extra_work(&mut self) -> u64 {
        std::mem::take(&mut self.coder.decisions) / 2
    }
}
