//! Work split over threads so that every output is computed by one thread in one order.
//!
//! Native builds use rayon's pool, wasm builds with the `threads` feature a pool of web workers that
//! rayon runs on; other wasm builds have one thread and never touch a pool.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::Yield;

/// Multiply-accumulates below which handing work to another thread costs more than it saves.
const WORTH_SPLITTING: usize = 1 << 19;
/// Parts a thread: so many that a slow thread does not hold up the rest.
const PARTS_A_THREAD: usize = 16;

/// How often a thread without work looks for some before it goes to sleep, while more is expected: some
/// milliseconds. In a browser longer, since every part costs tenths of a millisecond once it sleeps.
const PATIENCE: usize = if cfg!(target_family = "wasm") {
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
            let _awake = Awake::new();
            work()
        })
    }
}

/// Keeps the pool's other threads from sleeping between the parts of one computation, as they would
/// after less than a microsecond: a hundred times an image, and where the machine is a virtual one it
/// takes longer to wake them than to compute their part.
struct Awake(Arc<AtomicBool>);

impl Awake {
    fn new() -> Self {
        let wanted = Arc::new(AtomicBool::new(true));
        let (awake, own) = (Self(wanted.clone()), rayon::current_thread_index());
        rayon::spawn_broadcast(move |thread| {
            if Some(thread.index()) == own {
                return;
            }
            let mut idle = 0;
            while idle < PATIENCE && wanted.load(Ordering::Relaxed) {
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

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Calls `work` with ranges that together cover `0..count`; `cost` is what one of the count takes, in
/// multiply-accumulates.
pub fn ranges(count: usize, cost: usize, work: impl Fn(Range<usize>) + Sync) {
    let threads = threads();
    let parts = (threads * PARTS_A_THREAD).min(count);
    if threads == 1 || parts < 2 || count.saturating_mul(cost) < WORTH_SPLITTING {
        return work(0..count);
    }
    let next = AtomicUsize::new(0);
    on_each_thread(threads.min(parts), || {
        loop {
            let part = next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return;
            }
            work(part * count / parts..(part + 1) * count / parts);
        }
    });
}

/// Calls `work` with each job; `cost` is what one takes, in values looked at.
pub fn each<J: Send>(jobs: Vec<J>, cost: usize, work: impl Fn(J) + Send + Sync) {
    let threads = threads().min(jobs.len());
    if threads < 2 || jobs.len().saturating_mul(cost) < WORTH_SPLITTING / 32 {
        return jobs.into_iter().for_each(work);
    }
    let jobs = Mutex::new(jobs.into_iter());
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).next();
    on_each_thread(threads, || {
        while let Some(job) = next() {
            work(job);
        }
    });
}

/// Calls `work` on this thread and on others as soon as they are free, `threads` in all. Each takes the next
/// part when it has done one, so that none waits for a slower one's last parts: rayon's own splitting makes
/// few large pieces as long as nobody steals.
fn on_each_thread(threads: usize, work: impl Fn() + Sync) {
    rayon::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| work());
        }
        work();
    });
}

/// A row-major matrix whose columns several threads write.
pub struct SharedRows<'a> {
    data: *mut f32,
    length: usize,
    borrowed: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only access is `write`, whose callers keep to places that no other thread touches.
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

    /// Writes `values` from the place `at` on.
    ///
    /// # Safety
    /// No other thread may write the same places at the same time.
    ///
    /// # Panics
    /// Where the values would lie outside the matrix.
    #[inline(always)]
    pub unsafe fn write(&self, at: usize, values: &[f32]) {
        assert!(at + values.len() <= self.length);
        // SAFETY: the range was just checked to lie in the borrowed slice, and the caller promises
        // that nobody else writes it.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), self.data.add(at), values.len()) };
    }
}
