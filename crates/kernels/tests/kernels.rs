//! Every implementation of the product that this machine has, by name, against its scalar reference; the
//! same file runs natively and, through wasm-bindgen-test, in a browser.

use std::ops::Range;

use cliplet_kernels::{
    Activation, Attention, Bits, Epilogue, Kernel, PackedMatrix, Q4_GROUP, Queries, Rows, Segment, attention,
    available, layer_norm, linear_with,
};
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

/// A matrix, and the same weights as numbers.
#[derive(Debug)]
struct Case {
    rows: usize,
    x: Vec<f32>,
    packed: PackedMatrix,
    dense: Vec<f64>,
    bias: Vec<f32>,
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

fn eight_bits(rows: usize, n: usize, k: usize, seed: u64) -> Case {
    let weights: Vec<i8> = noise(seed, n * k).map(|x| (x * 127.0) as i8).collect();
    let scales: Vec<f32> = noise(seed + 1, n).map(|x| 0.01 + 0.005 * x).collect();
    let mut builder = PackedMatrix::builder(n, k, Bits::Q8).unwrap();
    builder.push_q8(&weights, &scales).unwrap();
    let dense = weights
        .iter()
        .enumerate()
        .map(|(i, &w)| f64::from(w) * f64::from(scales[i / k]))
        .collect();
    case(rows, n, k, seed, builder.finish().unwrap(), dense)
}

fn four_bits(rows: usize, n: usize, k: usize, seed: u64) -> Case {
    let byte = |x: f32| (x * 127.5 + 127.5) as u8;
    let nibbles: Vec<u8> = noise(seed, n * k / 2).map(byte).collect();
    let multipliers: Vec<u8> = noise(seed + 1, n * k / Q4_GROUP)
        .map(|x| 1 + byte(x) % 15)
        .collect();
    let scales: Vec<f32> = noise(seed + 2, n).map(|x| 0.01 + 0.005 * x).collect();
    let mut builder = PackedMatrix::builder(n, k, Bits::Q4).unwrap();
    builder.push_q4(&nibbles, &multipliers, &scales).unwrap();
    let weight = |i: usize| {
        let nibble = nibbles[i / 2] >> (4 * (i % 2)) & 15;
        (f64::from(nibble) - 8.0) * f64::from(multipliers[i / Q4_GROUP]) * f64::from(scales[i / k])
    };
    let dense = (0..n * k).map(weight).collect();
    case(rows, n, k, seed, builder.finish().unwrap(), dense)
}

fn case(rows: usize, n: usize, k: usize, seed: u64, packed: PackedMatrix, dense: Vec<f64>) -> Case {
    let x = noise(seed + 3, rows * k).map(|x| x * 4.0).collect();
    Case {
        rows,
        x,
        packed,
        dense,
        bias: noise(seed + 4, n).collect(),
    }
}

fn product(kernel: &Kernel, case: &Case, epilogue: Epilogue<&[f32]>) -> Vec<f32> {
    linear_with(kernel, &case.x, &case.packed, Some(&case.bias), epilogue)
}

/// The product in f64 on the given activations.
fn exact(case: &Case) -> Vec<f64> {
    let k = case.packed.k();
    let output = |x: &[f32], w: &[f64]| x.iter().zip(w).map(|(&x, w)| f64::from(x) * w).sum::<f64>();
    let row = |x| {
        case.dense
            .chunks_exact(k)
            .zip(&case.bias)
            .map(move |(w, &b)| output(x, w) + f64::from(b))
    };
    case.x.chunks_exact(k).flat_map(row).collect()
}

fn equals_reference(case: &Case) -> Result<(), TestCaseError> {
    let residual: Vec<f32> = noise(9, case.rows * case.packed.n()).collect();
    let epilogues = [
        Epilogue::None,
        Epilogue::Activation(Activation::QuickGelu),
        Epilogue::Activation(Activation::Gelu),
        Epilogue::Residual(residual.as_slice()),
    ];
    for kernel in available() {
        for epilogue in epilogues {
            let (got, want) = (
                product(kernel, case, epilogue),
                product(&kernel.reference(), case, epilogue),
            );
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                let same = got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan());
                prop_assert!(
                    same,
                    "{}: output {i} is {got}, its reference gives {want} ({epilogue:?})",
                    kernel.name
                );
            }
        }
    }
    Ok(())
}

