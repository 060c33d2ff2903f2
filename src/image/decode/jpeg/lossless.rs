//! Lossless coding (T.81, annex H): each sample is a difference from what its neighbors predict, in Huffman codes. As in
//! libjpeg-turbo, colors are not converted and all components have the same size.

use super::bits::BitReader;
use super::color::ColorSpace;
use super::entropy::Restarts;
use super::error::{JpegError, Result, damaged};
use super::frame::Frame;
use super::huffman::HuffmanTable;
use super::input::Input;
use super::marker::{Markers, Scan, Stop};
use crate::image::limits::Cancel;

/// Bits of a sample.
const PRECISION: u8 = 8;

/// Decodes the scans of a frame from `first` on into interleaved `pixels`, for which there is room.
///
/// # Errors
/// [`JpegError::Unsupported`] for colors that would have to be converted, and errors of what is damaged.
pub fn decode(
    frame: &Frame,
    markers: &mut Markers,
    input: &mut Input,
    first: Scan,
    cancel: Cancel,
    mut pixels: Vec<u8>,
) -> Result<Vec<u8>> {
    let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
    let is_marked = markers.jfif || markers.adobe.is_some_and(|transform| transform != 0);
    let given = frame.container.map(|container| container.colors);
    match given.unwrap_or_else(|| ColorSpace::of(markers, &ids)) {
        ColorSpace::Gray | ColorSpace::Rgb | ColorSpace::Stored => {}
        // Without a marker, three components are what they are.
        ColorSpace::YCbCr if !is_marked => {}
        _ => return Err(JpegError::Unsupported("lossless coding of such colors".into())),
    }
    if ids.len() > 1 && (frame.max_h, frame.max_v) != (1, 1) {
        return Err(JpegError::Unsupported("lossless coding of fewer samples".into()));
    }
    pixels.resize(frame.width * frame.height * ids.len(), 0);
    let mut missing: Vec<usize> = (0..ids.len()).collect();
    let mut scan = first;
    loop {
        for part in &scan.parts {
            let at = missing.iter().position(|component| *component == part.component);
            missing.remove(at.ok_or_else(|| damaged("a component of lossless coding comes twice"))?);
        }
        LosslessScan::new(frame, markers, &scan)?.read(input, cancel, &mut pixels)?;
        if missing.is_empty() {
            return Ok(pixels);
        }
        match markers.read(input)? {
            Stop::Scan(next) => scan = next,
            Stop::End => return Err(damaged("it lacks a component")),
        }
    }
}

/// One scan of samples.
struct LosslessScan {
    width: usize,
    height: usize,
    /// Components of the frame.
    count: usize,
    /// Each component's place in a pixel, table, and row of samples before the present one.
    parts: Vec<(usize, HuffmanTable, Vec<u16>)>,
    predictor: u8,
    /// Lowest bits that are left out.
    shift: u8,
    restarts: Restarts,
    /// Samples between restarts are those of whole rows.
    rows_between_restarts: Option<usize>,
}

impl LosslessScan {
    fn new(frame: &Frame, markers: &Markers, scan: &Scan) -> Result<Self> {
        let Scan {
            start: predictor,
            end,
            high,
            low: shift,
            ..
        } = *scan;
        if !(1..=7).contains(&predictor) || end != 0 || high != 0 || shift >= PRECISION {
            return Err(damaged(format!(
                "a lossless scan has the impossible parameters {predictor}, {end}, {high}, {shift}"
            )));
        }
        let interval = markers.restart_interval as usize;
        if !interval.is_multiple_of(frame.width) {
            return Err(damaged("restarts within a row of lossless coding"));
        }
        let part = |part: &super::marker::ScanPart| {
            let spec = markers.dc_huffman.get(part.dc_table).and_then(Option::as_ref);
            let spec = spec.ok_or_else(|| damaged("a scan uses a Huffman table that is not defined"))?;
            Ok((
                part.component,
                HuffmanTable::new(spec, false)?,
                vec![0; frame.width],
            ))
        };
        Ok(Self {
            width: frame.width,
            height: frame.height,
            count: frame.components.len(),
            parts: scan.parts.iter().map(part).collect::<Result<_>>()?,
            predictor,
            shift,
            restarts: Restarts::new((interval / frame.width) as u32),
            rows_between_restarts: (interval > 0).then_some(interval / frame.width),
        })
    }

    fn read(&mut self, input: &mut Input, cancel: Cancel, pixels: &mut [u8]) -> Result<()> {
        let mut bits = BitReader::default();
        for y in 0..self.height {
            if cancel.is_cancelled() {
                return Err(JpegError::Cancelled);
            }
            if self.restarts.next_mcu(input)? {
                bits.clear();
            }
            let is_first = y.is_multiple_of(self.rows_between_restarts.unwrap_or(self.height));
            let row = &mut pixels[y * self.width * self.count..][..self.width * self.count];
            self.row(input, &mut bits, is_first, row)?;
            if bits.ended {
                return Err(JpegError::EndsEarly);
            }
        }
        Ok(())
    }

    /// Reads a row, which nothing above predicts where it `is_first`.
    fn row(&mut self, input: &mut Input, bits: &mut BitReader, is_first: bool, row: &mut [u8]) -> Result<()> {
        let middle = 1 << (PRECISION - self.shift - 1);
        // Of each component: the sample to the left, and the one above that.
        let mut before = [(0, 0); 4];
        for (x, pixel) in row.chunks_exact_mut(self.count).enumerate() {
            for ((place, table, above), (left, corner)) in self.parts.iter_mut().zip(&mut before) {
                let up = i32::from(above[x]);
                let predicted = match (is_first, x) {
                    (true, 0) => middle,
                    (true, _) => *left,
                    (false, 0) => up,
                    (false, _) => predict(self.predictor, *left, up, *corner),
                };
                let difference = match bits.symbol(input, table) {
                    0 => 0,
                    size @ 1..=15 => bits.signed(input, size.into()),
                    16 => 1 << 15,
                    size => return Err(damaged(format!("a difference of {size} bits"))),
                };
                let sample = (predicted + difference) as u16;
                above[x] = sample;
                (*left, *corner) = (i32::from(sample), up);
                pixel[*place] = (sample << self.shift) as u8;
            }
        }
        Ok(())
    }
}

/// The prediction of a sample by those to its left, above it, and above the left one (table H.1).
fn predict(predictor: u8, left: i32, up: i32, corner: i32) -> i32 {
    match predictor {
        1 => left,
        2 => up,
        3 => corner,
        4 => left + up - corner,
        5 => left + ((up - corner) >> 1),
        6 => up + ((left - corner) >> 1),
        _ => (left + up) >> 1,
    }
}
