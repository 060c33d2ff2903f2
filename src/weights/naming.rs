//! Names and forms of tensors in published files, where they are not those of the model's layout.
//!
//! The layout has the names of `transformers`, but for the attention of a SigLIP's head, whose queries, keys and values
//! are one tensor there. `open_clip` calls the same tensors otherwise, stores all queries, keys and values so, and the
//! projections transposed.

mod bert;
mod timm;

use crate::weights::layout::{TEXT_TOWER, TensorSpec};
pub use bert::BertNaming;

/// The library whose names a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `transformers`.
    Transformers,
    /// `open_clip`, by its two towers.
    OpenClip(TextNaming, ImageNaming),
    /// `transformers`, of a BERT, DistilBERT or XLM-RoBERTa that was saved by itself.
    Bert(BertNaming),
}

/// Names of a text tower in files of `open_clip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextNaming {
    /// Its own, behind this prefix: nothing or `text.`.
    Own(&'static str),
    /// Those of `transformers`, of a BERT or a relative of it.
    Bert,
}

/// Names of an image tower in files of `open_clip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageNaming {
    /// Its own.
    Own,
    /// Those of `timm`.
    Timm {
        /// True where `open_clip` added a projection behind the tower.
        added_projection: bool,
    },
}

/// The tensor of a file that holds one of the layout's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSource {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The one of several equal parts along its rows that is meant, and their number.
    pub part: (usize, usize),
    /// True for a matrix that is stored by its inputs instead of its outputs.
    pub transposed: bool,
}

impl Naming {
    /// The naming of a file that holds tensors of these names.
    pub fn of_names<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let (mut is_open_clip, mut timm, mut added_projection) = (false, false, false);
        let mut text = TextNaming::Own("");
        for name in names {
            if let Some(naming) = BertNaming::of_key(name) {
                return Self::Bert(naming);
            }
            is_open_clip |= name.starts_with("visual.");
            timm |= name.starts_with(timm::TRUNK);
            added_projection |= name == timm::ADDED_PROJECTION;
            match name {
                "text.token_embedding.weight" => text = TextNaming::Own("text."),
                "text.transformer.embeddings.word_embeddings.weight" => text = TextNaming::Bert,
                _ => {}
            }
        }
        let image = match timm {
            true => ImageNaming::Timm { added_projection },
            false => ImageNaming::Own,
        };
        match is_open_clip {
            true => Self::OpenClip(text, image),
            false => Self::Transformers,
        }
    }

    /// The tensor of the file that holds `spec` of the layout.
    pub fn source(self, spec: &TensorSpec) -> TensorSource {
        match self {
            Self::Transformers => transformers(spec),
            Self::OpenClip(text, image) => {
                let trunk = match image {
                    ImageNaming::Timm { added_projection } => timm::source(spec, added_projection),
                    ImageNaming::Own => None,
                };
                trunk.unwrap_or_else(|| match text {
                    TextNaming::Own(prefix) => open_clip(spec, prefix),
                    TextNaming::Bert if spec.name.starts_with(TEXT_TOWER) => {
                        TensorSource::whole(BertNaming::OPEN_CLIP.name(&spec.name), spec)
                    }
                    TextNaming::Bert => open_clip(spec, ""),
                })
            }
            Self::Bert(naming) => TensorSource::whole(naming.name(&spec.name), spec),
        }
    }
}

impl TensorSource {
    /// A tensor that is held as it is.
    pub fn whole(name: String, spec: &TensorSpec) -> Self {
        Self {
            name,
            shape: spec.shape.clone(),
            part: (0, 1),
            transposed: false,
        }
    }

    /// One of several tensors of the layout that `name` holds one after the other: its place among them, and their number.
    fn fused(name: String, part: (usize, usize), spec: &TensorSpec) -> Self {
        let mut source = Self::whole(name, spec);
        source.shape[0] *= part.1;
        source.part = part;
        source
    }