fn near_exact(case: &Case, most: f64) -> Result<(), TestCaseError> {
    let want = exact(case);
    let norm = want.iter().map(|w| w * w).sum::<f64>().sqrt();
    for kernel in available() {
        let got = product(kernel, case, Epilogue::None);
        let error = got
            .iter()
            .zip(&want)
            .map(|(&g, w)| (f64::from(g) - w).powi(2))
            .sum::<f64>()
            .sqrt();
        prop_assert!(
            error <= most * norm,
            "{}: relative error {}",
            kernel.name,
            error / norm
        );
    }
    Ok(())
}

/// Less than a panel, some panels, or more than a tile has.
fn outputs() -> impl Strategy<Value = usize> {
    prop_oneof![3 => 1usize..41, 1 => 41usize..450]
}

#[run]
fn eight_bit_products_equal_their_scalar_reference() {
    let shapes = (
        prop_oneof![1usize..8, 49usize..52],
        outputs(),
        1usize..150,
        any::<u64>(),
    );
    property(96, shapes, |(rows, n, k, seed)| {
        equals_reference(&eight_bits(rows, n, k, seed))
    });
}

#[run]
fn four_bit_products_equal_their_scalar_reference() {
    let shapes = (
        prop_oneof![1usize..8, 49usize..52],
        outputs(),
        1usize..5,
        any::<u64>(),
    );
    property(48, shapes, |(rows, n, groups, seed)| {
        equals_reference(&four_bits(rows, n, groups * Q4_GROUP, seed))
    });
}

#[run]
fn products_that_threads_share_equal_their_scalar_reference() {
    equals_reference(&eight_bits(50, 770, 768, 1)).unwrap();
    equals_reference(&four_bits(50, 257, 768, 2)).unwrap();
}

#[run]
fn products_are_near_the_exact_ones() {
    near_exact(&eight_bits(50, 96, 768, 3), 0.02).unwrap();
    near_exact(&four_bits(51, 96, 768, 4), 0.02).unwrap();
}

#[run]
fn extremes_neither_saturate_nor_overflow() {
    let (rows, n, k) = (6, 9, 8192);
    for (weight, x) in [(127i8, 3.0f32), (-127, 3.0), (-128, -3.0), (127, -3.0)] {
        let mut builder = PackedMatrix::builder(n, k, Bits::Q8).unwrap();
        builder.push_q8(&vec![weight; n * k], &vec![1.0; n]).unwrap();
        let dense = vec![f64::from(weight); n * k];
        let case = Case {
            rows,
            x: vec![x; rows * k],
            packed: builder.finish().unwrap(),
            dense,
            bias: vec![0.0; n],
        };
        equals_reference(&case).unwrap();
        near_exact(&case, 1e-3).unwrap();
    }
}

