//! The tensors of transformer towers, under the names of `transformers`.

use super::{Kind, TensorSpec, WeightSpec};
use crate::weights::config::{ImagePooling, STEM_SIDES, TextConfig, TowerConfig, VitConfig};

/// Adds what is before and behind the blocks of a vision transformer.
pub fn vit_ends(config: &VitConfig, out: &mut Vec<WeightSpec>) {
    let (width, patch) = (config.tower.width, config.patch_size);
    let mut add = |name: &str, kind, shape: &[usize]| {
        out.push(WeightSpec::new(format!("vision_model.{name}"), kind, shape));
    };
    let has_class = config.pooling == ImagePooling::ClassToken;
    if has_class {
        add("embeddings.class_embedding", Kind::Vector, &[width]);
    }
    if config.patch_bias {
        add("embeddings.patch_embedding.bias", Kind::Vector, &[width]);
    }
    if config.conv_stem {
        for (i, shape) in stem_shapes(width).into_iter().enumerate() {
            add(&format!("embeddings.stem.{i}.bias"), Kind::Vector, &shape[..1]);
            add(&format!("embeddings.stem.{i}.weight"), Kind::Filter, &shape);
        }
    } else if config.keeps_proportions {
        let shape = [width, config.patch_values()];
        add("embeddings.patch_embedding.weight", Kind::Matrix, &shape);
    } else {
        let shape = [width, 3, patch, patch];
        add("embeddings.patch_embedding.weight", Kind::Matrix, &shape);
    }
    add(
        "embeddings.position_embedding.weight",
        Kind::Vector,
        &[config.positions(), width],
    );
    let norms: &[&str] = if has_class && config.pre_norm {
        &["pre_layrnorm", "post_layernorm"]
    } else {
        &["post_layernorm"]
    };
    for name in norms {
        add(&format!("{name}.weight"), Kind::Vector, &[width]);
        add(&format!("{name}.bias"), Kind::Vector, &[width]);
    }
}

/// Shapes of the convolutions in place of the patches of a tower of this width, `[outputs, inputs, side, side]`.
pub fn stem_shapes(width: usize) -> [[usize; 4]; 3] {
    let channels = [3, width / 4, width / 4, width];
    std::array::from_fn(|i| [channels[i + 1], channels[i], STEM_SIDES[i], STEM_SIDES[i]])
}

/// Adds what is before and behind the blocks of the text tower.
pub fn text_ends(config: &TextConfig, out: &mut Vec<WeightSpec>) {
    let width = config.tower.width;
    let mut add = |name: &str, kind, shape: &[usize]| {
        out.push(WeightSpec::new(format!("text_model.{name}"), kind, shape));
    };
    add(
        "embeddings.position_embedding.weight",
        Kind::Vector,
        &[config.context_length, width],
    );
    add("final_layer_norm.weight", Kind::Vector, &[width]);
    add("final_layer_norm.bias", Kind::Vector, &[width]);
    add(
        "embeddings.token_embedding.weight",
        Kind::Table,
        &[config.vocab_size, width],
    );
}

/// Adds the blocks of a tower; of the last of a `pooled` one, few tokens are wanted.
pub fn tower(model: &str, tower: &TowerConfig, pooled: bool, out: &mut Vec<WeightSpec>) {
    let (width, mlp) = (tower.width, tower.mlp_width);
    for layer in 0..tower.layers {
        let block = format!("{model}.encoder.layers.{layer}");
        for norm in ["layer_norm1", "layer_norm2"] {
            out.push(WeightSpec::new(
                format!("{block}.{norm}.weight"),
                Kind::Vector,
                &[width],
            ));
            out.push(WeightSpec::new(
                format!("{block}.{norm}.bias"),
                Kind::Vector,
                &[width],
            ));
        }
        // One product projects to queries, keys and values; of the last block, most queries are not wanted.
        let together: &[&str] = if layer + 1 < tower.layers || !pooled {
            &["qkv"]
        } else {
            &["q", "kv"]
        };
        let attention = format!("{block}.self_attn");
        for (what, kind) in [("bias", Kind::Vector), ("weight", Kind::Matrix)] {
            out.extend(
                together
                    .iter()
                    .map(|joined| attention_projection(&attention, joined, what, kind, width)),
            );
        }
        for (linear, outputs, inputs) in [
            ("self_attn.out_proj", width, width),
            ("mlp.fc1", mlp, width),
            ("mlp.fc2", width, mlp),
        ] {
            out.push(WeightSpec::new(
                format!("{block}.{linear}.bias"),
                Kind::Vector,
                &[outputs],
            ));
            out.push(WeightSpec::new(
                format!("{block}.{linear}.weight"),
                Kind::Matrix,
                &[outputs, inputs],
            ));
        }
    }
}

/// Adds the attention of a learned query to all tokens, and the perceptron behind it.
pub fn attention_pooling(head: &str, tower: &TowerConfig, out: &mut Vec<WeightSpec>) {
    let (width, mlp) = (tower.width, tower.mlp_width);
    let attention = format!("{head}.attention");
    let mut add = |name: &str, kind, shape: &[usize]| {
        out.push(WeightSpec::new(format!("{head}.{name}"), kind, shape));
    };
    add("probe", Kind::Vector, &[1, 1, width]);
    add("layernorm.weight", Kind::Vector, &[width]);
    add("layernorm.bias", Kind::Vector, &[width]);
    for (linear, outputs, inputs) in [
        ("attention.out_proj", width, width),
        ("mlp.fc1", mlp, width),
        ("mlp.fc2", width, mlp),
    ] {
        add(&format!("{linear}.bias"), Kind::Vector, &[outputs]);
        add(&format!("{linear}.weight"), Kind::Matrix, &[outputs, inputs]);
    }
    // The query is the same for all images: it is projected once, when the model is put together.
    for (joined, kind) in [("q", Kind::Projection), ("kv", Kind::Matrix)] {
        out.push(attention_projection(
            &attention,
            joined,
            "bias",
            Kind::Vector,
            width,
        ));
        out.push(attention_projection(&attention, joined, "weight", kind, width));
    }
}

/// The map to `joined`: queries, keys and values, by their letters, under the name `attention`.
fn attention_projection(attention: &str, joined: &str, what: &str, kind: Kind, width: usize) -> WeightSpec {
    let part = |letter: char| TensorSpec {
        name: format!("{attention}.{letter}_proj.{what}"),
        shape: if kind == Kind::Vector {
            vec![width]
        } else {
            vec![width, width]
        },
    };
    WeightSpec {
        name: format!("{attention}.{joined}_proj.{what}"),
        kind,
        parts: joined.chars().map(part).collect(),
        cols: if kind == Kind::Vector {
            joined.len() * width
        } else {
            width
        },
    }
}
