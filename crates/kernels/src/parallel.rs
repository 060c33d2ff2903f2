//! Work split over threads so that every output is computed by one thread in one order.
//!
//! Native builds use rayon's pool, wasm builds with the `threads` feature a pool of web workers that
//! rayon runs on; other wasm builds have one thread and never touch a pool.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::Yield;
use rayon::prelude::*;

/// Multiply-accumulates below which handing work to another thread costs more than it saves.
const MIN_SPLIT_COST: usize = 1 << 19;
/// Ranges a thread: a few, so that a slow thread does not hold up the rest.
const RANGES_PER_THREAD: usize = 4;

/// Times that a thread without work looks for some before it sleeps, while more is expected: some milliseconds.
/// In a browser longer, since every part costs tenths of a millisecond once the thread sleeps.
const IDLE_YIELDS: usize = if cfg!(target_family = "wasm") {
    1 << 17
} else {
    1 << 14
};

/// Threads to split over.
pub fn threads() -> usize {
    if cfg!(all(target_family = "wasm", not(feature = "threads"))) {
        1
    } else {
        rayon::current_num_threads()
    }
}

/// Runs `work` on a thread of the pool, so that its parts are handed to threads that look for them
/// and not woken up for each: from outside, every split would cost two wake-ups. Meanwhile the others
/// stay awake.
pub fn on_pool<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if threads() == 1 {
        work()
    } else {
        rayon::scope(|_| {
            let _guard = KeepPoolAwake::new();
            work()
        })
    }
}

/// The results of `work` for each job, in the order of the jobs, which run in parallel as far as there are threads.
/// Work that a job splits over threads itself is then split only where a thread has nothing else to do.
pub fn map_on_pool<J: Send, R: Send>(jobs: Vec<J>, work: impl Fn(J) -> R + Send + Sync) -> Vec<R> {
    if threads() == 1 {
        jobs.into_iter().map(work).collect()
    } else {
        on_pool(|| jobs.into_par_iter().with_max_len(1).map(work).collect())
    }
}

/// Keeps the pool's other threads from sleeping between the parts of one computation, as they would
/// after less than a microsecond: a hundred times an image, and where the machine is a virtual one it
/// takes longer to wake them than to compute their part.
struct KeepPoolAwake(Arc<AtomicBool>);

impl KeepPoolAwake {
    fn new() -> Self {
        let wanted = Arc::new(AtomicBool::new(true));
        let (awake, own) = (Self(wanted.clone()), rayon::current_thread_index());
        rayon::spawn_broadcast(move |thread| {
            if Some(thread.index()) == own {
                return;
            }
            let mut idle = 0;
            while idle < IDLE_YIELDS && wanted.load(Ordering::Relaxed) {
                idle = match rayon::yield_now() {
                    Some(Yield::Executed) => 0,
                    _ => idle + 1,
                };
                // Whoever else wants the processor may have it.
                std::thread::yield_now();
            }
        });
        awake
    }
}

impl Drop for KeepPoolAwake {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Calls `work` with ranges that together cover `0..count`; `cost` is what one of the count takes, in
/// multiply-accumulates.
pub fn ranges(count: usize, cost: usize, work: impl Fn(Range<usize>) + Sync) {
    let threads = threads();
    let parts = (threads * RANGES_PER_THREAD).min(count);
    if threads == 1 || parts < 2 || count.saturating_mul(cost) < MIN_SPLIT_COST {
        return work(0..count);
    }
    (0..parts)
        .into_par_iter()
        .for_each(|part| work(part * count / parts..(part + 1) * count / parts));
}

/// Calls `work` with each job; `cost` is what one takes, in values looked at.
pub fn each<J: Send>(jobs: Vec<J>, cost: usize, work: impl Fn(J) + Send + Sync) {
    if threads() == 1 || jobs.len().saturating_mul(cost) < MIN_SPLIT_COST / 32 {
        jobs.into_iter().for_each(work);
    } else {
        jobs.into_par_iter().for_each(work);
    }
}

/// A row-major matrix whose columns several threads write.
pub struct SharedRows<'a> {
    data: *mut f32,
    length: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only access is by `columns`, whose callers keep to places that no other thread touches.
unsafe impl Sync for SharedRows<'_> {}

impl<'a> SharedRows<'a> {
    /// Shares `data`.
    pub fn new(data: &'a mut [f32]) -> Self {
        let (data, length) = (data.as_mut_ptr(), data.len());
        let borrowed = PhantomData;
        Self {
            data,
            length,
            borrowed,
        }
    }

    /// Shares memory that is only written.
    pub fn uninit(data: &'a mut [MaybeUninit<f32>]) -> Self {
        let (data, length) = (data.as_mut_ptr().cast(), data.len());
        let borrowed = PhantomData;
        Self {
            data,
            length,
            borrowed,
        }
    }

    /// The address of a value.
    pub fn place(&self, at: usize) -> *const f32 {
        self.data.wrapping_add(at)
    }

    /// The first `width` values from the place `at` on and those under them, in `count` rows `stride` apart.
    ///
    /// # Safety
    /// No other thread may write the same places as long as this is used.
    ///
    /// # Panics
    /// Where a place would lie outside the matrix.
    #[inline(always)]
    pub unsafe fn columns(&self, at: usize, stride: usize, count: usize, width: usize) -> Columns<'a> {
        assert!(count == 0 || at + (count - 1) * stride + width <= self.length);
        Columns {
            // SAFETY: `at` was just checked to lie in the borrowed slice, or at its end where nothing is written.
            data: unsafe { self.data.add(at.min(self.length)) },
            stride,
            count,
            width,
            borrowed: PhantomData,
        }
    }
}

/// Some columns of some rows, which are one thread's to write.
pub struct Columns<'a> {
    data: *mut f32,
    stride: usize,
    count: usize,
    width: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

impl Columns<'_> {
    /// Writes a row.
    ///
    /// # Panics
    /// Where there is no such row, or it has another width.
    #[inline(always)]
    pub fn write(&mut self, row: usize, values: &[f32]) {
        assert!(row < self.count && values.len() == self.width);
        // SAFETY: every row was checked to lie in the borrowed slice when this was made, and is this thread's.
        unsafe {
            std::ptr::copy_nonoverlapping(values.as_ptr(), self.data.add(row * self.stride), values.len());
        }
    }
}
