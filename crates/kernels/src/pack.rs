//! Quantized weight matrices, packed once into the layout that the products read.
//!
//! A matrix of `n` outputs by `k` inputs is cut into panels of [`PANEL`] outputs; within a panel the
//! bytes run `[k / GROUP][output][GROUP inputs]`, so that one load gives several outputs their next few
//! inputs and meets one splatted group of activations. Outputs and inputs are padded with zeros.

use std::ops::Range;

use super::dispatch::{self, Kernel};
use super::layout::{GROUP, MAX_INPUTS, PANEL, Q4_GROUP};
use super::pairs;
use super::transpose_pack::{self, PackStats, pack_row, sum};
use crate::{Error, Result};

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::arch::wasm_transpose_pack::transpose_pack;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
use super::transpose_pack::transpose_pack;

/// Bits of a packed weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bits {
    /// `w = scale[n] * q`, `q` in −127..=127.
    Q8,
    /// `w = scale[n] * multiplier[n][k / 32] * (nibble - 8)`, multiplier in 1..=15.
    Q4,
}

/// A quantized matrix `[n, k]` in panels.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedMatrix {
    n: usize,
    k: usize,
    bits: Bits,
    /// Q8: one byte a weight. Q4: two weights a byte, in the same order.
    data: Vec<u8>,
    /// Q4 only: `[panel][k / 32][PANEL]`.
    multipliers: Vec<u8>,
    scales: Vec<f32>,
    /// Sum of an output's integer weights: corrects for the activations' zero point.
    sums: Vec<i32>,
    /// Weights are changed so that they fit by pairs (`pairs.rs`).
    fits_pairs: bool,
}

impl PackedMatrix {
    /// Starts a matrix of `n` outputs by `k` inputs for the kernel in use; rows are pushed in order.
    ///
    /// # Errors
    /// See [`builder_for`](Self::builder_for).
    pub fn builder(n: usize, k: usize, bits: Bits) -> Result<PackedMatrixBuilder> {
        Self::builder_for(dispatch::best(), n, k, bits)
    }

    /// Starts a matrix of `n` outputs by `k` inputs whose 8-bit weights suit a kernel: where that sums products by pairs in
    /// 16 bits, large pairs are lowered. Every kernel multiplies every matrix; its codes are widest with its own.
    ///
    /// # Errors
    /// [`Error`] where a side is zero, the size overflows, there are more than 8192 inputs, or `k` does not suit the bits
    /// (4-bit weights come in groups of 32).
    pub fn builder_for(kernel: &Kernel, n: usize, k: usize, bits: Bits) -> Result<PackedMatrixBuilder> {
        let unfit = |why: &str| {
            Error::new(format!(
                "cannot pack a matrix of {n} outputs by {k} inputs: {why}"
            ))
        };
        if n == 0 || k == 0 {
            return Err(unfit("a side is zero"));
        }
        if k > MAX_INPUTS {
            return Err(unfit("it has more than 8192 inputs"));
        }
        if bits == Bits::Q4 && !k.is_multiple_of(Q4_GROUP) {
            return Err(unfit("4-bit weights come in groups of 32 inputs"));
        }
        let (panels, groups) = (n.div_ceil(PANEL), k.div_ceil(GROUP));
        let bytes = panels
            .checked_mul(groups)
            .and_then(|blocks| blocks.checked_mul(PANEL * GROUP))
            .filter(|&bytes| bytes <= isize::MAX as usize)
            .ok_or_else(|| unfit("it is too large"))?;
        let multipliers = if bits == Bits::Q4 {
            panels * PANEL * (k / Q4_GROUP)
        } else {
            0
        };
        let mut data = Vec::new();
        data.try_reserve_exact(if bits == Bits::Q4 { bytes / 2 } else { bytes })
            .map_err(|_| unfit("there is no memory for it"))?;
        Ok(PackedMatrixBuilder {
            matrix: PackedMatrix {
                n,
                k,
                bits,
                data,
                multipliers: vec![0; multipliers],
                scales: vec![0.0; panels * PANEL],
                sums: vec![0; panels * PANEL],
                fits_pairs: kernel.pairwise && bits == Bits::Q8,
            },
            rows: 0,
            min: 0,
        })
    }

    /// Number of outputs.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Number of inputs.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Bits a weight takes.
    pub fn bits(&self) -> Bits {
        self.bits
    }

    /// Weights were changed so that they fit by pairs (`pairs.rs`).
    pub(super) fn fits_pairs(&self) -> bool {
        self.fits_pairs
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.data.len() + self.multipliers.len() + 4 * (self.scales.len() + self.sums.len())
    }

    pub(super) fn panels(&self) -> usize {
        self.n.div_ceil(PANEL)
    }

    /// Groups of four inputs, the last padded with zeros.
    pub(super) fn groups(&self) -> usize {
        self.k.div_ceil(GROUP)
    }

    /// Scales of a panel's outputs.
    pub(super) fn scales(&self, panel: usize) -> &[f32; PANEL] {
        self.scales[panel * PANEL..][..PANEL]
            .try_into()
            .expect("a panel has PANEL scales")
    }

