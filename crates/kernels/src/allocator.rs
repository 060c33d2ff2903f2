//! Memory that begins where a cache line does.
//!
//! Vectors of floats and of weights are aligned to what one value needs. Rows that begin within a cache line
//! make every block of outputs write parts of two lines, of which another thread may be writing the rest, and
//! one load in four, or each of AVX-512's, reads two. What a program of this crate allocates is aligned instead.

use std::alloc::{GlobalAlloc, Layout, System};

/// Bytes of a cache line, on all machines that the kernels are for.
const LINE: usize = 64;
/// Allocations smaller than this are left as they are: they would waste more than they gain.
const LEAST: usize = 1024;

/// The system's allocator, with large allocations at cache lines.
pub struct LineAligned;

/// What is asked of the system for `layout`.
fn lined(layout: Layout) -> Layout {
    if layout.size() < LEAST {
        return layout;
    }
    layout.align_to(LINE).unwrap_or(layout)
}

// SAFETY: every call goes to the system's allocator, which keeps GlobalAlloc's contract, with `lined` of the
// caller's layout. That is a function of the layout alone, so what was allocated with it is freed with it, and
// it asks for no less than the caller did.
unsafe impl GlobalAlloc for LineAligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's layout has a size over zero, so `lined` of it has.
        unsafe { System.alloc(lined(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(lined(layout)) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: `memory` was allocated with `lined` of this layout.
        unsafe { System.dealloc(memory, lined(layout)) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `size`, rounded up to the alignment, does not overflow.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let (old, new) = (lined(layout), lined(wanted));
        if old.align() == new.align() {
            // SAFETY: `memory` was allocated with `old`, and `size` is the caller's.
            return unsafe { System.realloc(memory, old, size) };
        }
        // SAFETY: `new` has the caller's size, over zero; both blocks hold the bytes that are copied, and are
        // not the same.
        unsafe {
            let moved = System.alloc(new);
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(memory, moved, old.size().min(size));
                System.dealloc(memory, old);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_blocks_begin_at_a_line_and_keep_their_bytes_when_they_grow_and_shrink() {
        let layout = |size| Layout::from_size_align(size, 4).unwrap();
        // SAFETY: every block is freed, or given to `realloc`, with the layout that it has, and read and
        // written within it.
        unsafe {
            let mut memory = LineAligned.alloc(layout(40));
            memory.write_bytes(7, 40);
            let mut size = 40;
            for next in [100, LEAST, 5000, 100_000, LEAST, LEAST - 1, 20] {
                memory = LineAligned.realloc(memory, layout(size), next);
                size = next;
                assert!(size < LEAST || memory.addr().is_multiple_of(LINE), "{size} bytes");
                assert!((0..20).all(|i| memory.add(i).read() == 7), "{size} bytes");
            }
            LineAligned.dealloc(memory, layout(size));
            let zeros = LineAligned.alloc_zeroed(layout(3000));
            assert!(zeros.addr().is_multiple_of(LINE) && (0..3000).all(|i| zeros.add(i).read() == 0));
            LineAligned.dealloc(zeros, layout(3000));
        }
    }
}
