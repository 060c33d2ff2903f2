//! Convolutions against one sum after the other, and a whole block against its layers; the same file runs natively
//! and, through wasm-bindgen-test, in a browser.

use cliplet_kernels::{
    Activation, Bits, ChannelFilters, DepthwiseFilters, Epilogue, Extent, InvertedResidual, PackedMatrix,
    Pointwise, StemFilters, Window, available, channelwise, channelwise_reference, depthwise,
    depthwise_reference, pointwise_with, stem, stem_reference,
};

#[cfg(not(target_family = "wasm"))]
use std::prelude::rust_2024::test as run;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as run;

#[cfg(target_family = "wasm")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Heights, widths and channels: planes smaller than a window, odd and even ones, and channels that fill vectors and
/// do not.
const EXTENTS: [(usize, usize, usize); 7] = [
    (1, 1, 16),
    (2, 3, 40),
    (7, 9, 5),
    (14, 13, 27),
    (20, 31, 33),
    (8, 8, 64),
    (5, 40, 1),
];

/// Numbers in −1..1 that look random.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn windows() -> impl Iterator<Item = Window> {
    [(3, 1), (3, 2), (5, 1), (5, 2)]
        .into_iter()
        .map(|(side, stride)| Window::new(side, stride).unwrap())
}

/// Sums of at most 121 products below 1 are rounded to a few times 1e-7 each.
fn assert_near(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!(
            (got - want).abs() <= 1e-5,
            "{what}: value {i} is {got}, not {want}"
        );
    }
    assert!(want.iter().any(|&want| want > 0.0), "{what} is nothing but zeros");
}

fn filters(window: Window, channels: usize) -> DepthwiseFilters {
    DepthwiseFilters::new(window, &noise(1, channels * window.taps()), noise(2, channels)).unwrap()
}

#[run]
fn channelwise_convolutions_equal_their_reference() {
    for (side, stride) in [(1, 1), (3, 1), (3, 2), (5, 2), (7, 1), (7, 2), (11, 1)] {
        for (height, width, channels) in EXTENTS {
            let extent = Extent {
                height,
                width,
                channels,
            };
            let weights = noise(1, channels * side * side);
            let filters = ChannelFilters::new(side, stride, &weights, noise(2, channels)).unwrap();
            let x = noise(3, extent.values());
            let mut want = channelwise_reference(&x, extent, &filters);
            let what = format!("{side} by {side}, stride {stride}, over {extent:?}");
            assert_near(&channelwise(&x, extent, &filters, None), &want, &what);
            Activation::Gelu.apply(&mut want);
            let got = channelwise(&x, extent, &filters, Some(Activation::Gelu));
            assert_near(&got, &want, &format!("{what}, GELU"));
        }
    }
    for (side, stride, weights) in [(2, 1, 4), (13, 1, 169), (3, 3, 9), (3, 1, 8)] {
        assert!(ChannelFilters::new(side, stride, &noise(1, weights), vec![0.0]).is_err());
    }
}

#[run]
fn depthwise_convolutions_equal_their_reference() {
    for window in windows() {
        for (height, width, channels) in EXTENTS {
            let extent = Extent {
                height,
                width,
                channels,
            };
            let (filters, x) = (filters(window, channels), noise(3, extent.values()));
            let want = depthwise_reference(&x, extent, &filters);
            let what = format!("{window:?} over {extent:?}");
            assert_near(&depthwise(&x, extent, &filters), &want, &what);
        }
    }
}

#[run]
fn stems_equal_their_reference() {
    for window in windows() {
        for (height, width, channels) in EXTENTS {
            let weights = noise(4, 3 * channels * window.taps());
            let filters = StemFilters::new(window, &weights, noise(5, channels)).unwrap();
            let planes = noise(6, 3 * height * width);
            let want = stem_reference(&planes, (height, width), &filters);
            let what = format!("{window:?} over {height} by {width} to {channels}");
            assert_near(&stem(&planes, (height, width), &filters), &want, &what);
        }
    }
}

