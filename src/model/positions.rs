//! Positions of patches, resized to the proportions of an image.

use candle_core::{Device, Result, Tensor};

/// A square table of positions, and its resizing as PyTorch's `interpolate` does it: bilinear, with antialiasing.
pub struct Positions {
    /// `[side * side, width]`, row by row.
    table: Tensor,
    side: usize,
}

impl Positions {
    /// The positions of `side` rows of as many patches.
    pub fn new(table: Tensor, side: usize) -> Self {
        Self { table, side }
    }

    /// The positions of `rows` of `columns` patches, `[rows * columns, width]`.
    pub fn resized(&self, rows: usize, columns: usize) -> Result<Tensor> {
        if (rows, columns) == (self.side, self.side) {
            return Ok(self.table.clone());
        }
        let width = self.table.dim(1)?;
        let weights = |outputs: usize| -> Result<Tensor> {
            let weights = Tensor::from_vec(weights(self.side, outputs), (outputs, self.side), &Device::Cpu)?;
            weights
                .to_device(self.table.device())?
                .to_dtype(self.table.dtype())
        };
        let by_row = weights(rows)?.matmul(&self.table.reshape((self.side, self.side * width))?)?;
        let by_row = by_row.reshape((rows, self.side, width))?;
        let by_column = weights(columns)?
            .broadcast_left(rows)?
            .contiguous()?
            .matmul(&by_row)?;
        by_column.reshape((rows * columns, width))
    }
}

/// The share of each of `inputs` values in each of `outputs`, `[outputs, inputs]`: a triangle around the place of the output,
/// as wide as two outputs, or as two inputs where those are the wider.
fn weights(inputs: usize, outputs: usize) -> Vec<f32> {
    let scale = inputs as f64 / outputs as f64;
    let support = scale.max(1.0);
    let row = |output: usize| {
        let center = (output as f64 + 0.5) * scale - 0.5;
        let shares: Vec<f64> = (0..inputs)
            .map(|input| (1.0 - (input as f64 - center).abs() / support).max(0.0))
            .collect();
        let sum: f64 = shares.iter().sum();
        shares.into_iter().map(move |share| (share / sum) as f32)
    };
    (0..outputs).flat_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_its_own_size_stays_and_others_are_averaged() {
        assert_eq!(weights(2, 2), [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(weights(2, 1), [0.5, 0.5]);
        assert_eq!(weights(1, 3), [1.0; 3]);
        assert_eq!(weights(2, 4), [1.0, 0.0, 0.75, 0.25, 0.25, 0.75, 0.0, 1.0]);
    }
}
