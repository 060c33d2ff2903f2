//! TIFF's predictors: samples that are stored as differences from those of the pixel before, in each row of a chunk.

use super::samples::SampleShape;
use crate::Result;
use crate::image::decode::file::File;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    /// Samples as they are.
    None,
    /// Differences of samples.
    Samples,
    /// Differences of the bytes of floating-point samples, the highest bytes of a row first.
    Floats,
}

impl Predictor {
    /// By the value of tag 317.
    pub fn new(file: &File, code: u64, shape: SampleShape) -> Result<Self> {
        match code {
            0 | 1 => Ok(Self::None),
            2 => Ok(Self::Samples),
            3 if shape.float => Ok(Self::Floats),
            other => Err(file.unsupported(format_args!("predictor {other}"))),
        }
    }

    /// Turns differences in rows of a plane into samples.
    pub fn undo(self, rows: &mut [u8], row_bytes: usize, shape: SampleShape) {
        match self {
            Self::None => {}
            Self::Samples => rows
                .chunks_exact_mut(row_bytes)
                .for_each(|row| add_samples(row, shape)),
            Self::Floats => {
                let mut spread = Vec::new();
                rows.chunks_exact_mut(row_bytes)
                    .for_each(|row| add_bytes(row, shape, &mut spread));
            }
        }
    }
}

fn add_samples(row: &mut [u8], shape: SampleShape) {
    let bytes = shape.bytes;
    let number = |bytes: &[u8]| shape.number(bytes);
    for at in (shape.stride * bytes..row.len().saturating_sub(bytes - 1)).step_by(bytes) {
        let before = number(&row[at - shape.stride * bytes..][..bytes]);
        let sample = number(&row[at..][..bytes]).wrapping_add(before).to_le_bytes();
        for (index, byte) in row[at..at + bytes].iter_mut().enumerate() {
            *byte = sample[shape.place(index)];
        }
    }
}

fn add_bytes(row: &mut [u8], shape: SampleShape, spread: &mut Vec<u8>) {
    for at in shape.stride..row.len() {
        row[at] = row[at].wrapping_add(row[at - shape.stride]);
    }
    spread.clear();
    spread.extend_from_slice(row);
    let count = row.len() / shape.bytes;
    for (index, sample) in row.chunks_exact_mut(shape.bytes).enumerate() {
        for (at, byte) in sample.iter_mut().enumerate() {
            *byte = spread[(shape.bytes - 1 - shape.place(at)) * count + index];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_floats_are_gathered_in_the_order_of_the_file() {
        let values = [1.5f32, -2.25, 3e9];
        for big_endian in [false, true] {
            let shape = SampleShape {
                stride: 1,
                bytes: 4,
                float: true,
                big_endian,
            };
            // The highest bytes first, then differences from left to right.
            let spread: Vec<u8> = (0..4)
                .flat_map(|byte| values.map(|value| value.to_be_bytes()[byte]))
                .collect();
            let mut row: Vec<u8> = (0..spread.len())
                .map(|at| spread[at].wrapping_sub(if at == 0 { 0 } else { spread[at - 1] }))
                .collect();
            Predictor::Floats.undo(&mut row, 12, shape);
            let wanted = values.map(|value| match big_endian {
                true => value.to_be_bytes(),
                false => value.to_le_bytes(),
            });
            assert_eq!(row, wanted.as_flattened());
        }
    }
}
