//! Work split over threads so that every output is computed by one thread in one order.
//!
//! Native builds use rayon's pool, wasm builds with the `threads` feature a pool of web workers that
//! rayon runs on; other wasm builds have one thread and never touch a pool.

use std::marker::PhantomData;
use std::ops::Range;

use rayon::prelude::*;

/// Multiply-accumulates below which handing work to another thread costs more than it saves.
const WORTH_SPLITTING: usize = 1 << 19;
/// Ranges a thread: a few, so that a slow thread does not hold up the rest.
const RANGES_A_THREAD: usize = 4;

/// Threads to split over.
pub fn threads() -> usize {
    if cfg!(all(target_family = "wasm", not(feature = "threads"))) {
        1
    } else {
        rayon::current_num_threads()
    }
}

/// Calls `work` with ranges that together cover `0..count`; `cost` is what one of the count takes, in
/// multiply-accumulates.
pub fn ranges(count: usize, cost: usize, work: impl Fn(Range<usize>) + Sync) {
    let threads = threads();
    let parts = (threads * RANGES_A_THREAD).min(count);
    if threads == 1 || parts < 2 || count.saturating_mul(cost) < WORTH_SPLITTING {
        return work(0..count);
    }
    (0..parts)
        .into_par_iter()
        .for_each(|part| work(part * count / parts..(part + 1) * count / parts));
}

/// Calls `work` with each row of `x`, its row of `y` and its `z`.
pub fn zip_rows<Y: Send, Z: Send>(
    x: &[f32],
    x_width: usize,
    y: &mut [Y],
    y_width: usize,
    z: &mut [Z],
    work: impl Fn(&[f32], &mut [Y], &mut Z) + Sync,
) {
    let rows = x
        .chunks_exact(x_width)
        .zip(y.chunks_exact_mut(y_width))
        .zip(z.iter_mut());
    if threads() == 1 || x.len() < WORTH_SPLITTING / 8 {
        return rows.for_each(|((x, y), z)| work(x, y, z));
    }
    let rows: Vec<_> = rows.collect();
    rows.into_par_iter()
        .with_min_len(4)
        .for_each(|((x, y), z)| work(x, y, z));
}

/// A row-major matrix whose columns several threads write.
pub struct SharedRows<'a> {
    data: *mut f32,
    length: usize,
    width: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only access is `write`, whose callers keep to places that no other thread touches.
unsafe impl Sync for SharedRows<'_> {}

impl<'a> SharedRows<'a> {
    /// Shares `data`, a matrix of rows of `width`.
    pub fn new(data: &'a mut [f32], width: usize) -> Self {
        Self {
            data: data.as_mut_ptr(),
            length: data.len(),
            width,
            borrowed: PhantomData,
        }
    }

    /// Writes `values` into `row` from `column` on.
    ///
    /// # Safety
    /// No other thread may write the same places at the same time.
    ///
    /// # Panics
    /// Where the values would lie outside the matrix.
    #[inline(always)]
    pub unsafe fn write(&self, row: usize, column: usize, values: &[f32]) {
        let start = row * self.width + column;
        assert!(start + values.len() <= self.length);
        // SAFETY: the range was just checked to lie in the borrowed slice, and the caller promises
        // that nobody else writes it.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), self.data.add(start), values.len()) };
    }
}
