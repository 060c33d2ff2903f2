//! The tensors that a model of a given configuration consists of, by their published names.
//!
//! Readers check what a file offers against this list, and the writer writes in its order, so that
//! what is multiplied together arrives together and can be packed straight from a stream.

mod bert;
mod efficientnet;
mod fastvit;
mod transformer;

use crate::weights::config::{
    ClipConfig, Family, ImagePooling, Pooling, TextConfig, VisionConfig, VitConfig,
};
pub use transformer::stem_shapes;
use transformer::{attention_pooling, text_ends, tower, vit_ends};

/// Use of a weight, which decides how it may be stored.
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
    /// The filters of a convolution of few inputs, or one whose errors would cost much: a small share of a model, kept in
    /// floating point.
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
    /// Use of it.
    pub kind: Kind,
    /// Published tensors that it is made of, in order.
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

/// Names of the weights of a text tower begin so, and no others do.
pub const TEXT_TOWER: &str = "text_";

/// All weights of a model, in the order they are written.
pub fn weight_specs(config: &ClipConfig) -> Vec<WeightSpec> {
    let mut out = Vec::new();
    if config.text.is_some() && config.vision.is_some() {
        scale(config.family, &mut out);
    }
    if let Some(VisionConfig::Vit(vision)) = &config.vision {
        vit_projection(vision, config.projection_dim, &mut out);
    }
    if let Some(text) = &config.text {
        text_projection(text, config.projection_dim, &mut out);
    }
    if let Some(VisionConfig::Vit(vision)) = &config.vision {
        vit_ends(vision, &mut out);
    }
    if let Some(text) = &config.text {
        match &text.bert {
            Some(bert) => bert::add(text, bert, &mut out),
            None => text_ends(text, &mut out),
        }
    }
    match &config.vision {
        Some(VisionConfig::Vit(vision)) => {
            let is_pooled = vision.pooling == ImagePooling::ClassToken;
            tower("vision_model", &vision.tower, is_pooled, &mut out);
        }
        Some(VisionConfig::EfficientNet(vision)) => {
            efficientnet::add(vision, config.projection_dim, &mut out)
        }
        Some(VisionConfig::FastVit(vision)) => fastvit::add(vision, config.projection_dim, &mut out),
        None => {}
    }
    if let Some(text) = config.text.as_ref().filter(|text| text.bert.is_none()) {
        // Of the last block all tokens are wanted where convolutions follow.
        tower(
            "text_model",
            &text.tower,
            text.convolution_window.is_none(),
            &mut out,
        );
        for (block, filters) in text.convolution_blocks() {
            fastvit::add_block(
                &format!("text_model.{block}"),
                filters,
                4 * text.tower.width,
                &mut out,
            );
        }
    }
    out
}

/// Adds what makes logits of cosines.
fn scale(family: Family, out: &mut Vec<WeightSpec>) {
    match family {
        Family::Clip => out.push(WeightSpec::new("logit_scale".into(), Kind::Vector, &[])),
        Family::Siglip => {
            for name in ["logit_scale", "logit_bias"] {
                out.push(WeightSpec::new(name.into(), Kind::Vector, &[1]));
            }
        }
    }
}

/// Adds what makes embeddings of the image tower's tokens.
fn vit_projection(config: &VitConfig, projection_dim: usize, out: &mut Vec<WeightSpec>) {
    match config.pooling {
        ImagePooling::ClassToken => {
            let shape = [projection_dim, config.tower.width];
            if config.projection_bias {
                let name = "visual_projection.bias".into();
                out.push(WeightSpec::new(name, Kind::Vector, &shape[..1]));
            }
            out.push(WeightSpec::new(
                "visual_projection.weight".into(),
                Kind::Matrix,
                &shape,
            ));
        }
        ImagePooling::Attention => attention_pooling("vision_model.head", &config.tower, out),
    }
}

/// Adds the linear map of pooled texts to embeddings.
fn text_projection(config: &TextConfig, projection_dim: usize, out: &mut Vec<WeightSpec>) {
    let shape = [projection_dim, config.tower.width];
    match config.pooling {
        Pooling::LargestId
        | Pooling::LargestOfPadded
        | Pooling::EndOfText(_)
        | Pooling::First { .. }
        | Pooling::Mean { .. } => {
            if let Some(bert) = &config.bert {
                return bert::projection(bert, shape, out);
            }
            out.push(WeightSpec::new(
                "text_projection.weight".into(),
                Kind::Matrix,
                &shape,
            ));
        }
        Pooling::Last => {
            out.push(WeightSpec::new(
                "text_model.head.bias".into(),
                Kind::Vector,
                &shape[..1],
            ));
            out.push(WeightSpec::new(
                "text_model.head.weight".into(),
                Kind::Matrix,
                &shape,
            ));
        }
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

    #[test]
    fn siglip_base_has_its_408_tensors_and_203_million_parameters() {
        let specs = weight_specs(&ClipConfig::from_json(r#"{"model_type": "siglip"}"#).unwrap());
        let parts: Vec<&TensorSpec> = specs.iter().flat_map(|s| &s.parts).collect();
        // Of the published tensors two are fused, which count as three each.
        assert_eq!(parts.len(), 408 + 2 * 2);
        assert_eq!(parts.iter().map(|p| p.values()).sum::<usize>(), 203_155_970);
    }

    #[test]
    fn a_tower_alone_has_no_scale_and_nothing_of_the_other() {
        for (kind, own, other) in [("text", "text_", "vis"), ("vision", "vis", "text_")] {
            let config = ClipConfig::from_json(&format!(r#"{{"model_type": "clip_{kind}_model"}}"#)).unwrap();
            let specs = weight_specs(&config);
            assert!(specs.iter().all(|spec| spec.name.starts_with(own)), "{kind}");
            assert!(
                specs.len() > 100 && !specs.iter().any(|spec| spec.name.starts_with(other)),
                "{kind}"
            );
        }
    }
}
