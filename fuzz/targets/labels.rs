//! Labels and prompt templates as people write them.
#![no_main]

use cliplet::zero_shot::{PromptTemplate, parse_labels};
use cliplet_fuzz::{Bound, check};

libfuzzer_sys::fuzz_target!(|text: &str| {
    check(Bound::of_text(text.as_bytes()), || {
        for label in parse_labels(text) {
            assert!(!label.is_empty() && label == label.trim(), "{label:?}");
        }
        if let Ok(template) = PromptTemplate::new(text) {
            assert!(template.prompt("a cat").contains("a cat"));
        }
    });
});
