//! From a tile's integer sums to outputs: scales, zero points, bias and what follows, in one pass.

use std::ops::Range;

use super::activation::Activation;
use super::lanes::{Function, Lanes};
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

impl Epilogue<'_> {
    /// Of outputs that go to the place `at` and those after it.
    #[inline(always)]
    fn of<V: Lanes>(self, y: V, at: usize) -> V {
        match self {
            Self::None => y,
            Self::Activation(activation) => activation.of(y),
            Self::Residual(residual) => y + V::load(&residual[at..]),
        }
    }
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
    pub fn store<V: Lanes>(&self, sums: &Sums) {
        // Each arm is compiled for its own value.
        match self.epilogue {
            Epilogue::None => self.panels::<V>(sums, Epilogue::None),
            Epilogue::Activation(Activation::QuickGelu) => {
                self.panels::<V>(sums, Epilogue::Activation(Activation::QuickGelu))
            }
            Epilogue::Activation(Activation::Gelu) => {
                self.panels::<V>(sums, Epilogue::Activation(Activation::Gelu))
            }
            Epilogue::Residual(residual) => self.panels::<V>(sums, Epilogue::Residual(residual)),
        }
    }

    /// Whole panels by vectors, a last one that is not whole value by value.
    #[inline(always)]
    fn panels<V: Lanes>(&self, sums: &Sums, epilogue: Epilogue) {
        for (i, panel) in sums.panels.clone().enumerate() {
            let rows = sums.sums[i..].iter().step_by(sums.panels.len());
            let rows = sums.rows.clone().zip(rows);
            if (panel + 1) * PANEL <= self.w.n() {
                self.panel::<V>(panel, PANEL, rows, epilogue);
            } else {
                self.panel::<f32>(panel, self.w.n() - panel * PANEL, rows, epilogue);
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
        epilogue: Epilogue,
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
                let dots = dots.times_plus(scale, V::load(&bias[j..]));
                epilogue.of(dots, at + j).store(&mut y[j..]);
            }
            // SAFETY: the caller's panels are its own, so no other thread writes these columns.
            unsafe { self.out.write(at, &y[..width]) };
        }
    }
}
