//! Layer norm.

use cliplet_kernels::layer_norm;
use proptest::prelude::*;

use super::{noise, property, run};

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
