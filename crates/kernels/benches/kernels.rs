//! `cargo bench --bench kernels`: every implementation of the packed product that this machine has on
//! ViT-B/32's shapes, and the vector operations around it. Throughput is multiply-accumulates, or values.

use std::hint::black_box;

use cliplet_kernels::{
    Activation, Attention, Bits, Epilogue, Numbers, PackedMatrix, Q4_GROUP, Queries, Rows, Segment,
    attention, available, layer_norm, linear_with,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Tokens of one image: 49 patches and the class token.
const TOKENS: usize = 50;
const WIDTH: usize = 768;
const HEADS: usize = 12;
/// Outputs and inputs of a block's four products.
const SHAPES: [(&str, usize, usize); 4] = [
    ("qkv", 3 * WIDTH, WIDTH),
    ("out", WIDTH, WIDTH),
    ("fc1", 4 * WIDTH, WIDTH),
    ("fc2", WIDTH, 4 * WIDTH),
];

fn wave(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * 0.37).sin()).collect()
}

fn matrix(n: usize, k: usize, bits: Bits) -> PackedMatrix {
    let mut builder = PackedMatrix::builder(n, k, bits).expect("a shape of the model");
    let scales = vec![0.01; n];
    let pushed = match bits {
        Bits::Q8 => {
            let codes: Vec<i8> = (0..n * k)
                .map(|i| (i * 37 % 255) as u8 as i8)
                .map(|q| q.max(-127))
                .collect();
            builder.push_q8(&codes, &scales)
        }
        Bits::Q4 => {
            let nibbles: Vec<u8> = (0..n * k / 2).map(|i| (i * 151 % 256) as u8).collect();
            builder.push_q4(&nibbles, &vec![7; n * k / Q4_GROUP], &scales)
        }
    };
    pushed
        .and_then(|()| builder.finish())
        .expect("rows of that shape")
}

fn products(c: &mut Criterion) {
    for (name, n, k) in SHAPES {
        let mut group = c.benchmark_group(format!("product-{name}"));
        group.throughput(Throughput::Elements((TOKENS * n * k) as u64));
        let (x, bias) = (wave(TOKENS * k), wave(n));
        for (bits, label) in [(Bits::Q8, "q8"), (Bits::Q4, "q4")] {
            let w = matrix(n, k, bits);
            for kernel in available() {
                group.bench_function(BenchmarkId::new(kernel.name, label), |b| {
                    b.iter(|| linear_with(kernel, black_box(&x), &w, Some(&bias), Epilogue::None));
                });
            }
        }
        group.finish();
    }
}

fn around(c: &mut Criterion) {
    let mut group = c.benchmark_group("around");
    let (x, mut out) = (wave(TOKENS * 3 * WIDTH), vec![0.0; TOKENS * WIDTH]);
    group.throughput(Throughput::Elements((TOKENS * WIDTH) as u64));
    let segments = [Segment {
        tokens: 0..TOKENS,
        prefix: 0..0,
    }];
    let of = Attention {
        queries: Rows::new(&x, 3 * WIDTH),
        keys_values: Rows::new(&x[WIDTH..], 3 * WIDTH),
        prefix: Rows::new(&[], 0),
        segments: &segments,
        heads: HEADS,
        width: WIDTH,
        numbers: Numbers::Codes,
        asking: Queries::Each,
    };
    group.bench_function("attention", |b| b.iter(|| attention(black_box(&of), &mut out)));
    let (weight, bias) = (wave(WIDTH), wave(WIDTH));
    group.bench_function("layer-norm", |b| {
        b.iter(|| {
            layer_norm(
                black_box(&x[..TOKENS * WIDTH]),
                WIDTH,
                &weight,
                &bias,
                1e-5,
                &mut out,
            )
        });
    });
    for activation in [Activation::QuickGelu, Activation::Gelu] {
        group.bench_function(format!("{activation:?}"), |b| {
            b.iter(|| activation.apply(black_box(&mut out)))
        });
    }
    group.finish();
}

criterion_group!(benches, products, around);
criterion_main!(benches);