#[run]
fn rows_packed_together_are_as_packed_one_by_one() {
    let shapes = (
        1usize..35,
        prop_oneof![1usize..70, (1usize..9).prop_map(|k| 16 * k)],
    );
    let large = (Just(16usize), Just(8192usize));
    let filled = prop_oneof![Just(None), Just(Some(i8::MIN)), Just(Some(i8::MAX))];
    property(
        60,
        (prop_oneof![9 => shapes, 1 => large], filled, any::<u64>()),
        |((n, k), filled, seed)| {
            let noise = noise(seed, n * k).map(|x| filled.unwrap_or((x * 128.0) as i8));
            let (codes, scales) = (noise.collect::<Vec<_>>(), vec![1.0; n]);
            let mut together = PackedMatrix::builder(n, k, Bits::Q8).unwrap();
            together.push_q8(&codes, &scales).unwrap();
            let mut single = PackedMatrix::builder(n, k, Bits::Q8).unwrap();
            for row in codes.chunks_exact(k) {
                single.push_q8(row, &[1.0]).unwrap();
            }
            let min = codes.iter().fold(0, |min, &code| min.min(code));
            prop_assert_eq!((together.min_code(), single.min_code()), (min, min));
            prop_assert_eq!(together.finish().unwrap(), single.finish().unwrap());
            Ok(())
        },
    );
}

/// Errors are compared with what the usual values of all rows contribute, not with the outliers' products.
#[run]
fn outliers_neither_saturate_nor_coarsen_their_row() {
    let (rows, n, k) = (14, 70, 768);
    let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    for (outlier, count) in [(60.0, 1), (-150.0, 2), (100.0, 5)] {
        let mut case = eight_bits(rows, n, k, 6);
        let usual = norm(&exact(&case));
        // In some rows only, so that a tile has rows of both kinds; of both signs, and some in one group.
        for (row, x) in case
            .x
            .chunks_exact_mut(k)
            .enumerate()
            .filter(|(row, _)| row % 3 == 0)
        {
            for i in 0..count {
                x[(i * 257 + row) % k] = if i % 2 == 0 { outlier } else { -outlier };
            }
        }
        equals_reference(&case).unwrap();
        let want = exact(&case);
        for kernel in available() {
            let got = product(kernel, &case, Epilogue::None);
            let difference: Vec<f64> = got
                .iter()
                .zip(&want)
                .map(|(got, want)| f64::from(*got) - want)
                .collect();
            let error = norm(&difference) / usual;
            assert!(
                error < 0.02,
                "{}: {count} of {outlier} give an error of {error}",
                kernel.name
            );
        }
    }
}

#[run]
fn values_that_are_not_finite_do_no_harm() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
        let mut case = eight_bits(7, 17, 65, 5);
        case.x[70] = bad;
        equals_reference(&case).unwrap();
        let clean: Vec<f32> = product(&available()[0], &case, Epilogue::None);
        assert!(
            clean[..17].iter().all(|y| y.is_finite()),
            "{bad} in one row spoils another"
        );
    }
}

#[run]
fn layer_norm_is_near_f64() {
    property(
        64,
        (1usize..5, 1usize..1100, any::<u64>()),
        |(rows, width, seed)| {
            let x: Vec<f32> = noise(seed, rows * width).map(|x| 5.0 * x + 2.0).collect();
            let (weight, bias): (Vec<f32>, Vec<f32>) =
                (noise(seed + 1, width).collect(), noise(seed + 2, width).collect());
            let mut out = vec![0.0; x.len()];
            layer_norm(&x, width, &weight, &bias, 1e-5, &mut out);
            for (x, out) in x.chunks(width).zip(out.chunks(width)) {
                let mean = x.iter().map(|&x| f64::from(x)).sum::<f64>() / width as f64;
                let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / width as f64;
                for i in 0..width {
                    let unit = (f64::from(x[i]) - mean) / (variance + 1e-5).sqrt();
                    let want = unit * f64::from(weight[i]) + f64::from(bias[i]);
                    prop_assert!(
                        (f64::from(out[i]) - want).abs() < 2e-5 * (1.0 + unit.abs()),
                        "{} is not {want}",
                        out[i]
                    );
                }
            }
            Ok(())
        },
    );
}

/// Attention as its definition reads, in f64, to rows of `q | k | v`.
struct Plain<'a> {
    qkv: &'a [f32],
    prefix: &'a [f32],
    segments: &'a [Segment],
    heads: usize,
    width: usize,
}

