//! From a tile's integer sums to outputs: scales, zero points, bias and the following operation, in one pass.

use std::ops::Range;

use super::activation::Activation;
use super::lanes::{BaselineIsa, Function, Lanes};
use super::layout::PANEL;
use super::pack::PackedMatrix;
use super::parallel::SharedRows;
use super::quantize::QuantParams;

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
        for (i, panel) in sums.panels.clone().enumerate() {
            let dots = sums.sums[i..].iter().step_by(sums.panels.len());
            if (panel + 1) * PANEL <= self.w.n() {
                self.panel::<V>(isa, panel, PANEL, sums.rows.clone(), dots, epilogue);
            } else {
                let width = self.w.n() - panel * PANEL;
                self.panel::<f32>(BaselineIsa, panel, width, sums.rows.clone(), dots, epilogue);
            }
        }
    }

    /// Stores the first `width` outputs of a panel for some rows, whose sums are `dots`.
    #[inline(always)]
    fn panel<'s, V: Lanes>(
        &self,
        isa: V::Isa,
        panel: usize,
        width: usize,
        rows: Range<usize>,
        dots: impl Iterator<Item = &'s [i32; PANEL]>,
        epilogue: Epilogue<&[f32]>,
    ) {
        // Copies can stay in registers, since no output that is written could alias them.
        let (scales, totals) = (*self.w.scales(panel), *self.w.sums(panel));
        let (n, start) = (self.w.n(), panel * PANEL);
        let mut bias = [0.0; PANEL];
        if let Some(all) = self.bias {
            bias[..width].copy_from_slice(&all[start..][..width]);
        }
        let first = rows.start * n + start;
        // SAFETY: the caller's panels are its own, so no other thread writes these columns.
        let mut columns = unsafe { self.out.columns(first, n, rows.len(), width) };
        for (row, (params, dots)) in self.params[rows].iter().zip(dots).enumerate() {
            let mut y = [0.0; PANEL];
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
