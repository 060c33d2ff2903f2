//! Names of the tensors of `timm`'s vision transformer as an image tower in files of `open_clip`.

use super::{TensorSource, letter};
use crate::weights::layout::TensorSpec;

/// The tower's names begin so.
pub const TRUNK: &str = "visual.trunk.";

/// The linear map behind the tower, where `open_clip` adds one.
pub const ADDED_PROJECTION: &str = "visual.head.proj.weight";

/// Names outside of the blocks.
const ENDS: [(&str, &str); 16] = [
    ("visual_projection.weight", "head.weight"),
    ("visual_projection.bias", "head.bias"),
    ("vision_model.head.probe", "attn_pool.latent"),
    ("vision_model.head.layernorm.weight", "attn_pool.norm.weight"),
    ("vision_model.head.layernorm.bias", "attn_pool.norm.bias"),
    ("vision_model.head.attention.q_proj.weight", "attn_pool.q.weight"),
    ("vision_model.head.attention.q_proj.bias", "attn_pool.q.bias"),
    (
        "vision_model.head.attention.out_proj.weight",
        "attn_pool.proj.weight",
    ),
    ("vision_model.head.attention.out_proj.bias", "attn_pool.proj.bias"),
    ("vision_model.embeddings.class_embedding", "cls_token"),
    ("vision_model.embeddings.position_embedding.weight", "pos_embed"),
    (
        "vision_model.embeddings.patch_embedding.weight",
        "patch_embed.proj.weight",
    ),
    ("vision_model.pre_layrnorm.weight", "norm_pre.weight"),
    ("vision_model.pre_layrnorm.bias", "norm_pre.bias"),
    ("vision_model.post_layernorm.weight", "norm.weight"),
    ("vision_model.post_layernorm.bias", "norm.bias"),
];
/// Names within a block, but for queries, keys and values.
const BLOCK: [(&str, &str); 3] = [
    ("layer_norm1.", "norm1."),
    ("layer_norm2.", "norm2."),
    ("self_attn.out_proj.", "attn.proj."),
];

/// The tensor of the file that holds one of the image tower's, behind which `open_clip` may have `added` a projection;
/// `None` for one of another part.
pub fn source(spec: &TensorSpec, added: bool) -> Option<TensorSource> {
    let name = spec.name.as_str();
    if !name.starts_with("vis") {
        return None;
    }
    if added && name == "visual_projection.weight" {
        return Some(TensorSource::whole(ADDED_PROJECTION.into(), spec));
    }
    if let Some((_, theirs)) = ENDS.iter().find(|(ours, _)| *ours == name) {
        let mut source = TensorSource::whole(format!("{TRUNK}{theirs}"), spec);
        // One of a batch of images.
        match *theirs {
            "cls_token" => source.shape = vec![1, 1, spec.values()],
            "pos_embed" => source.shape.insert(0, 1),
            _ => {}
        }
        return Some(source);
    }
    if let Some(rest) = name.strip_prefix("vision_model.head.mlp.") {
        return Some(TensorSource::whole(format!("{TRUNK}attn_pool.mlp.{rest}"), spec));
    }
    // The query of pooling attention is projected by itself, keys and values together.
    if let Some((letter, what)) = name.strip_prefix("vision_model.head.attention.").and_then(letter) {
        let keys_values = format!("{TRUNK}attn_pool.kv.{what}");
        return Some(TensorSource::fused(keys_values, (letter - 1, 2), spec));
    }
    if name == "vision_model.embeddings.patch_embedding.bias" {
        return Some(TensorSource::whole(format!("{TRUNK}patch_embed.proj.bias"), spec));
    }
    let (layer, inner) = name
        .strip_prefix("vision_model.encoder.layers.")?
        .split_once('.')?;
    let block = format!("{TRUNK}blocks.{layer}");
    if let Some((letter, what)) = inner.strip_prefix("self_attn.").and_then(letter) {
        let fused = format!("{block}.attn.qkv.{what}");
        return Some(TensorSource::fused(fused, (letter, 3), spec));
    }
    let renamed = BLOCK
        .iter()
        .find_map(|(ours, theirs)| Some(format!("{theirs}{}", inner.strip_prefix(ours)?)));
    let inner = renamed.unwrap_or_else(|| inner.into());
    Some(TensorSource::whole(format!("{block}.{inner}"), spec))
}
