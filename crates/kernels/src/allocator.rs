//! Memory that begins where a cache line does.
//!
//! Vectors of floats and of weights are aligned to what one value needs. Rows that begin within a cache line
//! make every block of outputs write parts of two lines, of which another thread may be writing the rest, and
//! one load in four, or each of AVX-512's, reads two. What a program of this crate allocates is aligned instead.

use std::alloc::{GlobalAlloc, Layout, System};

/// Bytes of a cache line, on all machines that the kernels are for.
const LINE: usize = 64;
/// Alignment of the system's blocks, and more than a word's length.
const WORD: usize = 16;
/// Allocations smaller than this are left as they are: they would waste more than they gain.
const LEAST: usize = 1024;

/// Bytes of free memory that the system's allocator may hold back for the next blocks.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const RETAINED: std::ffi::c_int = 128 << 20;
/// The largest block that is reused; glibc takes no larger number.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGEST_REUSED: std::ffi::c_int = 32 << 20;

/// The system's allocator, with large allocations at cache lines.
///
/// A large block is a larger one of the system's, of which it begins at the first cache line that leaves room for a
/// word before it: that word holds the distance from the system's block. Asking the system for the alignment instead
/// would write over zeroed memory, which it otherwise hands out untouched and which then costs nothing until used.
pub struct LineAligned;

/// Makes the system's allocator reuse large blocks that were freed, where it is glibc's; others do so by themselves.
///
/// A program calls it once when it starts. By default glibc hands large blocks back to the system when they are freed, and
/// gets new pages for the next: an image takes a ViT-L/14 some hundred megabytes of activations one after another, and
/// pages for all of them an eighth of its time. At most 128 MiB stay with each of the allocator's
/// heaps.
pub fn reuse_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        // Of glibc's malloc.h.
        const M_TRIM_THRESHOLD: c_int = -1;
        const M_MMAP_THRESHOLD: c_int = -3;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        // SAFETY: the function may be called at any time by any thread; a value that it refuses changes nothing.
        unsafe {
            mallopt(M_TRIM_THRESHOLD, RETAINED);
            mallopt(M_MMAP_THRESHOLD, LARGEST_REUSED);
        }
    }
}

/// The system's block that holds the block of `layout`; none where the system's own is aligned well enough.
fn enclosing(layout: Layout) -> Option<Layout> {
    if layout.size() < LEAST || layout.align() > WORD {
        return None;
    }
    Layout::from_size_align(layout.size().checked_add(LINE)?, WORD).ok()
}

/// The first cache line that leaves room for a word in the system's `block`, with the distance written before it.
///
/// # Safety
/// `block` is null, or a block of a layout that [`enclosing`] gave.
unsafe fn first_line(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        return block;
    }
    let distance = LINE - block.addr() % LINE;
    // SAFETY: the block is aligned to WORD, so the distance is WORD to LINE, all of which is within the LINE bytes
    // that the block has over the caller's; the word before the line is within the block and aligned.
    unsafe {
        let line = block.add(distance);
        line.cast::<usize>().sub(1).write(distance);
        line
    }
}

/// The distance from the system's block to `memory`.
///
/// # Safety
/// [`first_line`] returned `memory`.
unsafe fn distance(memory: *mut u8) -> usize {
    // SAFETY: `first_line` wrote it there.
    unsafe { memory.cast::<usize>().sub(1).read() }
}

