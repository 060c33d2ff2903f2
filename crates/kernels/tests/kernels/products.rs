//! Products with packed matrices.

use cliplet_kernels::{Activation, Bits, Epilogue, Kernel, PackedMatrix, Q4_GROUP, available, linear_with};
use proptest::prelude::*;

use super::{noise, property, run};

/// A matrix, and the same weights as numbers.
#[derive(Debug)]
struct Case {
    rows: usize,
    x: Vec<f32>,
    /// The matrix as each of the available kernels wants it.
    packed: Vec<PackedMatrix>,
    dense: Vec<f64>,
    bias: Vec<f32>,
}

fn pack_eight_bits(kernel: &Kernel, k: usize, weights: &[i8], scales: &[f32]) -> PackedMatrix {
    let mut builder = PackedMatrix::builder_for(kernel, scales.len(), k, Bits::Q8).unwrap();
    builder.push_q8(weights, scales).unwrap();
    builder.finish().unwrap()
}

fn eight_bits(rows: usize, n: usize, k: usize, seed: u64) -> Case {
    let weights: Vec<i8> = noise(seed, n * k).map(|x| (x * 127.0) as i8).collect();
    let scales: Vec<f32> = noise(seed + 1, n).map(|x| 0.01 + 0.005 * x).collect();
    let dense = weights
        .iter()
        .enumerate()
        .map(|(i, &w)| f64::from(w) * f64::from(scales[i / k]))
        .collect();
    let pack = |kernel| pack_eight_bits(kernel, k, &weights, &scales);
    case(rows, n, k, seed, available().iter().map(pack).collect(), dense)
}

fn four_bits(rows: usize, n: usize, k: usize, seed: u64) -> Case {
    let byte = |x: f32| (x * 127.5 + 127.5) as u8;
    let nibbles: Vec<u8> = noise(seed, n * k / 2).map(byte).collect();
    let multipliers: Vec<u8> = noise(seed + 1, n * k / Q4_GROUP)
        .map(|x| 1 + byte(x) % 15)
        .collect();
    let scales: Vec<f32> = noise(seed + 2, n).map(|x| 0.01 + 0.005 * x).collect();
    let pack = |kernel| {
        let mut builder = PackedMatrix::builder_for(kernel, n, k, Bits::Q4).unwrap();
        builder.push_q4(&nibbles, &multipliers, &scales).unwrap();
        builder.finish().unwrap()
    };
    let weight = |i: usize| {
        let nibble = nibbles[i / 2] >> (4 * (i % 2)) & 15;
        (f64::from(nibble) - 8.0) * f64::from(multipliers[i / Q4_GROUP]) * f64::from(scales[i / k])
    };
    let dense = (0..n * k).map(weight).collect();
    case(rows, n, k, seed, available().iter().map(pack).collect(), dense)
}

fn case(rows: usize, n: usize, k: usize, seed: u64, packed: Vec<PackedMatrix>, dense: Vec<f64>) -> Case {
    let x = noise(seed + 3, rows * k).map(|x| x * 4.0).collect();
    Case {
        rows,
        x,
        packed,
        dense,
        bias: noise(seed + 4, n).collect(),
    }
}

fn product(kernel: &Kernel, w: &PackedMatrix, case: &Case, epilogue: Epilogue<&[f32]>) -> Vec<f32> {
    linear_with(kernel, &case.x, w, Some(&case.bias), epilogue)
}

/// The product in f64 on the given activations.
fn exact(case: &Case) -> Vec<f64> {
    let k = case.packed[0].k();
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
    let residual: Vec<f32> = noise(9, case.rows * case.packed[0].n()).collect();
    let epilogues = [
        Epilogue::None,
        Epilogue::Activation(Activation::QuickGelu),
        Epilogue::Activation(Activation::Gelu),
        Epilogue::Activation(Activation::GeluTanh),
        Epilogue::Residual(residual.as_slice()),
    ];
    for (kernel, w) in available().iter().zip(&case.packed) {
        for epilogue in epilogues {
            let (got, want) = (
                product(kernel, w, case, epilogue),
                product(&kernel.reference(), w, case, epilogue),
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

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The relative error of a product of the given activations.
fn error(kernel: &Kernel, w: &PackedMatrix, case: &Case) -> f64 {
    let want = exact(case);
    let got = product(kernel, w, case, Epilogue::None);
    let difference: Vec<f64> = got.iter().zip(&want).map(|(&g, w)| f64::from(g) - w).collect();
    norm(&difference) / norm(&want)
}

fn near_exact(case: &Case, most: f64) -> Result<(), TestCaseError> {
    for (kernel, w) in available().iter().zip(&case.packed) {
        let error = error(kernel, w, case);
        prop_assert!(error <= most, "{}: relative error {error}", kernel.name);
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
        let pack = |kernel| pack_eight_bits(kernel, k, &vec![weight; n * k], &vec![1.0; n]);
        let dense = vec![f64::from(weight); n * k];
        let case = Case {
            rows,
            x: vec![x; rows * k],
            packed: available().iter().map(pack).collect(),
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
        for (kernel, w) in available().iter().zip(&case.packed) {
            let got = product(kernel, w, &case, Epilogue::None);
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
        let clean: Vec<f32> = product(&available()[0], &case.packed[0], &case, Epilogue::None);
        assert!(
            clean[..17].iter().all(|y| y.is_finite()),
            "{bad} in one row spoils another"
        );
    }
}

/// Weights and activations are distributed about as in a model: most are far smaller than the largest of their row.
#[run]
fn weights_that_fit_by_pairs_allow_finer_codes() {
    let (rows, n, k) = (50, 96, 768);
    let bell = |seed, count| -> Vec<f32> {
        let sums = noise(seed, count)
            .zip(noise(seed + 1, count))
            .zip(noise(seed + 2, count));
        sums.zip(noise(seed + 3, count))
            .map(|(((a, b), c), d)| a + b + c + d)
            .collect()
    };
    let weights = bell(1, n * k);
    let largest = |row: &[f32]| row.iter().fold(0f32, |largest, w| largest.max(w.abs()));
    let scales: Vec<f32> = weights.chunks_exact(k).map(|row| largest(row) / 127.0).collect();
    let code = |(i, w): (usize, &f32)| (w / scales[i / k]).round() as i8;
    let codes: Vec<i8> = weights.iter().enumerate().map(code).collect();
    let pack = |kernel| pack_eight_bits(kernel, k, &codes, &scales);
    let case = Case {
        rows,
        x: bell(11, rows * k),
        packed: available().iter().map(pack).collect(),
        dense: weights.iter().map(|&w| f64::from(w)).collect(),
        bias: vec![0.0; n],
    };
    equals_reference(&case).unwrap();
    for (kernel, w) in available()
        .iter()
        .zip(&case.packed)
        .filter(|(kernel, _)| ["avx2", "relaxed-simd-u7"].contains(&kernel.name))
    {
        let of_any_weights = error(kernel, &pack(available().last().unwrap()), &case);
        assert!(error(kernel, w, &case) < 0.85 * of_any_weights);
    }
}
