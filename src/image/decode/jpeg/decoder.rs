//! The course of decoding: headers, then scan after scan into a store of coefficients or straight into
//! pixels.

use super::arithmetic::ArithmeticDecoder;
use super::color::ColorSpace;
use super::entropy::{Block, EntropyDecoder, Pass};
use super::error::{JpegError, Result, damaged};
use super::frame::Frame;
use super::input::Input;
use super::lossless;
use super::marker::{Markers, Scan, Stop};
use super::planes::Planes;
use super::progressive::ProgressiveDecoder;
use super::scan::{BlockSink, ScanWalk, Work};
use super::sequential::SequentialDecoder;
use super::smoothing;
use super::store::{Progress, Store, StoreSink};
use super::{Container, Pixels, Scale};
use crate::image::limits::{Cancel, Limits};

/// Decodes a JPEG file at a scale. The limit on pixels is on those of the header, whatever the scale.
///
/// # Errors
/// [`JpegError`] for every way in which a file can be unfit.
pub fn decode(bytes: &[u8], limits: &Limits, scale: Scale) -> Result<Pixels> {
    decode_in(bytes, limits, scale, None)
}

/// [`decode`] of a JPEG within another file.
pub fn decode_in(
    bytes: &[u8],
    limits: &Limits,
    scale: Scale,
    container: Option<Container>,
) -> Result<Pixels> {
    let mut input = Input::new(bytes);
    let mut markers = Markers::default();
    let Stop::Scan(scan) = markers.read(&mut input)? else {
        return Err(damaged("it holds no image"));
    };
    let mut frame = markers
        .frame
        .clone()
        .ok_or_else(|| damaged("it has no frame header"))?;
    frame.container = container;
    let count = frame.components.len();
    let fits = match container.map(|container| container.colors) {
        None => count != 2,
        Some(ColorSpace::Stored) => true,
        Some(_) => count == 3,
    };
    if !fits {
        return Err(JpegError::Unsupported(format!("{count} components")));
    }
    let stored = frame.coding.progressive || scan.parts.len() < frame.components.len();
    check_size(&frame, stored, bytes.len(), limits, scale)?;
    let (width, height) = frame.output_size(scale);
    if frame.coding.lossless && scale != Scale::Full {
        return Err(out_of_memory(&frame, stored, scale));
    }
    let mut pixels = Vec::new();
    pixels
        .try_reserve_exact(width * height * frame.output_channels())
        .map_err(|_| out_of_memory(&frame, stored, scale))?;
    if frame.coding.lossless {
        let data = lossless::decode(&frame, &mut markers, &mut input, scan, limits.cancel, pixels)?;
        return Ok(Pixels {
            width: width as u32,
            height: height as u32,
            channels: frame.output_channels(),
            data,
        });
    }
    let mut image = Image {
        work: Work::new(&frame, bytes.len()),
        frame,
        markers,
        input,
        cancel: limits.cancel,
        scale,
    };
    let data = if stored {
        let stores = image
            .frame
            .components
            .iter()
            .map(|component| Store::new(&image.frame, component));
        let Some(mut stores) = stores.collect::<Option<Vec<Store>>>() else {
            return Err(out_of_memory(&image.frame, stored, scale));
        };
        let progress = image.read_scans(scan, &mut stores)?;
        image.render(&stores, &progress, pixels)?
    } else {
        image.decode_only_scan(&scan, pixels)?
    };
    Ok(Pixels {
        width: width as u32,
        height: height as u32,
        channels: image.frame.output_channels(),
        data,
    })
}

/// The error that an image of this frame needs more memory than there is.
fn out_of_memory(frame: &Frame, stored: bool, scale: Scale) -> JpegError {
    JpegError::OutOfMemory {
        width: frame.width as u32,
        height: frame.height as u32,
        scale,
        needed: frame.memory(scale, stored),
    }
}