/// Figures worked out by hand: the plane 1 to 9 under a window of ones, and one that moves by two.
#[run]
fn windows_of_ones_sum_their_neighbors() {
    let extent = Extent {
        height: 3,
        width: 3,
        channels: 1,
    };
    let x: Vec<f32> = (1..=9).map(|x| x as f32 / 10.0).collect();
    let ones = |stride| DepthwiseFilters::new(Window::new(3, stride).unwrap(), &[1.0; 9], vec![0.5]).unwrap();
    let sums = [1.2, 2.1, 1.6, 2.7, 4.5, 3.3, 2.4, 3.9, 2.8].map(|sum| sum + 0.5);
    assert_near(&depthwise(&x, extent, &ones(1)), &sums, "stride 1");
    let corners = [sums[0], sums[2], sums[6], sums[8]];
    assert_near(&depthwise(&x, extent, &ones(2)), &corners, "stride 2");
    // Six is the most that is let through, and nothing below zero is.
    let cut = depthwise(
        &[2.0, -1.0],
        Extent {
            height: 1,
            width: 2,
            channels: 1,
        },
        &DepthwiseFilters::new(
            Window::new(3, 1).unwrap(),
            &[0.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.0],
            vec![0.0],
        )
        .unwrap(),
    );
    assert_eq!(cut, [6.0, 0.0]);
}

fn matrix(n: usize, k: usize, seed: u64) -> PackedMatrix {
    let weights: Vec<i8> = noise(seed, n * k).iter().map(|x| (x * 127.0) as i8).collect();
    let mut builder = PackedMatrix::builder(n, k, Bits::Q8).unwrap();
    builder.push_q8(&weights, &vec![0.01; n]).unwrap();
    builder.finish().unwrap()
}

/// A block goes through its layers a few rows at a time; every value must be the one that whole layers give.
#[run]
fn a_block_equals_its_layers() {
    // The widest rows here are several bands.
    for (window, (height, width), (outer, inner)) in windows().flat_map(|window| {
        [((7, 9), (5, 30)), ((33, 40), (24, 144)), ((1, 1), (16, 96))]
            .map(|(size, channels)| (window, size, channels))
    }) {
        let input = Extent {
            height,
            width,
            channels: outer,
        };
        let (expand, project) = (matrix(inner, outer, 7), matrix(outer, inner, 8));
        let (wide_bias, bias) = (noise(9, inner), noise(10, outer));
        let (filters, x) = (filters(window, inner), noise(11, input.values()));
        let residual = window.stride() == 1;
        let wide = Pointwise {
            matrix: &expand,
            bias: &wide_bias,
        };
        let narrow = Pointwise {
            matrix: &project,
            bias: &bias,
        };
        let block = InvertedResidual {
            expand: Some(wide),
            depthwise: &filters,
            project: narrow,
            residual,
        };
        for kernel in available() {
            let relu6 = Epilogue::Activation(Activation::Relu6);
            let expanded = pointwise_with(kernel, &x, wide, relu6);
            let wide_extent = Extent {
                channels: inner,
                ..input
            };
            let convolved = depthwise(&expanded, wide_extent, &filters);
            let last = if residual {
                Epilogue::Residual(x.as_slice())
            } else {
                Epilogue::None
            };
            let want = pointwise_with(kernel, &convolved, narrow, last);
            let mut means = vec![0.0; inner];
            let got = block.forward_with(kernel, &x, input, Some(&mut means));
            assert!(got == want, "{}: {window:?} over {input:?}", kernel.name);
            assert!(block.forward_with(kernel, &x, input, None) == want);
            for (channel, mean) in means.iter().enumerate() {
                let sum: f32 = expanded.iter().skip(channel).step_by(inner).sum();
                assert!((mean - sum / (height * width) as f32).abs() < 1e-4);
            }
        }
    }
}

/// The first block of a network has the channels that it convolves already.
#[run]
fn a_block_without_expansion_convolves_its_input() {
    let input = Extent {
        height: 12,
        width: 10,
        channels: 32,
    };
    let (project, bias) = (matrix(16, 32, 1), noise(2, 16));
    let filters = filters(Window::new(3, 1).unwrap(), 32);
    let x = noise(3, input.values());
    let block = InvertedResidual {
        expand: None,
        depthwise: &filters,
        project: Pointwise {
            matrix: &project,
            bias: &bias,
        },
        residual: false,
    };
    for kernel in available() {
        let want = pointwise_with(
            kernel,
            &depthwise(&x, input, &filters),
            block.project,
            Epilogue::None,
        );
        assert!(
            block.forward_with(kernel, &x, input, None) == want,
            "{}",
            kernel.name
        );
    }
}

#[run]
fn filters_that_do_not_fit_are_refused() {
    let window = Window::new(3, 1).unwrap();
    assert!(DepthwiseFilters::new(window, &[0.0; 17], vec![0.0; 2]).is_err());
    assert!(DepthwiseFilters::new(window, &[], vec![]).is_err());
    assert!(StemFilters::new(window, &[0.0; 53], vec![0.0; 2]).is_err());
    assert!(StemFilters::new(window, &[], vec![]).is_err());
    for (side, stride) in [(0, 1), (4, 1), (7, 1), (3, 0), (3, 3)] {
        assert!(Window::new(side, stride).is_err());
    }
}
