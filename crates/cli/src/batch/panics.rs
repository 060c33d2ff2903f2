//! Panics of a library, as errors: Parquet's reader panics on some damaged files.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// True while a panic of this thread becomes an error, and is not reported on standard error.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` where it panicked. A value that `work` changed must then not be used again.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = take_hook();
        set_hook(Box::new(move |panic| {
            if !EXPECTED.get() {
                report(panic);
            }
        }));
    });
    EXPECTED.set(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    EXPECTED.set(false);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_no_value() {
        assert_eq!(caught(|| 7), Some(7));
        let empty: &[u8] = &[];
        assert_eq!(caught(|| empty[std::hint::black_box(0)]), None);
        assert_eq!(caught(|| 8), Some(8));
    }
}
