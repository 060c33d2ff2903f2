//! Settings of models that are published without any: Apple's MobileCLIPs, known by their names.

use serde_json::{Value, json};

/// Means and deviations of images, as the larger models have them.
const OPENAI: [[f64; 3]; 2] = [
    [0.48145466, 0.4578275, 0.40821073],
    [0.26862954, 0.26130258, 0.27577711],
];

/// The `open_clip_config.json` of the model `name`, such as `apple/MobileCLIP2-S0` or `mobileclip_s0.pt`, where it is one of
/// those that are known.
pub fn published_settings(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next()?.to_ascii_lowercase();
    let stem = last.strip_suffix(".pt").unwrap_or(&last);
    let letters: String = stem.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let rest = letters.strip_prefix("mobileclip")?;
    let (is_second, size) = match rest.strip_prefix('2') {
        Some(size) => (true, size),
        None => (false, rest),
    };
    let (tower, size) = match size {
        "s0" if !is_second => return Some(with_images(hybrid(), "bilinear", None)),
        "s0" => ("fastvit_mci0", Size::Small),
        "s1" if !is_second => ("fastvit_mci1", Size::Small),
        "s2" => ("fastvit_mci2", Size::Small),
        "b" | "blt" => ("vit_base_mci_224", Size::Base),
        "s3" => ("fastvit_mci3", Size::Large),
        "s4" => ("fastvit_mci4", Size::Large),
        "l14" => ("vit_large_patch14_clip_224", Size::Large),
        _ => return None,
    };
    let is_vit = tower.starts_with("vit");
    let (width, heads, normalize) = match size {
        Size::Large => (768, 12, Some(OPENAI)),
        Size::Small | Size::Base => (512, 8, None),
    };
    let interpolation = if size == Size::Large && is_vit {
        "bicubic"
    } else {
        "bilinear"
    };
    let model = json!({
        "embed_dim": width, "custom_text": true,
        "vision_cfg": {
            "timm_model_name": tower, "timm_proj": null, "timm_pool": if is_vit { "token" } else { "avg" },
            "image_size": if is_vit { 224 } else { 256 },
        },
        "text_cfg": { "width": width, "heads": heads, "layers": 12, "no_causal_mask": size != Size::Base },
    });
    Some(with_images(model, interpolation, normalize))
}

/// Sizes of models that have other text towers or images than others.
#[derive(Clone, Copy, PartialEq)]
enum Size {
    Small,
    /// Its text tower is causal.
    Base,
    Large,
}

/// The `model_cfg` of MobileCLIP S0, whose text tower has convolutions.
fn hybrid() -> Value {
    json!({
        "embed_dim": 512, "custom_text": true,
        "vision_cfg": { "timm_model_name": "fastvit_mci0", "timm_proj": null, "image_size": 256 },
        "text_cfg": { "width": 512, "heads": 8, "layers": 4, "no_causal_mask": true, "convolution_window": 11 },
    })
}

fn with_images(model: Value, interpolation: &str, normalize: Option<[[f64; 3]; 2]>) -> String {
    let [mean, std] = normalize.unwrap_or([[0.0; 3], [1.0; 3]]);
    json!({
        "model_cfg": model,
        "preprocess_cfg": {
            "mean": mean, "std": std, "interpolation": interpolation, "resize_mode": "shortest",
        },
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::ClipConfig;
    use crate::weights::open_clip::translate;

    #[test]
    fn names_of_files_and_repositories_have_their_settings() {
        for (name, tower, dimension, causal) in [
            ("apple/MobileCLIP-S0", "fastvit", 512, false),
            ("mobileclip_s1.pt", "fastvit", 512, false),
            ("mobileclip2_s0.pt", "fastvit", 512, false),
            ("apple/MobileCLIP2-S4", "fastvit", 768, false),
            ("apple/MobileCLIP-B-LT", "vit", 512, true),
            ("mobileclip_blt.pt", "vit", 512, true),
            ("models/mobileclip2_b.pt", "vit", 512, true),
            ("apple/MobileCLIP2-L-14", "vit", 768, false),
        ] {
            let (config, images) = translate(&published_settings(name).unwrap(), None).unwrap();
            let config = ClipConfig::from_json(&config).unwrap();
            let (text, vision) = (config.text.unwrap(), config.vision.unwrap());
            assert_eq!(
                (vision.name(), config.projection_dim, text.is_causal()),
                (tower, dimension, causal),
                "{name}"
            );
            assert!(images.unwrap().contains("image_mean"), "{name}");
        }
        for name in ["mobileclip2_s1.pt", "mobileclip", "mobileclip_s0.bin", "clip", ""] {
            assert_eq!(published_settings(name), None, "{name}");
        }
    }
}
