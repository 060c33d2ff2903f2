//! The tensors of an EfficientNet-Lite image tower, under the names of the PyPI package
//! `efficientnet_lite_pytorch`; batch normalizations are stored as they were trained.

use super::{Kind, WeightSpec};
use crate::weights::config::{EfficientNetConfig, HeadConfig};

/// Adds the weights of the tower and of its head, which gives embeddings of `projection_dim`.
pub(super) fn add(config: &EfficientNetConfig, projection_dim: usize, out: &mut Vec<WeightSpec>) {
    head(config, projection_dim, out);
    let stem = config.stem_channels;
    convolution("", ("_conv_stem", "_bn0"), Kind::Filter, &[stem, 3, 3, 3], out);
    for (i, block) in config.blocks.iter().enumerate() {
        let (inner, side) = (block.inner_channels(), block.window.side());
        let name = format!("_blocks.{i}.");
        if block.expand_ratio > 1 {
            let shape = [inner, block.in_channels, 1, 1];
            convolution(&name, ("_expand_conv", "_bn0"), Kind::Matrix, &shape, out);
        }
        let shape = [inner, 1, side, side];
        convolution(&name, ("_depthwise_conv", "_bn1"), Kind::Filter, &shape, out);
        let shape = [block.out_channels, inner, 1, 1];
        convolution(&name, ("_project_conv", "_bn2"), Kind::Matrix, &shape, out);
    }
    let last = config.blocks.last().map_or(stem, |block| block.out_channels);
    let shape = [config.head_channels, last, 1, 1];
    convolution("", ("_conv_head", "_bn1"), Kind::Matrix, &shape, out);
}

/// A convolution and the batch normalization that follows it.
fn convolution(
    block: &str,
    (name, norm): (&str, &str),
    kind: Kind,
    shape: &[usize; 4],
    out: &mut Vec<WeightSpec>,
) {
    for part in ["weight", "bias", "running_mean", "running_var"] {
        let name = format!("vision_model.{block}{norm}.{part}");
        out.push(WeightSpec::new(name, Kind::Statistic, &shape[..1]));
    }
    out.push(WeightSpec::new(
        format!("vision_model.{block}{name}.weight"),
        kind,
        shape,
    ));
}

fn head(config: &EfficientNetConfig, projection_dim: usize, out: &mut Vec<WeightSpec>) {
    let features = config.head_channels;
    let mut add = |name: &str, kind, shape: &[usize]| out.push(WeightSpec::new(name.into(), kind, shape));
    match config.head {
        HeadConfig::Linear => add(
            "visual_projection.weight",
            Kind::Matrix,
            &[projection_dim, features],
        ),
        HeadConfig::SoftmaxMlp {
            classes,
            hidden,
            early_block,
            ..
        } => {
            let inputs = config.perceptron_inputs(early_block);
            add("vision_model.classifier.bias", Kind::Vector, &[classes]);
            add(
                "vision_model.classifier.weight",
                Kind::Matrix,
                &[classes, features],
            );
            add(
                "visual_projection.weight",
                Kind::Projection,
                &[projection_dim, classes],
            );
            add("visual_mlp.norm.weight", Kind::Vector, &[inputs]);
            add("visual_mlp.norm.bias", Kind::Vector, &[inputs]);
            add("visual_mlp.fc1.bias", Kind::Vector, &[hidden]);
            add("visual_mlp.fc1.weight", Kind::Matrix, &[hidden, inputs]);
            add("visual_mlp.fc2.bias", Kind::Vector, &[projection_dim]);
            add(
                "visual_mlp.fc2.weight",
                Kind::Projection,
                &[projection_dim, hidden],
            );
        }
    }
}
