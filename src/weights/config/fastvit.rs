//! Configuration of FastViT as an image tower, `"model_type": "fastvit"` in `vision_config`: that of MobileCLIP, by the
//! arguments of `timm`'s class.

use serde::Deserialize;

use super::fields::{MAX_IMAGE, MAX_IMAGE_TOKENS, malformed, size, unsupported};
use crate::error::Result;

const MAX_CHANNELS: u64 = 1 << 13;
const MAX_STAGES: usize = 8;
const MAX_DEPTH: u64 = 256;
/// Most values between two layers, for one image: 256 MB in float32.
const MAX_VALUES: usize = 1 << 26;
/// Width of a head of attention.
const HEAD: usize = 32;

/// A tower of convolutions whose last stages have attention (Vasu et al. 2023), its branches folded together.
#[derive(Clone, Debug, PartialEq)]
pub struct FastVitConfig {
    /// Side of the square input, in pixels.
    pub image_size: usize,
    /// The stages, from the image's side on.
    pub stages: Vec<FastVitStage>,
    /// True where attention has a layer norm before it; a batch normalization is folded into its weights.
    pub layer_norm: bool,
    /// True where convolutions of the stem were trained with a branch of one tap.
    pub stem_scale: bool,
}

/// A stage: perhaps a convolution that halves the sides, perhaps one of positions, and blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct FastVitStage {
    /// Channels.
    pub width: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Width of the hidden layer of the blocks' perceptrons.
    pub mlp_width: usize,
    /// True where blocks mix pixels by attention, in heads of 32 channels; by a convolution otherwise.
    pub attends: bool,
    /// True where it begins by halving the sides.
    pub downsamples: bool,
    /// True where channels are weighed, by their means over all pixels, while the sides are halved.
    pub squeezes: bool,
    /// True where a convolution adds positions.
    pub has_positions: bool,
}

impl FastVitStage {
    /// Heads of its attention.
    pub fn heads(&self) -> usize {
        self.width / HEAD
    }

    /// Width within the weighing of channels: a quarter, in eights, as `timm` rounds it.
    pub fn squeeze_width(&self) -> usize {
        ((self.width + 16) / 32 * 8).max(8)
    }
}

impl FastVitConfig {
    /// Channels of the last convolution, whose mean over all pixels is projected.
    pub fn features(&self) -> usize {
        2 * self.stages.last().map_or(0, |stage| stage.width)
    }

    /// Width within the weighing of the last convolution's channels: a sixteenth.
    pub fn squeeze_width(&self) -> usize {
        ((self.features() + 8) / 16).max(1)
    }
}

/// `vision_config` as it is written.
#[derive(Deserialize)]
pub(super) struct RawFastVit {
    image_size: Option<u64>,
    embed_dims: Vec<u64>,
    layers: Vec<u64>,
    mlp_ratios: Vec<f64>,
    token_mixers: Vec<String>,
    #[serde(default)]
    downsamples: Option<Vec<bool>>,
    se_downsamples: Vec<bool>,
    pos_embs: Vec<bool>,
    #[serde(default)]
    layer_norm: bool,
    #[serde(default = "yes")]
    stem_use_scale_branch: bool,
}

fn yes() -> bool {
    true
}

impl RawFastVit {
    pub(super) fn check(self) -> Result<FastVitConfig> {
        let count = self.embed_dims.len();
        size(
            "the stages of vision_config.embed_dims",
            count as u64,
            1,
            MAX_STAGES as u64,
        )?;
        let lengths = [
            ("layers", self.layers.len()),
            ("mlp_ratios", self.mlp_ratios.len()),
            ("token_mixers", self.token_mixers.len()),
            ("downsamples", self.downsamples.as_ref().map_or(count, Vec::len)),
            ("se_downsamples", self.se_downsamples.len()),
            ("pos_embs", self.pos_embs.len()),
        ];
        if let Some((name, length)) = lengths.into_iter().find(|(_, length)| *length != count) {
            return Err(malformed(format!(
                "vision_config.{name} has {length} stages but embed_dims {count}"
            )));
        }
        let image_size = size(
            "vision_config.image_size",
            self.image_size.unwrap_or(256),
            1,
            MAX_IMAGE,
        )?;
        let stages = (0..count).map(|i| self.stage(i)).collect::<Result<_>>()?;
        let config = FastVitConfig {
            image_size,
            stages,
            layer_norm: self.layer_norm,
            stem_scale: self.stem_use_scale_branch,
        };
        check_sizes(&config)?;
        Ok(config)
    }

