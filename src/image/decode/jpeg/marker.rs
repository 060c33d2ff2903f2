//! Markers: the tables and headers between the entropy-coded parts of a file.

use super::error::{JpegError, Result, damaged};
use super::frame::{Coding, Frame};
use super::huffman::{HuffmanSpec, standard};
use super::input::{Input, Segment};
use super::zigzag::NATURAL_ORDER;

/// Conditioning of arithmetic coding for one table (T.81, F.1.4.4).
#[derive(Debug, Clone, Copy)]
pub(super) struct Conditioning {
    /// Lower bound of "small" DC differences, as a power of two.
    pub dc_lower: u8,
    /// Upper bound of "small" DC differences, as a power of two.
    pub dc_upper: u8,
    /// The last coefficient that counts as a low frequency.
    pub ac_split: u8,
}

const DEFAULT_CONDITIONING: Conditioning = Conditioning {
    dc_lower: 0,
    dc_upper: 1,
    ac_split: 5,
};

/// Content of a scan header.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    /// The components in the scan.
    pub parts: Vec<ScanPart>,
    /// First coefficient of the band, in zigzag order.
    pub start: u8,
    /// Last coefficient of the band.
    pub end: u8,
    /// The bit below which earlier scans have left off, 0 in a first scan.
    pub high: u8,
    /// The lowest bit that this scan makes known.
    pub low: u8,
}

/// One component of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScanPart {
    /// Index among the frame's components.
    pub component: usize,
    /// Which table its DC values use, 0 to 15.
    pub dc_table: usize,
    /// Which table its AC values use.
    pub ac_table: usize,
}

/// Where reading markers stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// Entropy-coded data follows.
    Scan(Scan),
    /// The image has ended.
    End,
}

/// Everything that markers have defined so far.
#[derive(Debug, Default)]
pub(super) struct Markers {
    /// Quantization tables in natural order.
    pub quant: [Option<[u16; 64]>; 4],
    pub dc_huffman: [Option<HuffmanSpec>; 4],
    pub ac_huffman: [Option<HuffmanSpec>; 4],
    pub conditioning: Option<[Conditioning; 16]>,
    /// MCUs between restart markers, 0 for none.
    pub restart_interval: u32,
    /// The frame header, once it has been met.
    pub frame: Option<Frame>,
    /// A JFIF marker says that three components are YCbCr.
    pub jfif: bool,
    /// The colour transform in Adobe's marker.
    pub adobe: Option<u8>,
    started: bool,
}

impl Markers {
    /// Reads on until a scan or the end of the image.
    pub fn read(&mut self, input: &mut Input) -> Result<Stop> {
        loop {
            let marker = self.next(input)?;
            match marker {
                0xd8 if self.started => return Err(damaged("an image starts within the image")),
                0xd8 => self.start(),
                0xc0..=0xc3 | 0xc9 | 0xca => self.frame(input, marker)?,
                0xcb => return Err(unsupported("lossless arithmetic coding")),
                0xc5..=0xc7 | 0xcd..=0xcf => return Err(unsupported("hierarchical coding")),
                0xda => return self.scan(input.segment("SOS")?).map(Stop::Scan),
                0xd9 if self.frame.is_some() => return Ok(Stop::End),
                // The end of tables that stand by themselves, before the image.
                0xd9 => self.started = false,
                0xc4 => self.huffman_tables(input.segment("DHT")?)?,
                0xcc => self.conditioning(input.segment("DAC")?)?,
                0xdb => self.quant_tables(input.segment("DQT")?)?,
                0xdd => {
                    let mut segment = input.segment("DRI")?;
                    segment.expect(2)?;
                    self.restart_interval = u32::from(u16::from_be_bytes(segment.array()?));
                }
                0xe0 => self.jfif |= is_jfif(input.skipped_segment()?),
                0xee => self.adobe = adobe_transform(input.skipped_segment()?).or(self.adobe),
                0xe1..=0xef | 0xfe | 0xdc => _ = input.skipped_segment()?,
                // Restart markers out of place, and TEM, have no parameters.
                0xd0..=0xd7 | 0x01 => {}
                other => return Err(damaged(format!("it has the unknown marker {other:#04x}"))),
            }
        }
    }

    fn next(&self, input: &mut Input) -> Result<u8> {
        if self.started {
            return input.next_marker();
        }
        match [input.byte()?, input.byte()?] {
            [0xff, 0xd8] => Ok(0xd8),
            _ => Err(damaged("it does not start with a JPEG marker")),
        }
    }

    fn start(&mut self) {
        self.started = true;
        self.conditioning = None;
        self.restart_interval = 0;
        self.jfif = false;
        self.adobe = None;
    }

    /// The conditioning of each arithmetic-coding table.
    pub fn conditioning_of(&self, table: usize) -> Conditioning {
        self.conditioning.map_or(DEFAULT_CONDITIONING, |all| all[table])
    }

