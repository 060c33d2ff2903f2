//! The scalar reference in plain Rust, which every other kernel equals bit for bit.

use super::super::dispatch::{Kernel, Product, Tile};
use super::super::layout::{Code, CodeRange, GROUP, PANEL};

/// The reference as a kernel.
pub const KERNEL: Kernel = Kernel {
    name: "scalar",
    range: CodeRange::U7,
    pairwise: false,
    rows: 4,
    panels: 1,
    product: Product::Scalar,
};

/// The reference with signed codes of eight bits, as Arm's kernels have them, so that every machine can measure those.
pub const KERNEL_S8: Kernel = Kernel {
    name: "scalar-s8",
    range: CodeRange::S8,
    ..KERNEL
};

/// A code's value: bytes are signed or not as the range says.
fn value(code: Code, range: CodeRange) -> i32 {
    if size_of::<Code>() == 1 && range.low < 0 {
        i32::from(code as i8)
    } else {
        i32::from(code)
    }
}

/// The product of a tile, one product of a weight and a code at a time: [`Kernel::dot`].
pub fn dot(tile: &Tile, range: CodeRange, sums: &mut [[i32; PANEL]]) {
    let panel_bytes = tile.groups * PANEL * GROUP;
    for row in 0..tile.rows {
        for (panel, weights) in tile.weights.chunks_exact(panel_bytes).enumerate() {
            let mut products = [0; PANEL];
            let codes = tile.codes.chunks_exact(GROUP).skip(row).step_by(tile.rows);
            for (codes, block) in codes.zip(weights.chunks_exact(PANEL * GROUP)) {
                for (sum, weights) in products.iter_mut().zip(block.chunks_exact(GROUP)) {
                    *sum += codes
                        .iter()
                        .zip(weights)
                        .map(|(&q, &w)| value(q, range) * i32::from(w))
                        .sum::<i32>();
                }
            }
            sums[row * tile.panels + panel] = products;
        }
    }
}