// SAFETY: every call goes to the system's allocator, which keeps GlobalAlloc's contract. Whether a block lies within a
// larger one is a function of the layout alone, so it is freed as it was allocated.
unsafe impl GlobalAlloc for LineAligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match enclosing(layout) {
            // SAFETY: the caller's layout.
            None => unsafe { System.alloc(layout) },
            // SAFETY: `outer` is over zero bytes; `first_line` is given what it allocates.
            Some(outer) => unsafe { first_line(System.alloc(outer)) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match enclosing(layout) {
            // SAFETY: the caller's layout.
            None => unsafe { System.alloc_zeroed(layout) },
            // SAFETY: as in `alloc`; of the zeros only the word before the caller's block is written.
            Some(outer) => unsafe { first_line(System.alloc_zeroed(outer)) },
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        match enclosing(layout) {
            // SAFETY: allocated with this layout.
            None => unsafe { System.dealloc(memory, layout) },
            // SAFETY: `first_line` returned `memory` for a block of `outer`.
            Some(outer) => unsafe { System.dealloc(memory.sub(distance(memory)), outer) },
        }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `size`, rounded up to the alignment, does not overflow.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (enclosing(layout), enclosing(wanted)) {
            // SAFETY: allocated with this layout; `size` is the caller's.
            (None, None) => unsafe { System.realloc(memory, layout, size) },
            // SAFETY: `memory` lies `before` bytes into a block of `old`. The system keeps the bytes of the block, so
            // the caller's lie there still; both they and their new place are within the block.
            (Some(old), Some(new)) => unsafe {
                let before = distance(memory);
                let block = System.realloc(memory.sub(before), old, new.size());
                if block.is_null() {
                    return block;
                }
                first_line_keeping(block, before, layout.size().min(size))
            },
            // SAFETY: the new block has the caller's size, over zero; both blocks hold the bytes that are copied, and
            // are not the same.
            _ => unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    std::ptr::copy_nonoverlapping(memory, moved, layout.size().min(size));
                    self.dealloc(memory, layout);
                }
                moved
            },
        }
    }
}

/// [`first_line`] of a block that the system has moved, whose `length` bytes of the caller's lie `before` bytes in.
///
/// # Safety
/// As for [`first_line`], and the bytes are within the block both before and after.
unsafe fn first_line_keeping(block: *mut u8, before: usize, length: usize) -> *mut u8 {
    let after = LINE - block.addr() % LINE;
    if after != before {
        // SAFETY: the caller's promise; the two places may overlap.
        unsafe { std::ptr::copy(block.add(before), block.add(after), length) };
    }
    // SAFETY: the caller's promise. The distance is written last, since the bytes may have lain where it goes.
    unsafe { first_line(block) }
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

    #[test]
    fn blocks_of_other_alignments_hold_what_is_written_to_them() {
        for align in [1, 8, 16, 32, 64, 4096] {
            for size in [1, LEAST - 1, LEAST, 10_000, 1 << 20] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: written within its size and freed with its layout, as reallocated.
                unsafe {
                    let memory = LineAligned.alloc(layout);
                    assert!(memory.addr().is_multiple_of(align), "{size} bytes at {align}");
                    memory.write_bytes(9, size);
                    let memory = LineAligned.realloc(memory, layout, size + 5000);
                    assert!(memory.addr().is_multiple_of(align), "{size} bytes at {align}");
                    assert!(
                        (0..size).all(|i| memory.add(i).read() == 9),
                        "{size} bytes at {align}"
                    );
                    memory.write_bytes(3, size + 5000);
                    LineAligned.dealloc(memory, Layout::from_size_align(size + 5000, align).unwrap());
                }
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn zeroed_memory_takes_none_until_it_is_used() {
        /// Bytes of this process in memory.
        fn resident() -> usize {
            let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
            let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
            pages * 4096
        }
        let layout = Layout::from_size_align(1 << 30, 8).unwrap();
        let before = resident();
        // SAFETY: freed with its layout, read within it.
        unsafe {
            let zeros = LineAligned.alloc_zeroed(layout);
            assert!(!zeros.is_null() && zeros.addr().is_multiple_of(LINE) && zeros.read() == 0);
            let grown = resident().saturating_sub(before);
            assert!(grown < 1 << 29, "{grown} bytes were touched");
            LineAligned.dealloc(zeros, layout);
        }
    }
}
