//! The tensors of a FastViT image tower, under the names of `timm`'s class once its branches are folded together:
//! batch normalizations and the scales of blocks are part of the weights beside them.
//!
//! Convolutions of one tap that stand by themselves, and the weighing of channels, stay in floating point: no
//! input goes around them, so that all that follows carries their errors on, and they are few.

use super::{Kind, WeightSpec};
use crate::weights::config::{FastVitConfig, FastVitStage};

/// Adds the weights of the tower, and the projection of its features to `projection_dim`.
pub(super) fn add(config: &FastVitConfig, projection_dim: usize, out: &mut Vec<WeightSpec>) {
    let features = config.features();
    affine(
        "visual_projection",
        Kind::Matrix,
        &[projection_dim, features],
        out,
    );
    let first = config.stages[0].width;
    let stem = "vision_model.stem";
    affine(
        &format!("{stem}.0.reparam_conv"),
        Kind::Filter,
        &[first, 3, 3, 3],
        out,
    );
    affine(
        &format!("{stem}.1.reparam_conv"),
        Kind::Filter,
        &[first, 1, 3, 3],
        out,
    );
    affine(
        &format!("{stem}.2.reparam_conv"),
        Kind::Filter,
        &[first, first, 1, 1],
        out,
    );
    for (i, stage) in config.stages.iter().enumerate() {
        add_stage(&format!("vision_model.stages.{i}"), stage, config.layer_norm, out);
    }
    let last = "vision_model.final_conv";
    affine(
        &format!("{last}.reparam_conv"),
        Kind::Filter,
        &[features, 1, 3, 3],
        out,
    );
    squeeze(last, features, config.squeeze_width(), out);
}

fn add_stage(name: &str, stage: &FastVitStage, layer_norm: bool, out: &mut Vec<WeightSpec>) {
    let width = stage.width;
    if stage.downsamples {
        let proj = format!("{name}.downsample.proj");
        affine(
            &format!("{proj}.0.reparam_conv"),
            Kind::Filter,
            &[width, 1, 7, 7],
            out,
        );
        if stage.squeezes {
            squeeze(&format!("{proj}.0"), width, stage.squeeze_width(), out);
        }
        affine(
            &format!("{proj}.1.reparam_conv"),
            Kind::Filter,
            &[width, width, 1, 1],
            out,
        );
    }
    if stage.has_positions {
        affine(
            &format!("{name}.pos_emb.reparam_conv"),
            Kind::Filter,
            &[width, 1, 7, 7],
            out,
        );
    }
    for i in 0..stage.depth {
        let block = format!("{name}.blocks.{i}");
        if stage.attends {
            let qkv = format!("{block}.token_mixer.qkv.weight");
            if layer_norm {
                let norm = |part: &str| format!("{block}.norm.{part}");
                out.push(WeightSpec::new(norm("weight"), Kind::Vector, &[width]));
                out.push(WeightSpec::new(norm("bias"), Kind::Vector, &[width]));
                out.push(WeightSpec::new(qkv, Kind::Matrix, &[3 * width, width]));
            } else {
                affine(
                    &format!("{block}.token_mixer.qkv"),
                    Kind::Matrix,
                    &[3 * width, width],
                    out,
                );
            }
            affine(
                &format!("{block}.token_mixer.proj"),
                Kind::Matrix,
                &[width, width],
                out,
            );
        } else {
            mixer(&block, [width, 1, 3, 3], out);
        }
        perceptron(&block, [width, 1, 7, 7], stage.mlp_width, out);
    }
}

/// Adds a block of convolutions by itself, over windows of the shape of `filters`.
pub(super) fn add_block(block: &str, filters: [usize; 4], hidden: usize, out: &mut Vec<WeightSpec>) {
    mixer(block, filters, out);
    perceptron(block, filters, hidden, out);
}

fn mixer(block: &str, filters: [usize; 4], out: &mut Vec<WeightSpec>) {
    affine(
        &format!("{block}.token_mixer.reparam_conv"),
        Kind::Filter,
        &filters,
        out,
    );
}

/// A convolution and a perceptron behind it.
fn perceptron(block: &str, filters: [usize; 4], hidden: usize, out: &mut Vec<WeightSpec>) {
    let (mlp, width) = (format!("{block}.mlp"), filters[0]);
    affine(&format!("{mlp}.conv"), Kind::Filter, &filters, out);
    affine(&format!("{mlp}.fc1"), Kind::Matrix, &[hidden, width, 1, 1], out);
    affine(&format!("{mlp}.fc2"), Kind::Matrix, &[width, hidden, 1, 1], out);
}

/// A weight and its bias.
fn affine(name: &str, kind: Kind, shape: &[usize], out: &mut Vec<WeightSpec>) {
    out.push(WeightSpec::new(format!("{name}.bias"), Kind::Vector, &shape[..1]));
    out.push(WeightSpec::new(format!("{name}.weight"), kind, shape));
}

/// The weighing of `width` channels.
fn squeeze(name: &str, width: usize, inner: usize, out: &mut Vec<WeightSpec>) {
    affine(
        &format!("{name}.se.fc1"),
        Kind::Filter,
        &[inner, width, 1, 1],
        out,
    );
    affine(
        &format!("{name}.se.fc2"),
        Kind::Filter,
        &[width, inner, 1, 1],
        out,
    );
}