    /// Says what is wrong with a file's tensor of the shape `given`, if anything is. There may be any number of dimensions
    /// of one value before it.
    ///
    /// # Errors
    /// A sentence with both shapes.
    pub fn check_shape(&self, given: &[usize]) -> Result<(), String> {
        let Self { name, shape, .. } = self;
        let trimmed = |shape: &[usize]| {
            shape
                .iter()
                .copied()
                .skip_while(|size| *size == 1)
                .collect::<Vec<_>>()
        };
        if trimmed(given) == trimmed(shape) {
            return Ok(());
        }
        Err(format!(
            "tensor {name} is {given:?} but the configuration makes it {shape:?}"
        ))
    }

    /// Takes the part that is meant out of the values of a fused tensor.
    pub fn extract_part(&self, values: &[f32]) -> Vec<f32> {
        let (part, parts) = self.part;
        let length = values.len() / parts;
        values[part * length..(part + 1) * length].to_vec()
    }

    /// Brings the values of a whole tensor into the order of the layout.
    pub fn in_order(&self, values: Vec<f32>) -> Vec<f32> {
        match (self.transposed, &self.shape[..]) {
            (true, &[rows, cols]) => {
                let column = |col: usize| (0..rows).map(move |row| row * cols + col);
                (0..cols).flat_map(column).map(|i| values[i]).collect()
            }
            _ => values,
        }
    }
}

/// Queries, keys and values, in the order in which fused tensors hold them.
const LETTERS: [&str; 3] = ["q", "k", "v"];

fn transformers(spec: &TensorSpec) -> TensorSource {
    let fused = spec
        .name
        .strip_prefix("vision_model.head.attention.")
        .and_then(letter);
    match fused {
        Some((letter, what)) => {
            let name = format!("vision_model.head.attention.in_proj_{what}");
            TensorSource::fused(name, (letter, LETTERS.len()), spec)
        }
        None => TensorSource::whole(spec.name.clone(), spec),
    }
}

/// The index of the letter in a name such as `k_proj.weight`, and what follows.
fn letter(name: &str) -> Option<(usize, &str)> {
    let found = LETTERS.iter().enumerate();
    let mut found =
        found.filter_map(|(i, letter)| Some((i, name.strip_prefix(letter)?.strip_prefix("_proj.")?)));
    found.next()
}

fn open_clip(spec: &TensorSpec, text: &str) -> TensorSource {
    let name = spec.name.as_str();
    if let Some((_, whole)) = ENDS.iter().find(|(ours, _)| *ours == name) {
        let whole = match whole.strip_prefix("text:") {
            Some(rest) => format!("{text}{rest}"),
            None => whole.to_string(),
        };
        let mut source = TensorSource::whole(whole, spec);
        if name.ends_with("_projection.weight") {
            source.shape.reverse();
            source.transposed = true;
        }
        return source;
    }
    let (tower, rest) = match name.split_once(".encoder.layers.") {
        Some(("vision_model", rest)) => ("visual.", rest),
        Some((_, rest)) => (text, rest),
        None => ("", name),
    };
    let (layer, inner) = rest.split_once('.').unwrap_or(("", rest));
    let block = format!("{tower}transformer.resblocks.{layer}");
    if let Some((letter, what)) = inner.strip_prefix("self_attn.").and_then(letter) {
        let name = format!("{block}.attn.in_proj_{what}");
        return TensorSource::fused(name, (letter, LETTERS.len()), spec);
    }
    let renamed = BLOCK
        .iter()
        .find_map(|(ours, theirs)| Some((inner.strip_prefix(ours)?, theirs)));
    let name = match renamed {
        Some((what, theirs)) => format!("{block}.{theirs}{what}"),
        None => name.to_string(),
    };
    TensorSource::whole(name, spec)
}