/// Refuses a frame that is over the limits, or of more pixels than a file of `file_bytes` can hold.
fn check_size(frame: &Frame, stored: bool, file_bytes: usize, limits: &Limits, scale: Scale) -> Result<()> {
    let count = frame.width as u64 * frame.height as u64;
    if count > limits.max_pixels {
        return Err(JpegError::TooManyPixels {
            width: frame.width as u32,
            height: frame.height as u32,
            limit: limits.max_pixels,
        });
    }
    // Each block takes a bit at least, of Huffman codes.
    if !frame.coding.arithmetic && count / 64 / 8 > file_bytes as u64 {
        return Err(damaged(format!(
            "the file ends early: its header says {}x{} pixels, which {file_bytes} bytes cannot hold",
            frame.width, frame.height,
        )));
    }
    if frame.memory(scale, stored) > limits.max_memory {
        return Err(out_of_memory(frame, stored, scale));
    }
    Ok(())
}

/// An image under way.
struct Image<'a> {
    frame: Frame,
    markers: Markers,
    input: Input<'a>,
    work: Work,
    cancel: Cancel<'a>,
    scale: Scale,
}

impl Image<'_> {
    /// Keeps the quantization tables of components whose first scan begins.
    fn keep_quant_tables(&mut self, scan: &Scan) -> Result<()> {
        for part in &scan.parts {
            let component = &mut self.frame.components[part.component];
            if component.quant.is_none() {
                let index = component.quant_index;
                component.quant = self.markers.quant.get(index).copied().flatten();
                if component.quant.is_none() {
                    return Err(damaged(format!(
                        "a component uses quantization table {index}, which is not defined"
                    )));
                }
            }
        }
        Ok(())
    }

    fn colors(&self) -> ColorSpace {
        if let Some(container) = self.frame.container {
            return container.colors;
        }
        let ids: Vec<u8> = self
            .frame
            .components
            .iter()
            .map(|component| component.id)
            .collect();
        ColorSpace::of(&self.markers, &ids)
    }

    /// Decodes an image with one scan of all its components, strip by strip.
    fn decode_only_scan(&mut self, scan: &Scan, pixels: Vec<u8>) -> Result<Vec<u8>> {
        self.keep_quant_tables(scan)?;
        let planes = Planes::new(&self.frame, self.colors(), self.scale, pixels)?;
        let pixels = if self.frame.coding.arithmetic {
            self.strips(scan, ArithmeticDecoder::new(&self.markers, scan, false)?, planes)?
        } else {
            self.markers.default_huffman_tables();
            self.strips(scan, SequentialDecoder::new(&self.markers, scan)?, planes)?
        };
        // Markers behind the pixels have to make sense, but the end need not be marked.
        match self.markers.read(&mut self.input) {
            Ok(Stop::Scan(_)) => Err(damaged("a second scan follows the one that holds all components")),
            Ok(Stop::End) | Err(JpegError::EndsEarly) => Ok(pixels),
            Err(error) => Err(error),
        }
    }

    fn strips(&mut self, scan: &Scan, decoder: impl EntropyDecoder, planes: Planes) -> Result<Vec<u8>> {
        let mut walk = ScanWalk::new(&self.frame, scan, decoder, &mut self.work, self.cancel)?;
        let factors = self
            .frame
            .components
            .iter()
            .map(|component| component.v)
            .collect();
        let mut sink = StripSink {
            planes,
            block: [0; 64],
            factors,
            mcu_row: 0,
        };
        for row in 0..self.frame.mcu_rows() {
            sink.mcu_row = row;
            walk.row(&mut self.input, row, &mut self.work, &mut sink)?;
            sink.planes.finish_strip();
        }
        Ok(sink.planes.into_pixels())
    }

    /// Reads all scans of an image into `stores`.
    fn read_scans(&mut self, first: Scan, stores: &mut [Store]) -> Result<Progress> {
        // Sampling factors that cannot be enlarged are refused before the work.
        Planes::new(&self.frame, self.colors(), self.scale, Vec::new())?;
        if !self.frame.coding.progressive && !self.frame.coding.arithmetic {
            self.markers.default_huffman_tables();
        }
        let mut progress = Progress::new();
        let mut scan = first;
        loop {
            self.keep_quant_tables(&scan)?;
            self.read_scan(&scan, stores, &mut progress)?;
            match self.markers.read(&mut self.input)? {
                Stop::Scan(next) => scan = next,
                Stop::End => return Ok(progress),
            }
        }
    }

    fn read_scan(&mut self, scan: &Scan, stores: &mut [Store], progress: &mut Progress) -> Result<()> {
        let coding = self.frame.coding;
        if coding.progressive {
            Pass::of(scan)?;
            let first = self.work.scans() == 0;
            for part in &scan.parts {
                progress.begin_scan(part.component, scan.start, scan.end, scan.low, first);
            }
        }
        let good_row = &mut progress.last_good_row;
        match (coding.arithmetic, coding.progressive) {
            (true, progressive) => {
                let decoder = ArithmeticDecoder::new(&self.markers, scan, progressive)?;
                self.fill(scan, decoder, stores, good_row)
            }
            (false, true) => self.fill(
                scan,
                ProgressiveDecoder::new(&self.markers, scan)?,
                stores,
                good_row,
            ),
            (false, false) => self.fill(
                scan,
                SequentialDecoder::new(&self.markers, scan)?,
                stores,
                good_row,
            ),
        }
    }

    fn fill(
        &mut self,
        scan: &Scan,
        decoder: impl EntropyDecoder,
        stores: &mut [Store],
        last_good_row: &mut usize,
    ) -> Result<()> {
        let mut walk = ScanWalk::new(&self.frame, scan, decoder, &mut self.work, self.cancel)?;
        let mut sink = StoreSink { stores };
        for row in 0..self.frame.mcu_rows() {
            if walk.row(&mut self.input, row, &mut self.work, &mut sink)? {
                *last_good_row = row;
            }
        }
        Ok(())
    }

    /// Makes pixels of stored coefficients.
    fn render(&self, stores: &[Store], progress: &Progress, pixels: Vec<u8>) -> Result<Vec<u8>> {
        let mut planes = Planes::new(&self.frame, self.colors(), self.scale, pixels)?;
        let components = &self.frame.components;
        let known: Vec<_> = (0..components.len()).map(|index| progress.known(index)).collect();
        let states = components.iter().zip(&known);
        let smooth = self.frame.coding.progressive
            && smoothing::applies(states.map(|(component, known)| (component.quant.as_ref(), known)));
        for row in 0..self.frame.mcu_rows() {
            if self.cancel.is_cancelled() {
                return Err(JpegError::Cancelled);
            }
            for (index, component) in components.iter().enumerate() {
                let rows = (component.height_in_blocks - row * component.v).min(component.v);
                let known = if row > progress.last_good_row {
                    progress.known_before(index, self.work.scans())
                } else {
                    known[index]
                };
                for y in 0..rows {
                    let around = smoothing::window_rows(y, rows, row, self.frame.mcu_rows(), component.v);
                    for x in 0..component.width_in_blocks {
                        match &component.quant {
                            Some(quant) if smooth => {
                                let width = component.width_in_blocks;
                                let block =
                                    smoothing::smoothed(&stores[index], around, x, width, &known, quant);
                                planes.put(index, x, y, &block);
                            }
                            _ => planes.put(index, x, y, stores[index].block(x, around[2])),
                        }
                    }
                }
            }
            planes.finish_strip();
        }
        Ok(planes.into_pixels())
    }
}

/// Blocks that become samples as soon as they are read.
struct StripSink {
    planes: Planes,
    block: Block,
    /// Vertical sampling factor of each component.
    factors: Vec<usize>,
    mcu_row: usize,
}

impl BlockSink for StripSink {
    #[inline]
    fn block(&mut self, _: usize, _: usize, _: usize) -> &mut Block {
        self.block = [0; 64];
        &mut self.block
    }

    #[inline]
    fn finish_block(&mut self, component: usize, x: usize, y: usize) {
        let row = y - self.mcu_row * self.factors[component];
        self.planes.put(component, x, row, &self.block);
    }
}
