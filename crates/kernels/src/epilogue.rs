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
            Epilogue::Activation(Activation::Relu6) => {
                self.panels::<V>(sums, Epilogue::Activation(Activation::Relu6))
            }
            Epilogue::Residual(residual) => self.panels::<V>(sums, Epilogue::Residual(residual)),
        }
    }

    /// Whole panels by vectors, a last one that is not whole value by value.
    #[inline(always)]
    fn panels<V: Lanes>(&self, sums: &Sums, epilogue: Epilogue) {
        for (i, panel) in sums.panels.clone().enumerate() {
            let dots = sums.sums[i..].iter().step_by(sums.panels.len());
            if (panel + 1) * PANEL <= self.w.n() {
                self.panel::<V>(panel, PANEL, sums.rows.clone(), dots, epilogue);
            } else {
                let width = self.w.n() - panel * PANEL;
                self.panel::<f32>(panel, width, sums.rows.clone(), dots, epilogue);
            }
        }
    }

    /// The first `width` outputs of a panel for some rows, whose sums are `dots`.
    #[inline(always)]
    fn panel<'s, V: Lanes>(
        &self,
        panel: usize,
        width: usize,
        rows: Range<usize>,
        dots: impl Iterator<Item = &'s [i32; PANEL]>,
        epilogue: Epilogue,
    ) {
        // Copies, so that they can stay in registers: no output that is written could be one of them.
        let (scales, totals) = (*self.w.scales(panel), *self.w.sums(panel));
        let (n, start) = (self.w.n(), panel * PANEL);
        let mut bias = [0.0; PANEL];
        if let Some(all) = self.bias {
            bias[..width].copy_from_slice(&all[start..][..width]);
        }
        let first = rows.start * n + start;
        // SAFETY: the caller's panels are its own, so no other thread writes these columns.
        let mut columns = unsafe { self.out.columns(first, n, rows.len(), width) };
        for (row, (code, dots)) in self.coded[rows].iter().zip(dots).enumerate() {
            let mut y = [0.0; PANEL];
            for j in (0..width).step_by(V::COUNT) {
                let dots = V::corrected(&dots[j..], code.zero, &totals[j..]);
                let scale = V::splat(code.scale) * V::load(&scales[j..]);
                let dots = dots.times_plus(scale, V::load(&bias[j..]));
                epilogue.of(dots, first + row * n + j).store(&mut y[j..]);
            }
            columns.write(row, &y[..width]);
        }
    }
}
