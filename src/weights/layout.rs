//! Which tensors a CLIP of a given configuration consists of, by their published names.
//!
//! Readers check what a file offers against this list, and the writer writes in its order, so that
//! what is multiplied together arrives together and can be packed straight from a stream.

mod efficientnet;

use crate::weights::config::{ClipConfig, TextConfig, TowerConfig, VisionConfig, VitConfig};

/// How a weight is used, which decides how it may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Multiplied with activations: `rows` outputs by `cols` inputs. May be quantized.
    Matrix,
    /// As a matrix, but multiplied with pooled tokens only: stored quantized perhaps, computed in
    /// floating point, since that costs next to nothing and nothing after it evens out its error.
    Projection,
    /// Looked up by row. May be quantized.
    Table,
    /// Added or scaled with. Kept in floating point.
    Vector,
    /// The filters of a convolution of few inputs: a small share of a model, kept in floating point.
    Filter,
    /// Of a batch normalization. Kept in float32, and on the CPU, until it is folded into other weights.
    Statistic,
}

impl Kind {
    /// Returns true if a file may store it in 8 or 4 bits.
    pub fn is_quantizable(self) -> bool {
        matches!(self, Self::Matrix | Self::Projection | Self::Table)
    }
}

/// One published tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its published name, such as `visual_projection.weight`.
    pub name: String,
    /// Its published shape, outermost dimension first.
    pub shape: Vec<usize>,
}

/// One weight of the model: one published tensor, or several joined along their rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightSpec {
    /// The name the model asks for: the published one, or `…qkv_proj.weight` for joined parts.
    pub name: String,
    /// How it is used.
    pub kind: Kind,
    /// What it is made of, in order.
    pub parts: Vec<TensorSpec>,
    /// Inputs of a matrix, width of a table's rows; a vector has one row of everything.
    pub cols: usize,
}

impl TensorSpec {
    /// Number of values.
    pub fn values(&self) -> usize {
        self.shape.iter().product()
    }
}

impl WeightSpec {
    fn new(name: String, kind: Kind, shape: &[usize]) -> Self {
        let cols = match kind {
            Kind::Vector | Kind::Statistic => shape.iter().product(),
            Kind::Matrix | Kind::Projection | Kind::Table | Kind::Filter => shape[1..].iter().product(),
        };
        Self {
            parts: vec![TensorSpec {
                name: name.clone(),
                shape: shape.to_vec(),
            }],
            name,
            kind,
            cols,
        }
    }

    /// Rows of all parts together.
    pub fn rows(&self) -> usize {
        self.parts.iter().map(TensorSpec::values).sum::<usize>() / self.cols
    }
}

/// All weights of a CLIP, in the order they are written.
pub fn weight_specs(config: &ClipConfig) -> Vec<WeightSpec> {
    let mut out = vec![WeightSpec::new("logit_scale".into(), Kind::Vector, &[])];
    match &config.vision {
        VisionConfig::Vit(vision) => {
            projection(
                "visual_projection",
                config.projection_dim,
                vision.tower.width,
                &mut out,
            );
            projection(
                "text_projection",
                config.projection_dim,
                config.text.tower.width,
                &mut out,
            );
            vit_ends(vision, &mut out);
            text_ends(&config.text, &mut out);
            tower("vision_model", &vision.tower, &mut out);
        }
        VisionConfig::EfficientNet(vision) => {
            projection(
                "text_projection",
                config.projection_dim,
                config.text.tower.width,
                &mut out,
            );
            text_ends(&config.text, &mut out);
            efficientnet::add(vision, config.projection_dim, &mut out);
        }
    }
    tower("text_model", &config.text.tower, &mut out);
    out
}

/// Adds a linear map into the joint space.
fn projection(name: &str, projection_dim: usize, width: usize, out: &mut Vec<WeightSpec>) {
    out.push(WeightSpec::new(
        format!("{name}.weight"),
        Kind::Matrix,
        &[projection_dim, width],
    ));
}

/// Adds what is before and behind the blocks of a vision transformer.
fn vit_ends(config: &VitConfig, out: &mut Vec<WeightSpec>) {
    let (width, patch) = (config.tower.width, config.patch_size);
    let mut add = |name: &str, kind, shape: &[usize]| {
        out.push(WeightSpec::new(format!("vision_model.{name}"), kind, shape));
    };
    add("embeddings.class_embedding", Kind::Vector, &[width]);
    add(
        "embeddings.patch_embedding.weight",
        Kind::Matrix,
        &[width, 3, patch, patch],
    );
    add(
        "embeddings.position_embedding.weight",
        Kind::Vector,
        &[config.tokens(), width],
    );
    for name in ["pre_layrnorm", "post_layernorm"] {
        add(&format!("{name}.weight"), Kind::Vector, &[width]);
        add(&format!("{name}.bias"), Kind::Vector, &[width]);
    }
}

/// Adds what is before and behind the blocks of the text tower.
fn text_ends(config: &TextConfig, out: &mut Vec<WeightSpec>) {
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

fn tower(model: &str, tower: &TowerConfig, out: &mut Vec<WeightSpec>) {
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
        let together: &[&str] = if layer + 1 < tower.layers {
            &["qkv"]
        } else {
            &["q", "kv"]
        };
        for (what, kind) in [("bias", Kind::Vector), ("weight", Kind::Matrix)] {
            out.extend(
                together
                    .iter()
                    .map(|joined| attention_projection(&block, joined, what, kind, width)),
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

/// What projects to `joined`: queries, keys, values, by their letters.
fn attention_projection(block: &str, joined: &str, what: &str, kind: Kind, width: usize) -> WeightSpec {
    let part = |letter: char| TensorSpec {
        name: format!("{block}.self_attn.{letter}_proj.{what}"),
        shape: if kind == Kind::Vector {
            vec![width]
        } else {
            vec![width, width]
        },
    };
    WeightSpec {
        name: format!("{block}.self_attn.{joined}_proj.{what}"),
        kind,
        parts: joined.chars().map(part).collect(),
        cols: if kind == Kind::Vector {
            joined.len() * width
        } else {
            width
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vit_b_32_has_its_398_tensors_and_151_million_parameters() {
        let weight_specs = weight_specs(&ClipConfig::from_json("{}").unwrap());
        let parts: Vec<&TensorSpec> = weight_specs.iter().flat_map(|s| &s.parts).collect();
        assert_eq!(parts.len(), 398);
        assert_eq!(parts.iter().map(|p| p.values()).sum::<usize>(), 151_277_313);
        let shape = |name: &str| {
            let spec = weight_specs
                .iter()
                .find(|s| s.name == format!("vision_model.encoder.layers.{name}_proj.weight"));
            spec.map(|spec| (spec.rows(), spec.cols))
        };
        assert_eq!(shape("10.self_attn.qkv"), Some((3 * 768, 768)));
        assert_eq!(shape("11.self_attn.qkv"), None);
        assert_eq!(shape("11.self_attn.q"), Some((768, 768)));
        assert_eq!(shape("11.self_attn.kv"), Some((2 * 768, 768)));
    }
}