    /// Sums of a panel's integer weights.
    pub(super) fn sums(&self, panel: usize) -> &[i32; PANEL] {
        self.sums[panel * PANEL..][..PANEL]
            .try_into()
            .expect("a panel has PANEL sums")
    }

    /// Weights of `count` panels from `first` on, `[count][groups][PANEL][GROUP]`; 4-bit ones are
    /// expanded into `scratch`.
    pub(super) fn expanded<'a>(&'a self, first: usize, count: usize, scratch: &'a mut Vec<i8>) -> &'a [i8] {
        let bytes = self.groups() * PANEL * GROUP;
        match self.bits {
            Bits::Q8 => {
                let data = &self.data[first * bytes..][..count * bytes];
                // SAFETY: u8 and i8 have the same size and alignment, and every bit pattern is valid.
                unsafe { std::slice::from_raw_parts(data.as_ptr().cast(), data.len()) }
            }
            Bits::Q4 => {
                scratch.resize(count * bytes, 0);
                for (panel, out) in (first..first + count).zip(scratch.chunks_exact_mut(bytes)) {
                    self.expand(panel, out);
                }
                scratch
            }
        }
    }

    /// Bytes that hold the weights of some panels.
    pub(super) fn bytes_of(&self, panels: Range<usize>) -> &[u8] {
        let bytes = self.data.len() / self.panels();
        &self.data[panels.start * bytes..panels.end * bytes]
    }

    /// Multiplies each output's weights by a factor, by way of its scale.
    ///
    /// # Panics
    /// Where there are not as many factors as outputs.
    pub fn scale_outputs(&mut self, factors: &[f32]) {
        assert_eq!(factors.len(), self.n);
        self.scales
            .iter_mut()
            .zip(factors)
            .for_each(|(scale, factor)| *scale *= factor);
    }

    /// Expands one 4-bit panel: half a block's weights lie in low nibbles, the other half in high ones.
    fn expand(&self, panel: usize, out: &mut [i8]) {
        const HALF: usize = PANEL * GROUP / 2;
        let bytes = out.len() / 2;
        let data = &self.data[panel * bytes..][..bytes];
        let groups = self.k / Q4_GROUP;
        let multipliers = self.multipliers[panel * PANEL * groups..].chunks_exact(PANEL);
        let shared = data
            .chunks(HALF * Q4_GROUP / GROUP)
            .zip(out.chunks_mut(2 * HALF * Q4_GROUP / GROUP));
        for (multipliers, (packed, out)) in multipliers.zip(shared) {
            let each: [i8; 2 * HALF] = std::array::from_fn(|i| multipliers[i / GROUP] as i8);
            for (packed, out) in packed.chunks_exact(HALF).zip(out.chunks_exact_mut(2 * HALF)) {
                let (low, high) = out.split_at_mut(HALF);
                for i in 0..HALF {
                    low[i] = ((packed[i] & 15) as i8 - 8) * each[i];
                    high[i] = ((packed[i] >> 4) as i8 - 8) * each[HALF + i];
                }
            }
        }
    }
}

/// Takes rows of weights in order and lays them into panels. See [`PackedMatrix::builder`].
#[derive(Debug)]
pub struct PackedMatrixBuilder {
    matrix: PackedMatrix,
    rows: usize,
    min: i8,
}

impl PackedMatrixBuilder {
    fn unfit(&self, why: impl std::fmt::Display) -> Error {
        let PackedMatrix { n, k, .. } = self.matrix;
        Error::new(format!(
            "rows pushed at {} do not fit a matrix of {n} outputs by {k} inputs: {why}",
            self.rows
        ))
    }

    /// The `bytes` of a panel, zeros when it is begun: only then, while they are in the cache.
    fn panel(&mut self, panel: usize, bytes: usize) -> &mut [u8] {
        let data = &mut self.matrix.data;
        data.resize(data.len().max((panel + 1) * bytes), 0);
        &mut data[panel * bytes..][..bytes]
    }

    fn admit(&self, bits: Bits, scales: &[f32]) -> Result<()> {
        if self.matrix.bits != bits {
            return Err(self.unfit("it was begun with other bits"));
        }
        if scales.len() > self.matrix.n - self.rows {
            return Err(self.unfit(format_args!("{} more rows", scales.len())));
        }
        match scales.iter().find(|s| !s.is_finite()) {
            Some(scale) => Err(self.unfit(format_args!("a scale of {scale}"))),
            None => Ok(()),
        }
    }

