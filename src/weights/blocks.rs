//! Comparison of the blocks that a file has with those of its configuration: a tower with fewer blocks than it was trained
//! with would run, and be wrong.

use crate::weights::config::{ClipConfig, VisionConfig};
use crate::weights::layout::TensorSpec;
use crate::weights::naming::Naming;

/// More blocks than this are not counted.
const MOST: usize = 1 << 10;

/// Checks that a file, which has tensors of the names that `has` says, has as many blocks in each transformer as the
/// configuration, and convolutions over texts where that has them.
///
/// # Errors
/// A sentence with both numbers.
pub fn check(config: &ClipConfig, naming: Naming, has: &dyn Fn(&str) -> bool) -> Result<(), String> {
    let text = config.text.as_ref();
    let vision = match &config.vision {
        Some(VisionConfig::Vit(vision)) => {
            Some(("vision_config", "vision_model.encoder.layers", &vision.tower))
        }
        _ => None,
    };
    let text_tower = text.map(|text| match text.bert {
        Some(_) => ("text_config", "text_model.encoder.layer", &text.tower),
        None => ("text_config", "text_model.encoder.layers", &text.tower),
    });
    for (section, blocks, tower) in vision.into_iter().chain(text_tower) {
        let norm = if blocks.ends_with("layers") {
            "layer_norm1"
        } else {
            "attention.output.LayerNorm"
        };
        let has_block = |i: &usize| {
            let spec = TensorSpec {
                name: format!("{blocks}.{i}.{norm}.weight"),
                shape: vec![tower.width],
            };
            has(&naming.source(&spec).name)
        };
        // Of a tower that is not there at all, the first tensor is named where it is read.
        let count = (0..MOST).take_while(has_block).count();
        if count > 0 && count != tower.layers {
            return Err(format!(
                "has {count} blocks, but {section}.num_hidden_layers is {}",
                tower.layers
            ));
        }
    }
    let without_window = text.is_some_and(|text| text.convolution_window.is_none());
    if without_window && has("text.convolutions.0.mlp.fc1.weight") {
        return Err(
            "has convolutions over texts, but the configuration has none; Apple's set text_cfg.model_name to \"mct\"".into(),
        );
    }
    Ok(())
}
