//! From a tile's integer sums to outputs: scales, zero points, bias and what follows, in one pass.

use std::ops::Range;

use super::activation::{Activation, gelu, quick_gelu};
use super::lanes::{Lanes, Vector};
use super::pack::{PANEL, PackedMatrix};
use super::parallel::SharedRows;
use super::quantize::RowCode;

/// What happens to a product before it is stored.
#[derive(Debug, Clone, Copy)]
pub enum Epilogue<'a> {
    /// Nothing more than the bias.
    None,
    /// An activation function.
    Activation(Activation),
    /// A residual of the output's shape is added.
    Residual(&'a [f32]),
}

/// The sums of a tile, `[rows, panels]` of [`PANEL`].
pub struct Sums<'a> {
    pub sums: &'a [[i32; PANEL]],
    pub rows: Range<usize>,
    pub panels: Range<usize>,
}

/// What turns the sums of one product into outputs.
pub struct Finisher<'a> {
    pub coded: &'a [RowCode],
    pub w: &'a PackedMatrix,
    pub bias: Option<&'a [f32]>,
    pub epilogue: Epilogue<'a>,
    pub out: SharedRows<'a>,
}

impl Finisher<'_> {
    /// Stores the outputs of a tile. No other thread may have the same panels.
    #[inline(always)]
    pub fn store(&self, sums: &Sums) {
        match self.epilogue {
            Epilogue::None => self.panels(sums, |y, _| y, |y, _| y),
            Epilogue::Activation(Activation::QuickGelu) => {
                self.panels(sums, |y, _| quick_gelu(y), |y, _| quick_gelu(y))
            }
            Epilogue::Activation(Activation::Gelu) => self.panels(sums, |y, _| gelu(y), |y, _| gelu(y)),
            Epilogue::Residual(residual) => self.panels(
                sums,
                |y, at| y + Vector::load(&residual[at..]),
                |y, at| y + residual[at],
            ),
        }
    }

    /// Whole panels by vectors, a last one that is not whole value by value. `then` and `then_one` are
    /// given an output and where it goes.
    #[inline(always)]
    fn panels(
        &self,
        sums: &Sums,
        then: impl Fn(Vector, usize) -> Vector,
        then_one: impl Fn(f32, usize) -> f32,
    ) {
        for (i, panel) in sums.panels.clone().enumerate() {
            let rows = sums.sums[i..].iter().step_by(sums.panels.len());
            let rows = sums.rows.clone().zip(rows);
            if (panel + 1) * PANEL <= self.w.n() {
                self.panel(panel, PANEL, rows, &then);
            } else {
                self.panel(panel, self.w.n() - panel * PANEL, rows, &then_one);
            }
        }
    }

    /// The first `width` outputs of a panel for some rows.
    #[inline(always)]
    fn panel<'s, V: Lanes>(
        &self,
        panel: usize,
        width: usize,
        rows: impl Iterator<Item = (usize, &'s [i32; PANEL])>,
        then: &impl Fn(V, usize) -> V,
    ) {
        let (scales, totals) = (self.w.scales(panel), self.w.sums(panel));
        let start = panel * PANEL;
        let mut bias = [0.0; PANEL];
        if let Some(all) = self.bias {
            bias[..width].copy_from_slice(&all[start..][..width]);
        }
        for (row, dots) in rows {
            let RowCode { scale, zero } = self.coded[row];
            let at = row * self.w.n() + start;
            let mut y = [0.0; PANEL];
            for j in (0..width).step_by(V::COUNT) {
                let dots = V::corrected(&dots[j..], zero, &totals[j..]);
                let scale = V::splat(scale) * V::load(&scales[j..]);
                then(dots.times_plus(scale, V::load(&bias[j..])), at + j).store(&mut y[j..]);
            }
            // SAFETY: the caller's panels are its own, so no other thread writes these columns.
            unsafe { self.out.write(at, &y[..width]) };
        }
    }
}