/// Names outside of the blocks; those of the text tower may have a prefix.
const ENDS: [(&str, &str); 17] = [
    ("visual_projection.weight", "visual.proj"),
    ("text_projection.weight", "text:text_projection"),
    (
        "vision_model.embeddings.class_embedding",
        "visual.class_embedding",
    ),
    (
        "vision_model.embeddings.patch_embedding.weight",
        "visual.conv1.weight",
    ),
    (
        "vision_model.embeddings.position_embedding.weight",
        "visual.positional_embedding",
    ),
    ("vision_model.pre_layrnorm.weight", "visual.ln_pre.weight"),
    ("vision_model.pre_layrnorm.bias", "visual.ln_pre.bias"),
    ("vision_model.post_layernorm.weight", "visual.ln_post.weight"),
    ("vision_model.post_layernorm.bias", "visual.ln_post.bias"),
    (
        "text_model.embeddings.token_embedding.weight",
        "text:token_embedding.weight",
    ),
    (
        "text_model.embeddings.position_embedding.weight",
        "text:positional_embedding",
    ),
    ("text_model.final_layer_norm.weight", "text:ln_final.weight"),
    ("text_model.final_layer_norm.bias", "text:ln_final.bias"),
    // Of a SigLIP, whose projection has a bias.
    ("text_model.head.weight", "text:text_projection.weight"),
    ("text_model.head.bias", "text:text_projection.bias"),
    ("logit_scale", "logit_scale"),
    ("logit_bias", "logit_bias"),
];

/// Names within a block, but for queries, keys and values.
const BLOCK: [(&str, &str); 5] = [
    ("layer_norm1.", "ln_1."),
    ("layer_norm2.", "ln_2."),
    ("self_attn.out_proj.", "attn.out_proj."),
    ("mlp.fc1.", "mlp.c_fc."),
    ("mlp.fc2.", "mlp.c_proj."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, shape: &[usize], text: &'static str) -> TensorSource {
        let spec = TensorSpec {
            name: name.into(),
            shape: shape.into(),
        };
        Naming::OpenClip(TextNaming::Own(text), ImageNaming::Own).source(&spec)
    }

    #[test]
    fn fused_projections_are_thirds_and_projections_are_transposed() {
        let keys = source(
            "text_model.encoder.layers.3.self_attn.k_proj.weight",
            &[2, 2],
            "text.",
        );
        assert_eq!(keys.name, "text.transformer.resblocks.3.attn.in_proj_weight");
        assert_eq!((keys.shape.as_slice(), keys.part), ([6, 2].as_slice(), (1, 3)));
        let projection = source("visual_projection.weight", &[2, 3], "");
        assert_eq!(
            (projection.name.as_str(), projection.shape.as_slice()),
            ("visual.proj", [3, 2].as_slice())
        );
        assert_eq!(
            projection.in_order(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]
        );
    }

    #[test]
    fn keys_are_the_second_third_of_a_fused_tensor() {
        let keys = source("text_model.encoder.layers.3.self_attn.k_proj.weight", &[2, 2], "");
        let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
        assert_eq!(keys.extract_part(&values), [4.0, 5.0, 6.0, 7.0]);
    }

    #[test]
    fn towers_of_timm_have_names_of_their_own() {
        let naming = Naming::of_names(["visual.trunk.cls_token", "text.token_embedding.weight"].into_iter());
        for (name, shape, theirs, whole) in [
            (
                "vision_model.embeddings.position_embedding.weight",
                &[5, 4][..],
                "visual.trunk.pos_embed",
                &[1, 5, 4][..],
            ),
            (
                "vision_model.encoder.layers.1.self_attn.v_proj.bias",
                &[4],
                "visual.trunk.blocks.1.attn.qkv.bias",
                &[12],
            ),
            (
                "vision_model.encoder.layers.1.mlp.fc1.weight",
                &[8, 4],
                "visual.trunk.blocks.1.mlp.fc1.weight",
                &[8, 4],
            ),
            (
                "text_model.final_layer_norm.bias",
                &[4],
                "text.ln_final.bias",
                &[4],
            ),
        ] {
            let source = naming.source(&TensorSpec {
                name: name.into(),
                shape: shape.into(),
            });
            assert_eq!((source.name.as_str(), source.shape.as_slice()), (theirs, whole));
        }
    }

    #[test]
    fn blocks_and_ends_are_renamed() {
        for (ours, theirs) in [
            (
                "vision_model.encoder.layers.0.mlp.fc2.bias",
                "visual.transformer.resblocks.0.mlp.c_proj.bias",
            ),
            (
                "text_model.encoder.layers.11.layer_norm1.weight",
                "transformer.resblocks.11.ln_1.weight",
            ),
            ("text_model.final_layer_norm.bias", "ln_final.bias"),
            ("logit_scale", "logit_scale"),
        ] {
            assert_eq!(source(ours, &[1], "").name, theirs);
        }
    }
}
