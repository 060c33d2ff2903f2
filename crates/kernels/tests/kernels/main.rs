//! Every implementation of the product that this machine has, by name, against its scalar reference, and attention and
//! layer norm against float64. The same files run natively and, through wasm-bindgen-test, in a browser.

mod attention;
mod layer_norm;
mod products;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

#[cfg(not(target_family = "wasm"))]
use std::prelude::rust_2024::test as run;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as run;

#[cfg(target_family = "wasm")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Runs a property on the same cases everywhere; browsers have no files to keep failures in.
fn property<S: Strategy>(cases: u32, strategy: S, check: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng)
        .run(&strategy, check)
        .unwrap();
}

/// Numbers in −1..1 that look random, extremes among them.
fn noise(seed: u64, count: usize) -> impl Iterator<Item = f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match state % 19 {
            0 => 1.0,
            1 => -1.0,
            2 => 0.0,
            _ => (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0,
        }
    })
    .take(count)
}