    fn stage(&self, i: usize) -> Result<FastVitStage> {
        let name = |field: &str| format!("vision_config.{field}[{i}]");
        let width = size(&name("embed_dims"), self.embed_dims[i], 1, MAX_CHANNELS)?;
        let ratio = self.mlp_ratios[i];
        if !(ratio > 0.0 && ratio <= 64.0) {
            return Err(malformed(format!(
                "{} is {ratio}; expected up to 64",
                name("mlp_ratios")
            )));
        }
        let attends = match self.token_mixers[i].as_str() {
            "repmixer" => false,
            "attention" => true,
            other => {
                return Err(unsupported(format!(
                    "{} is {other:?}; \"repmixer\" and \"attention\" are supported",
                    name("token_mixers")
                )));
            }
        };
        if attends && !width.is_multiple_of(HEAD) {
            return Err(malformed(format!(
                "{} is {width}, not a multiple of the heads' width {HEAD}",
                name("embed_dims")
            )));
        }
        let before = if i == 0 {
            width
        } else {
            self.embed_dims[i - 1] as usize
        };
        let wanted = self
            .downsamples
            .as_ref()
            .map_or(i > 0, |downsamples| downsamples[i]);
        if (wanted || before != width) && !width.is_multiple_of(before) {
            return Err(malformed(format!(
                "{} is {width}, not a multiple of the {before} channels before it",
                name("embed_dims")
            )));
        }
        Ok(FastVitStage {
            width,
            depth: size(&name("layers"), self.layers[i], 1, MAX_DEPTH)?,
            // As Python's int(), which rounds down.
            mlp_width: size(
                &name("mlp_ratios"),
                (width as f64 * ratio) as u64,
                1,
                8 * MAX_CHANNELS,
            )?,
            attends,
            downsamples: wanted || before != width,
            squeezes: self.se_downsamples[i],
            has_positions: self.pos_embs[i],
        })
    }
}

/// Checks that nothing between two layers is too large.
fn check_sizes(config: &FastVitConfig) -> Result<()> {
    let mut side = config.image_size.div_ceil(2);
    let checked = |side: usize, channels: usize, place: &str| match side * side * channels {
        values if values > MAX_VALUES => Err(unsupported(format!(
            "{place} would hold {values} values of an image; at most {MAX_VALUES} are supported"
        ))),
        _ => Ok(()),
    };
    checked(side, config.stages[0].width.max(27), "the stem of vision_config")?;
    side = side.div_ceil(2);
    for (i, stage) in config.stages.iter().enumerate() {
        if stage.downsamples {
            side = side.div_ceil(2);
        }
        let place = format!("vision_config.embed_dims[{i}]");
        checked(side, stage.mlp_width.max(3 * stage.width), &place)?;
        if stage.attends && side * side > MAX_IMAGE_TOKENS {
            let pixels = side * side;
            return Err(unsupported(format!(
                "{place} would attend to {pixels} pixels; at most {MAX_IMAGE_TOKENS} are supported"
            )));
        }
    }
    checked(side, config.features(), "the last convolution of vision_config")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use serde_json::{Value, json};

    /// A tower of two stages, with fields in its JSON replaced.
    fn checked(changes: Value) -> Result<FastVitConfig> {
        let mut json = json!({"image_size": 64, "embed_dims": [16, 32], "layers": [1, 2], "mlp_ratios": [3.0, 2.5],
            "token_mixers": ["repmixer", "attention"], "se_downsamples": [false, true], "pos_embs": [false, true]});
        let fields = json.as_object_mut().unwrap();
        fields.extend(changes.as_object().unwrap().clone());
        let raw: RawFastVit = serde_json::from_value(json).unwrap();
        raw.check()
    }

    #[test]
    fn a_tower_is_read() {
        let config = checked(json!({})).unwrap();
        assert_eq!(
            (config.image_size, config.features(), config.squeeze_width()),
            (64, 64, 4)
        );
        let last = &config.stages[1];
        assert_eq!((last.heads(), last.mlp_width, last.squeeze_width()), (1, 80, 8));
        assert!(!config.stages[0].downsamples && last.downsamples && last.attends);
        assert!(config.stem_scale && !config.layer_norm);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (changes, field) in [
            (json!({"layers": [1]}), "layers has 1 stages but embed_dims 2"),
            (json!({"embed_dims": [16, 40]}), "embed_dims[1] is 40"),
            (
                json!({"embed_dims": [24, 32]}),
                "not a multiple of the 24 channels",
            ),
            (json!({"embed_dims": [16, 9000000]}), "embed_dims[1]"),
            (json!({"embed_dims": [0, 32]}), "embed_dims[0]"),
            (json!({"layers": [1, 1000]}), "layers[1]"),
            (json!({"mlp_ratios": [1e9, 1.0]}), "mlp_ratios[0]"),
            (json!({"token_mixers": ["pool", "attention"]}), "\"pool\""),
            (json!({"image_size": 9000}), "image_size"),
            (json!({"image_size": 4096}), "would"),
            (json!({"embed_dims": [], "layers": []}), "embed_dims"),
        ] {
            let message = match checked(changes.clone()) {
                Err(error @ (Error::Model { .. } | Error::Unsupported { .. })) => error.to_string(),
                other => panic!("{changes}: {other:?}"),
            };
            assert!(message.contains(field), "{changes}: {message}");
        }
    }
}