    /// Fills in the standard Huffman tables where a file of sequential coding defines none.
    pub fn default_huffman_tables(&mut self) {
        for (index, chroma) in [(0, false), (1, true)] {
            self.dc_huffman[index].get_or_insert_with(|| standard(true, chroma));
            self.ac_huffman[index].get_or_insert_with(|| standard(false, chroma));
        }
    }

    /// Reads the frame header behind a marker, which tells how the frame is coded.
    fn frame(&mut self, input: &mut Input, marker: u8) -> Result<()> {
        if self.frame.is_some() {
            return Err(damaged("it has two frame headers"));
        }
        let coding = Coding {
            progressive: matches!(marker, 0xc2 | 0xca),
            arithmetic: matches!(marker, 0xc9 | 0xca),
            lossless: marker == 0xc3,
        };
        self.frame = Some(Frame::parse(&mut input.segment("SOF")?, coding)?);
        Ok(())
    }

    fn scan(&self, mut segment: Segment) -> Result<Scan> {
        let Some(frame) = &self.frame else {
            return Err(damaged("a scan comes before the frame header"));
        };
        let [count] = segment.array()?;
        let count = usize::from(count);
        segment.expect(2 * count + 3)?;
        if !(1..=4).contains(&count) {
            return Err(damaged(format!("a scan has {count} components")));
        }
        let mut parts: Vec<ScanPart> = Vec::with_capacity(count);
        for _ in 0..count {
            let [id, tables] = segment.array()?;
            // Components may share a number: each scan part takes the first whose index is free.
            let component = (0..frame.components.len())
                .find(|&index| frame.components[index].id == id && index >= parts.len());
            let component = component.filter(|index| parts.iter().all(|part| part.component != *index));
            parts.push(ScanPart {
                component: component
                    .ok_or_else(|| damaged(format!("a scan names component {id}, which it cannot hold")))?,
                dc_table: usize::from(tables >> 4),
                ac_table: usize::from(tables & 15),
            });
        }
        let [start, end, bits] = segment.array()?;
        Ok(Scan {
            parts,
            start,
            end,
            high: bits >> 4,
            low: bits & 15,
        })
    }

    fn huffman_tables(&mut self, mut segment: Segment) -> Result<()> {
        while segment.len() > 16 {
            let [class_and_index] = segment.array()?;
            let counts: [u8; 16] = segment.array()?;
            let count: usize = counts.iter().map(|&count| usize::from(count)).sum();
            if count > 256 || count > segment.len() {
                return Err(damaged("a Huffman table has more symbols than its marker holds"));
            }
            let mut symbols = [0; 256];
            symbols[..count].copy_from_slice(segment.take(count)?);
            let tables = if class_and_index & 0x10 == 0 {
                &mut self.dc_huffman
            } else {
                &mut self.ac_huffman
            };
            let index = usize::from(class_and_index & !0x10);
            let table = tables
                .get_mut(index)
                .ok_or_else(|| damaged(format!("a Huffman table has the impossible number {index}")))?;
            *table = Some(HuffmanSpec { counts, symbols });
        }
        segment.expect(0)
    }

    fn quant_tables(&mut self, mut segment: Segment) -> Result<()> {
        while segment.len() > 0 {
            let [precision_and_index] = segment.array()?;
            let bytes = if precision_and_index >> 4 == 0 { 1 } else { 2 };
            let index = usize::from(precision_and_index & 15);
            let table = self
                .quant
                .get_mut(index)
                .ok_or_else(|| damaged(format!("a quantization table has the impossible number {index}")))?;
            let values = segment.take(64 * bytes)?;
            let table = table.insert([0; 64]);
            for (value, &place) in values.chunks_exact(bytes).zip(&NATURAL_ORDER) {
                let value = value
                    .iter()
                    .fold(0, |number, &byte| number << 8 | u16::from(byte));
                table[usize::from(place)] = value;
            }
        }
        Ok(())
    }

    fn conditioning(&mut self, mut segment: Segment) -> Result<()> {
        let all = self.conditioning.get_or_insert([DEFAULT_CONDITIONING; 16]);
        while segment.len() > 0 {
            let [index, value] = segment.array()?;
            let index = usize::from(index);
            match index {
                0..16 if value & 15 > value >> 4 => {
                    return Err(damaged(format!(
                        "its DAC marker has the impossible value {value:#04x}"
                    )));
                }
                0..16 => (all[index].dc_lower, all[index].dc_upper) = (value & 15, value >> 4),
                16..32 => all[index - 16].ac_split = value,
                _ => {
                    return Err(damaged(format!(
                        "its DAC marker has the impossible table {index}"
                    )));
                }
            }
        }
        Ok(())
    }
}

fn unsupported(what: &str) -> JpegError {
    JpegError::Unsupported(what.into())
}

fn is_jfif(segment: &[u8]) -> bool {
    segment.len() >= 14 && segment.starts_with(b"JFIF\0")
}

fn adobe_transform(segment: &[u8]) -> Option<u8> {
    let data = segment.get(..12).filter(|data| data.starts_with(b"Adobe"))?;
    Some(data[11])
}
