//! Bounds under which an image is decoded: pixels, memory, and a way to stop.

use std::fmt;

/// Images of more pixels than this are refused unless the caller says otherwise: 200 megapixels.
pub const DEFAULT_PIXEL_LIMIT: u64 = 200_000_000;

/// Bytes that one decode may hold at once by default: half of what a 32-bit WebAssembly memory can
/// grow to, and without bound elsewhere. Memory is asked for fallibly besides.
const DEFAULT_MEMORY_LIMIT: u64 = if cfg!(target_family = "wasm") {
    2 << 30
} else {
    u64::MAX
};

/// Bounds on the decoding of one image.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// An image whose header claims more pixels is refused before anything is allocated for it.
    pub max_pixels: u64,
    /// Bytes that the decoder may hold at once, decoded pixels included.
    pub max_memory: u64,
    /// Asked about once for each row of blocks or pixels.
    pub cancel: Cancel<'a>,
}

impl Default for Limits<'_> {
    fn default() -> Self {
        Self {
            max_pixels: DEFAULT_PIXEL_LIMIT,
            max_memory: DEFAULT_MEMORY_LIMIT,
            cancel: Cancel::default(),
        }
    }
}

/// A question to the caller: is the result still wanted? The default is never cancelled.
#[derive(Clone, Copy, Default)]
pub struct Cancel<'a>(Option<&'a (dyn Fn() -> bool + Sync)>);

impl<'a> Cancel<'a> {
    /// Decoding stops soon after `is_cancelled` answers true. It is called often and must be cheap.
    pub fn new(is_cancelled: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self(Some(is_cancelled))
    }

    /// Reports whether the caller has lost interest.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_some_and(|is_cancelled| is_cancelled())
    }
}

impl fmt::Debug for Cancel<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() {
            "Cancel(..)"
        } else {
            "Cancel(never)"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn cancel_follows_its_flag() {
        let flag = AtomicBool::new(false);
        let ask = || flag.load(Ordering::Relaxed);
        let cancel = Cancel::new(&ask);
        assert!(!cancel.is_cancelled());
        flag.store(true, Ordering::Relaxed);
        assert!(cancel.is_cancelled());
        assert!(!Cancel::default().is_cancelled());
    }
}
