//! From a tile's integer sums to outputs: scales, zero points, bias and the following operation, in one pass.

use std::ops::Range;

use super::activation::Activation;
use super::arch;
use super::lanes::{BaselineIsa, Function, Lanes};
use super::layout::PANEL;
use super::pack::PackedMatrix;
use super::parallel::SharedRows;
use super::quantize::QuantParams;

/// Largest number of outputs of a row that are computed together.
const MAX_COLUMNS: usize = 2 * PANEL;

/// Values in a cache line.
const LINE: usize = 16;

/// The operation on a product and its bias before it is stored. `R` is a matrix of the output's shape: a slice
/// here, a tensor in a model.
#[derive(Debug, Clone, Copy)]
pub enum Epilogue<R> {
    /// None.
    None,
    /// An activation function is applied.
    Activation(Activation),
    /// A residual of the output's shape is added.
    Residual(R),
}

impl Epilogue<&[f32]> {
    /// The operation on outputs `y`, whose first has the index `at` in the output.
    #[inline(always)]
    fn of<V: Lanes>(self, y: V, at: usize) -> V {
        match self {
            Self::None => y,
            Self::Activation(activation) => activation.of(y),
            Self::Residual(residual) => y + V::load(y.isa(), &residual[at..]),
        }
    }
}

/// The sums of a tile, `[rows, panels]` of [`PANEL`].
pub struct Sums<'a> {
    pub sums: &'a [[i32; PANEL]],
    pub rows: Range<usize>,
    pub panels: Range<usize>,
}

/// Turns the sums of one product into outputs and stores them.
pub struct OutputWriter<'a> {
    pub params: &'a [QuantParams],
    pub w: &'a PackedMatrix,
    pub bias: Option<&'a [f32]>,
    pub epilogue: Epilogue<&'a [f32]>,
    pub out: SharedRows<'a>,
}

impl OutputWriter<'_> {
    /// Asks the memory for the places of a tile's outputs and for its residuals, so that they arrive while the tile's
    /// products are summed. A matrix of activations is larger than the caches near the processor, and a tile's rows lie
    /// too far apart for the processor to foresee which it needs.
    pub fn prefetch(&self, rows: &Range<usize>, panels: &Range<usize>) {
        let (n, start) = (self.w.n(), panels.start * PANEL);
        let width = n.min(panels.end * PANEL) - start;
        for first in rows.clone().map(|row| row * n + start) {
            for at in (first..first + width).step_by(LINE) {
                arch::prefetch(self.out.place(at));
                if let Epilogue::Residual(residual) = self.epilogue {
                    arch::prefetch(&raw const residual[at]);
                }
            }
        }
    }

    /// Stores the outputs of a tile. No other thread may store the same panels.
    #[inline(always)]
    pub fn store<V: Lanes>(&self, isa: V::Isa, sums: &Sums) {
        // Each arm is compiled for its own value.
        match self.epilogue {
            Epilogue::None => self.panels::<V>(isa, sums, Epilogue::None),
            Epilogue::Activation(Activation::QuickGelu) => {
                self.panels::<V>(isa, sums, Epilogue::Activation(Activation::QuickGelu))
            }
            Epilogue::Activation(Activation::Gelu) => {
                self.panels::<V>(isa, sums, Epilogue::Activation(Activation::Gelu))
            }
            Epilogue::Activation(Activation::GeluTanh) => {
                self.panels::<V>(isa, sums, Epilogue::Activation(Activation::GeluTanh))
            }
            Epilogue::Activation(Activation::Relu6) => {
                self.panels::<V>(isa, sums, Epilogue::Activation(Activation::Relu6))
            }
            Epilogue::Residual(residual) => self.panels::<V>(isa, sums, Epilogue::Residual(residual)),
        }
    }

    /// Stores whole panels by vectors, an incomplete last one value by value.
    #[inline(always)]
    fn panels<V: Lanes>(&self, isa: V::Isa, sums: &Sums, epilogue: Epilogue<&[f32]>) {
        let whole = sums.panels.end.min(self.w.n() / PANEL);
        let (mut panel, together) = (sums.panels.start, V::COUNT.div_ceil(PANEL));
        while panel + together <= whole {
            self.columns::<V>(isa, panel..panel + together, together * PANEL, sums, epilogue);
            panel += together;
        }
        while panel < whole {
            self.columns::<V::Panel>(isa.into(), panel..panel + 1, PANEL, sums, epilogue);
            panel += 1;
        }
        if panel < sums.panels.end {
            let width = self.w.n() - panel * PANEL;
            self.columns::<f32>(BaselineIsa, panel..panel + 1, width, sums, epilogue);
        }
    }

    /// Stores the first `width` outputs of at most two panels that follow one another, for all rows of a tile.
    #[inline(always)]
    fn columns<V: Lanes>(
        &self,
        isa: V::Isa,
        panels: Range<usize>,
        width: usize,
        sums: &Sums,
        epilogue: Epilogue<&[f32]>,
    ) {
        // Copies can stay in registers, since no output that is written could alias them.
        let (mut scales, mut totals, mut bias) = ([0.0; MAX_COLUMNS], [0; MAX_COLUMNS], [0.0; MAX_COLUMNS]);
        for (i, panel) in panels.clone().enumerate() {
            scales[i * PANEL..][..PANEL].copy_from_slice(self.w.scales(panel));
            totals[i * PANEL..][..PANEL].copy_from_slice(self.w.sums(panel));
        }
        let (n, start) = (self.w.n(), panels.start * PANEL);
        if let Some(all) = self.bias {
            bias[..width].copy_from_slice(&all[start..][..width]);
        }
        let first = sums.rows.start * n + start;
        // SAFETY: the caller's panels are its own, so no other thread writes these columns.
        let mut columns = unsafe { self.out.columns(first, n, sums.rows.len(), width) };
        let dots = &sums.sums[panels.start - sums.panels.start..];
        for (row, params) in self.params[sums.rows.clone()].iter().enumerate() {
            let dots = dots[row * sums.panels.len()..][..panels.len()].as_flattened();
            let mut y = [0.0; MAX_COLUMNS];
            for j in (0..width).step_by(V::COUNT) {
                let dots = V::sub_zero_point(isa, &dots[j..], params.zero, &totals[j..]);
                let scale = V::splat(isa, params.scale) * V::load(isa, &scales[j..]);
                let dots = dots.mul_add(scale, V::load(isa, &bias[j..]));
                epilogue.of(dots, first + row * n + j).store(&mut y[j..]);
            }
            columns.write(row, &y[..width]);
        }
    }
}