    /// Appends 8-bit rows: `rows` is `[scales.len(), k]`, row-major.
    ///
    /// # Errors
    /// [`Error`] where the lengths do not match, rows are too many or a scale is not finite.
    pub fn push_q8(&mut self, rows: &[i8], scales: &[f32]) -> Result<()> {
        self.admit(Bits::Q8, scales)?;
        let k = self.matrix.k;
        if rows.len() != scales.len() * k {
            return Err(self.unfit(format_args!(
                "{} weights with {} scales",
                rows.len(),
                scales.len()
            )));
        }
        let bytes = k.div_ceil(GROUP) * PANEL * GROUP;
        self.matrix.scales[self.rows..][..scales.len()].copy_from_slice(scales);
        let mut narrowed = Vec::new();
        let mut left = rows;
        while !left.is_empty() {
            let (panel, output) = (self.rows / PANEL, self.rows % PANEL);
            let count = (PANEL - output).min(left.len() / k);
            let (mut rows, rest) = left.split_at(count * k);
            if self.matrix.fits_pairs {
                narrowed.clear();
                narrowed.extend_from_slice(rows);
                let scales = &mut self.matrix.scales[self.rows..];
                let given = rows.chunks_exact(k).zip(narrowed.chunks_exact_mut(k));
                for ((given, row), scale) in given.zip(scales) {
                    if let Some(factor) = pairs::narrow(row) {
                        *scale *= factor;
                        self.min = self.min.min(transpose_pack::min(given));
                    }
                }
                rows = &narrowed;
            }
            let stats = if count == PANEL && k.is_multiple_of(GROUP) {
                let data = &mut self.matrix.data;
                let stats = transpose_pack(rows, &mut data.spare_capacity_mut()[..bytes]);
                // SAFETY: there is room for the panel, which comes next, and all of it was just written.
                unsafe { data.set_len(data.len() + bytes) };
                stats
            } else {
                let panel = self.panel(panel, bytes);
                let mut sums = [0; PANEL];
                for (i, row) in rows.chunks_exact(k).enumerate() {
                    pack_row(row, output + i, panel);
                    sums[i] = sum(row);
                }
                let min = transpose_pack::min(rows);
                PackStats { sums, min }
            };
            self.min = self.min.min(stats.min);
            self.matrix.sums[self.rows..][..count].copy_from_slice(&stats.sums[..count]);
            self.rows += count;
            left = rest;
        }
        Ok(())
    }

    /// Appends 4-bit rows: `nibbles` is `[scales.len(), k / 2]` with element 2j in the low nibble of
    /// byte j, `multipliers` is `[scales.len(), k / 32]` of values 0..=15.
    ///
    /// # Errors
    /// [`Error`] where the lengths do not match, rows are too many, a multiplier is over 15
    /// or a scale is not finite.
    pub fn push_q4(&mut self, nibbles: &[u8], multipliers: &[u8], scales: &[f32]) -> Result<()> {
        self.admit(Bits::Q4, scales)?;
        let k = self.matrix.k;
        let groups = k / Q4_GROUP;
        if nibbles.len() != scales.len() * (k / 2) || multipliers.len() != scales.len() * groups {
            let (have, also) = (nibbles.len(), multipliers.len());
            return Err(self.unfit(format_args!(
                "{have} bytes and {also} multipliers with {} scales",
                scales.len()
            )));
        }
        if let Some(multiplier) = multipliers.iter().find(|&&m| m > 15) {
            return Err(self.unfit(format_args!("a multiplier of {multiplier}, over 15")));
        }
        let half = PANEL * GROUP / 2;
        let bytes = k / GROUP * half;
        let rows = nibbles.chunks_exact(k / 2).zip(multipliers.chunks_exact(groups));
        for ((row, multipliers), &scale) in rows.zip(scales) {
            let (panel, output) = (self.rows / PANEL, self.rows % PANEL);
            // The first half of a block's weights lies in low nibbles, the second in high ones.
            let (slot, shift) = (output * GROUP % half, if output < PANEL / 2 { 0 } else { 4 });
            let blocks = self.panel(panel, bytes).chunks_exact_mut(half);
            for (pairs, block) in row.chunks_exact(GROUP / 2).zip(blocks) {
                let weights = pairs.iter().flat_map(|pair| [pair & 15, pair >> 4]);
                for (w, byte) in weights.zip(&mut block[slot..]) {
                    *byte |= w << shift;
                }
            }
            let m = &mut self.matrix;
            for (group, &multiplier) in multipliers.iter().enumerate() {
                m.multipliers[(panel * groups + group) * PANEL + output] = multiplier;
            }
            let sum = |(bytes, &multiplier): (&[u8], &u8)| {
                let nibbles: i32 = bytes
                    .iter()
                    .map(|b| i32::from(b & 15) + i32::from(b >> 4) - 16)
                    .sum();
                nibbles * i32::from(multiplier)
            };
            m.scales[self.rows] = scale;
            m.sums[self.rows] = row.chunks_exact(Q4_GROUP / 2).zip(multipliers).map(sum).sum();
            self.rows += 1;
        }
        Ok(())
    }

    /// Smallest 8-bit code of those pushed, or zero.
    pub fn min_code(&self) -> i8 {
        self.min
    }

    /// The packed matrix, once every row is in.
    ///
    /// # Errors
    /// [`Error`] where rows are missing.
    pub fn finish(self) -> Result<PackedMatrix> {
        if self.rows == self.matrix.n {
            Ok(self.matrix)
        } else {
            Err(self.unfit("rows are missing"))
        }
    }
}
