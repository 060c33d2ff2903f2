//! A global allocator for tests that bound the memory a parser may take.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes in use by the process.
static IN_USE: AtomicUsize = AtomicUsize::new(0);
/// Most bytes in use at a time since the last [`CountingAllocator::reset_peak`].
static PEAK: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts bytes in use, their peak, and each thread's largest request.
pub struct CountingAllocator;

impl CountingAllocator {
    /// Bytes in use by the process.
    pub fn in_use() -> usize {
        IN_USE.load(Relaxed)
    }

    /// Most bytes in use at a time since the last [`Self::reset_peak`].
    pub fn peak() -> usize {
        PEAK.load(Relaxed)
    }

    /// Starts the peak again at what is in use now, and returns that.
    pub fn reset_peak() -> usize {
        let now = Self::in_use();
        PEAK.store(now, Relaxed);
        now
    }

    /// The largest request of this thread since the last call, which starts it again at zero.
    pub fn take_largest() -> usize {
        LARGEST.take()
    }

    fn count(size: usize) {
        let now = IN_USE.fetch_add(size, Relaxed) + size;
        PEAK.fetch_max(now, Relaxed);
        // A thread that is ending has no counter any more.
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
    }
}

// SAFETY: every call goes to the system's allocator unchanged; counting allocates nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::count(size);
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}
