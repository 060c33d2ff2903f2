//! Folding: the range of each channel that a layer norm gives moves into the weights behind the norm.
//!
//! A layer norm scales channel `j` by `g[j]` and adds `b[j]`. Gains of trained models differ much between channels, and
//! the weights behind the norm make up for it. Where both are quantized, by one scale a row, the channels with large
//! gains leave few codes for all others, and the small weights behind them few codes as well. With
//! `s[j] = sqrt(g[j]² + b[j]²)`, the root mean square of the channel as the norm gives it, the same function is
//!
//! `W (g n + b) = (W s) ((g / s) n + b / s)`
//!
//! and its activations all have the same range (as in SmoothQuant, arXiv:2211.10438, but from the weights alone, so
//! that it can be done while a file arrives). It costs nothing when the model runs.

/// Smallest scale of a channel, in root mean squares over all channels, so that a channel that a norm turns off does
/// not end up with huge biases.
const MIN_SCALE: f32 = 1e-3;

/// Part of a published tensor in a fold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Gain of the norm.
    Gain,
    /// Bias of the norm.
    Bias,
    /// A matrix behind the norm.
    Matrix,
}

/// The norm whose fold the published tensor `name` takes part in, such as
/// `text_model.encoder.layers.0.layer_norm1`, and its role; `None` for all other tensors.
pub fn role(name: &str) -> Option<(String, Role)> {
    const BEHIND: [(&str, &str); 4] = [
        (".self_attn.q_proj.weight", ".layer_norm1"),
        (".self_attn.k_proj.weight", ".layer_norm1"),
        (".self_attn.v_proj.weight", ".layer_norm1"),
        (".mlp.fc1.weight", ".layer_norm2"),
    ];
    if !name.contains(".encoder.layers.") {
        return None;
    }
    for norm in ["layer_norm1", "layer_norm2"] {
        for (vector, role) in [("weight", Role::Gain), ("bias", Role::Bias)] {
            if let Some(block) = name.strip_suffix(&format!(".{norm}.{vector}")) {
                return Some((format!("{block}.{norm}"), role));
            }
        }
    }
    let behind = BEHIND
        .iter()
        .find_map(|(matrix, norm)| Some((name.strip_suffix(matrix)?, norm)));
    behind.map(|(block, norm)| (format!("{block}{norm}"), Role::Matrix))
}

/// The scale of each channel behind one norm.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelScales(Vec<f32>);

impl ChannelScales {
    /// The scales for a norm of this gain and bias, all positive and finite.
    pub fn new(gain: &[f32], bias: &[f32]) -> Self {
        let rms: Vec<f32> = gain
            .iter()
            .zip(bias)
            .map(|(g, b)| (g * g + b * b).sqrt())
            .collect();
        let mean = (rms.iter().map(|s| s * s).sum::<f32>() / rms.len().max(1) as f32).sqrt();
        if !(mean.is_normal()) {
            return Self(vec![1.0; rms.len()]);
        }
        Self(rms.into_iter().map(|s| (s / mean).max(MIN_SCALE)).collect())
    }

    /// Applies the fold to values of a tensor: whole rows of a matrix, or a norm's vector.
    pub fn apply(&self, role: Role, values: &mut [f32]) {
        for row in values.chunks_exact_mut(self.0.len()) {
            for (value, scale) in row.iter_mut().zip(&self.0) {
                match role {
                    Role::Gain | Role::Bias => *value /= scale,
                    Role::Matrix => *value *= scale,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_norm_and_role() {
        let block = "vision_model.encoder.layers.3";
        for (name, norm, part) in [
            ("layer_norm1.weight", "layer_norm1", Role::Gain),
            ("layer_norm2.bias", "layer_norm2", Role::Bias),
            ("self_attn.k_proj.weight", "layer_norm1", Role::Matrix),
            ("mlp.fc1.weight", "layer_norm2", Role::Matrix),
        ] {
            assert_eq!(
                role(&format!("{block}.{name}")),
                Some((format!("{block}.{norm}"), part))
            );
        }
        for name in ["mlp.fc2.weight", "mlp.fc1.bias", "self_attn.out_proj.weight"] {
            assert_eq!(role(&format!("{block}.{name}")), None);
        }
        assert_eq!(role("vision_model.post_layernorm.weight"), None);
        assert_eq!(role("layer_norm1.weight"), None);
    }

    #[test]
    fn a_folded_product_is_the_same() {
        let (gain, bias, unit) = (
            [2.0, -0.5, 0.0, 8.0],
            [0.0, 0.1, 0.0, -1.0],
            [0.3, -1.2, 0.7, 1.0],
        );
        let weights = [0.5, 3.0, -1.0, 0.1];
        let product = |gain: &[f32], bias: &[f32], weights: &[f32]| -> f32 {
            (0..4).map(|j| weights[j] * (gain[j] * unit[j] + bias[j])).sum()
        };
        let scales = ChannelScales::new(&gain, &bias);
        let (mut g, mut b, mut w) = (gain, bias, weights);
        scales.apply(Role::Gain, &mut g);
        scales.apply(Role::Bias, &mut b);
        scales.apply(Role::Matrix, &mut w);
        assert!((product(&g, &b, &w) - product(&gain, &bias, &weights)).abs() < 1e-5);
        assert!(((g[0] * g[0] + b[0] * b[0]).sqrt() - (g[3] * g[3] + b[3] * b[3]).sqrt()).abs() < 1e-5);
        assert_eq!(
            ChannelScales::new(&[0.0; 3], &[0.0; 3]),
            ChannelScales(vec![1.0; 3])
        );
    }
}