impl Plain<'_> {
    /// Of `token`, that sees `own` tokens of its segment.
    fn of(&self, token: usize, segment: &Segment, own: Range<usize>) -> Vec<f64> {
        let (row, dim) = (3 * self.width, self.width / self.heads);
        let own = own.map(|t| (self.qkv, t));
        let seen: Vec<_> = segment
            .prefix
            .clone()
            .map(|t| (self.prefix, t))
            .chain(own)
            .collect();
        let mut out = vec![0.0; self.width];
        for head in 0..self.heads {
            let at = |source: &[f32], t: usize, part: usize, d: usize| {
                f64::from(source[t * row + part * self.width + head * dim + d])
            };
            let score = |&(s, t): &(&[f32], usize)| {
                (0..dim)
                    .map(|d| at(self.qkv, token, 0, d) * at(s, t, 1, d))
                    .sum::<f64>()
                    / (dim as f64).sqrt()
            };
            let weights: Vec<f64> = seen.iter().map(|s| score(s).exp()).collect();
            let total: f64 = weights.iter().sum();
            for d in 0..dim {
                out[head * dim + d] = seen
                    .iter()
                    .zip(&weights)
                    .map(|(&(s, t), w)| w / total * at(s, t, 2, d))
                    .sum();
            }
        }
        out
    }

    fn all(&self, asking: Queries) -> Vec<f64> {
        let of_segment = |segment: &Segment| -> Vec<f64> {
            let Range { start, end } = segment.tokens;
            match asking {
                Queries::Each => segment
                    .tokens
                    .clone()
                    .flat_map(|t| self.of(t, segment, start..end))
                    .collect(),
                Queries::Causal => segment
                    .tokens
                    .clone()
                    .flat_map(|t| self.of(t, segment, start..t + 1))
                    .collect(),
                Queries::Pooled => self.of(end - 1, segment, start..end),
            }
        };
        self.segments.iter().flat_map(of_segment).collect()
    }
}

#[run]
fn attention_is_near_f64() {
    let shapes = (
        1usize..4,
        prop_oneof![Just(8usize), Just(32), Just(64), 1usize..24],
        prop_oneof![Just(Queries::Each), Just(Queries::Causal), Just(Queries::Pooled)],
    );
    let lengths = prop::collection::vec(prop_oneof![1usize..20, 49usize..52], 1..4);
    property(
        48,
        (shapes, lengths, 0usize..6, any::<u64>()),
        |((heads, dim, asking), lengths, shared, seed)| {
            let width = heads * dim;
            let stride = 3 * width;
            let mut segments = Vec::new();
            let mut tokens = 0;
            for length in lengths {
                segments.push(Segment {
                    tokens: tokens..tokens + length,
                    prefix: 0..shared,
                });
                tokens += length;
            }
            let qkv: Vec<f32> = noise(seed, tokens * stride).collect();
            let prefix: Vec<f32> = noise(seed + 1, shared * stride).collect();
            let row = |t: usize| &qkv[t * stride..][..stride];
            let pooled: Vec<f32> = segments
                .iter()
                .flat_map(|s| row(s.tokens.end - 1))
                .copied()
                .collect();
            let a = Attention {
                queries: Rows::new(if asking == Queries::Pooled { &pooled } else { &qkv }, stride),
                keys_values: Rows::new(&qkv[width..], stride),
                prefix: Rows::new(prefix.get(width..).unwrap_or_default(), stride),
                segments: &segments,
                heads,
                width,
                asking,
            };
            let plain = Plain {
                qkv: &qkv,
                prefix: &prefix,
                segments: &segments,
                heads,
                width,
            };
            let wanted = plain.all(asking);
            let mut out = vec![f32::NAN; wanted.len()];
            attention(&a, &mut out);
            for (got, want) in out.iter().zip(wanted) {
                prop_assert!((f64::from(*got) - want).abs() < 1e-5, "{got} is not {want}");
            }
            Ok(())
        },
    );
}
