//! Configuration of EfficientNet-Lite as an image tower, `"model_type": "efficientnet_lite"` in `vision_config`.

use serde::Deserialize;

use super::fields::{MAX_IMAGE, malformed, size, unsupported};
use crate::error::Result;
use cliplet_kernels::Window;

const MAX_CHANNELS: u64 = 1 << 13;
const MAX_BLOCKS: usize = 256;
const MAX_EXPANSION: u64 = 32;
/// Most values between two convolutions, for one image: 256 MB in float32.
const MAX_VALUES: usize = 1 << 26;

/// A convolutional image tower (Tan and Le 2019, in its "lite" form: ReLU6 and no squeeze-and-excitation).
#[derive(Clone, Debug, PartialEq)]
pub struct EfficientNetConfig {
    /// Side of the square input, in pixels.
    pub image_size: usize,
    /// Outputs of the first convolution.
    pub stem_channels: usize,
    /// The blocks, from the image's side on.
    pub blocks: Vec<BlockConfig>,
    /// Outputs of the last convolution, whose mean over all pixels the head takes.
    pub head_channels: usize,
    /// Epsilon of the batch normalizations.
    pub batch_norm_eps: f32,
    /// From pooled features to an embedding.
    pub head: HeadConfig,
}

/// An inverted residual block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockConfig {
    /// Window of its depthwise convolution.
    pub window: Window,
    /// Inner channels for each input channel; with 1 the block has no expanding convolution.
    pub expand_ratio: usize,
    /// Channels that come in.
    pub in_channels: usize,
    /// Channels that go out.
    pub out_channels: usize,
}

impl BlockConfig {
    /// Channels of the depthwise convolution.
    pub fn inner_channels(&self) -> usize {
        self.in_channels * self.expand_ratio
    }

    /// Returns true if the input is added to the output.
    pub fn is_residual(&self) -> bool {
        self.window.stride() == 1 && self.in_channels == self.out_channels
    }
}

/// A head, by its `kind`.
#[derive(Clone, Debug, PartialEq)]
pub enum HeadConfig {
    /// `linear`: one linear map of the pooled features.
    Linear,
    /// `softmax_mlp`: a linear map of the probabilities of the classes that the tower was trained to tell apart,
    /// plus a perceptron of its standardized features.
    SoftmaxMlp {
        /// Number of classes.
        classes: usize,
        /// Divisor of the classes' logits.
        temperature: f32,
        /// Width of the perceptron's hidden layer.
        hidden: usize,
        /// The block whose inner channels, pooled before its depthwise convolution, the perceptron takes in before
        /// the features: early layers know colors that late ones have forgotten.
        early_block: Option<usize>,
    },
}

impl EfficientNetConfig {
    /// Values that the head's perceptron takes in: pooled inner channels of an early block and the features.
    pub fn perceptron_inputs(&self, early_block: Option<usize>) -> usize {
        let early = early_block.map_or(0, |block| self.blocks[block].inner_channels());
        early + self.head_channels
    }
}

/// `vision_config` as it is written.
#[derive(Deserialize)]
pub(super) struct RawEfficientNet {
    image_size: Option<u64>,
    num_channels: Option<u64>,
    hidden_act: Option<String>,
    stem_channels: u64,
    head_channels: u64,
    batch_norm_eps: Option<f64>,
    blocks: Vec<RawBlock>,
    head: RawHead,
}

#[derive(Deserialize)]
struct RawBlock {
    kernel_size: u64,
    stride: u64,
    expand_ratio: u64,
    in_channels: u64,
    out_channels: u64,
}

#[derive(Deserialize)]
struct RawHead {
    kind: String,
    classes: Option<u64>,
    temperature: Option<f64>,
    hidden: Option<u64>,
    early_block: Option<u64>,
}

impl RawEfficientNet {
    pub(super) fn check(self) -> Result<EfficientNetConfig> {
        let field = |name: &str, value| size(&format!("vision_config.{name}"), value, 1, MAX_CHANNELS);
        let channels = self.num_channels.unwrap_or(3);
        if channels != 3 {
            return Err(unsupported(format!(
                "vision_config.num_channels is {channels}; only 3 is supported"
            )));
        }
        let activation = self.hidden_act.as_deref().unwrap_or("relu6");
        if activation != "relu6" {
            return Err(unsupported(format!(
                "vision_config.hidden_act is {activation:?}; of an efficientnet_lite only \"relu6\" is supported"
            )));
        }
        let eps = self.batch_norm_eps.unwrap_or(1e-3);
        if !(eps > 0.0 && eps < 1.0) {
            return Err(malformed(format!(
                "vision_config.batch_norm_eps is {eps}; expected between 0 and 1"
            )));
        }
        if self.blocks.is_empty() || self.blocks.len() > MAX_BLOCKS {
            let count = self.blocks.len();
            return Err(unsupported(format!(
                "vision_config.blocks are {count}; supported are 1 to {MAX_BLOCKS}"
            )));
        }
        let image_size = self.image_size.unwrap_or(224);
        let stem_channels = field("stem_channels", self.stem_channels)?;
        let blocks = self.blocks.iter().enumerate().map(|(i, block)| block.check(i));
        let config = EfficientNetConfig {
            image_size: size("vision_config.image_size", image_size, 1, MAX_IMAGE)?,
            stem_channels,
            blocks: blocks.collect::<Result<_>>()?,
            head_channels: field("head_channels", self.head_channels)?,
            batch_norm_eps: eps as f32,
            head: self.head.check(self.blocks.len())?,
        };
        check_chain(&config)?;
        Ok(config)
    }
}

impl RawBlock {
    fn check(&self, index: usize) -> Result<BlockConfig> {
        let name = |field: &str| format!("vision_config.blocks[{index}].{field}");
        let side = size(&name("kernel_size"), self.kernel_size, 3, 5)?;
        let stride = size(&name("stride"), self.stride, 1, 2)?;
        let block = BlockConfig {
            window: Window::new(side, stride)
                .map_err(|e| unsupported(format!("{}: {e}", name("kernel_size"))))?,
            expand_ratio: size(&name("expand_ratio"), self.expand_ratio, 1, MAX_EXPANSION)?,
            in_channels: size(&name("in_channels"), self.in_channels, 1, MAX_CHANNELS)?,
            out_channels: size(&name("out_channels"), self.out_channels, 1, MAX_CHANNELS)?,
        };
        let inner = block.inner_channels() as u64;
        size(&name("in_channels times expand_ratio"), inner, 1, MAX_CHANNELS)?;
        Ok(block)
    }
}

impl RawHead {
    fn check(self, blocks: usize) -> Result<HeadConfig> {
        let required = |name: &str, value: Option<u64>| {
            let name = format!("vision_config.head.{name}");
            let value = value.ok_or_else(|| malformed(format!("{name} is missing")))?;
            size(&name, value, 1, MAX_CHANNELS)
        };
        match self.kind.as_str() {
            "linear" => Ok(HeadConfig::Linear),
            "softmax_mlp" => {
                let temperature = self.temperature.unwrap_or(1.0);
                if !(temperature > 1e-6 && temperature < 1e6) {
                    return Err(malformed(format!(
                        "vision_config.head.temperature is {temperature}; expected a positive number"
                    )));
                }
                let early_block = match self.early_block {
                    Some(block) if block >= blocks as u64 => {
                        return Err(malformed(format!(
                            "vision_config.head.early_block is {block}; the blocks are 0 to {}",
                            blocks - 1
                        )));
                    }
                    block => block.map(|block| block as usize),
                };
                Ok(HeadConfig::SoftmaxMlp {
                    classes: required("classes", self.classes)?,
                    temperature: temperature as f32,
                    hidden: required("hidden", self.hidden)?,
                    early_block,
                })
            }
            other => Err(unsupported(format!(
                "vision_config.head.kind is {other:?}; \"linear\" and \"softmax_mlp\" are supported"
            ))),
        }
    }
}

/// Checks that every block takes as many channels as the one before gives, and that no image between two
/// convolutions is too large.
fn check_chain(config: &EfficientNetConfig) -> Result<()> {
    let mut channels = config.stem_channels;
    let mut side = config.image_size.div_ceil(2);
    for (i, block) in config.blocks.iter().enumerate() {
        if block.in_channels != channels {
            let given = block.in_channels;
            return Err(malformed(format!(
                "vision_config.blocks[{i}].in_channels is {given} but {channels} channels come in"
            )));
        }
        let values = side * side * block.inner_channels().max(block.in_channels);
        if values > MAX_VALUES {
            return Err(unsupported(format!(
                "vision_config.blocks[{i}] would hold {values} values of an image; at most {MAX_VALUES} are supported"
            )));
        }
        channels = block.out_channels;
        side = block.window.outputs(side);
    }
    let values = side * side * config.head_channels.max(channels);
    if values > MAX_VALUES {
        return Err(unsupported(format!(
            "vision_config.head_channels would make {values} values of an image; at most {MAX_VALUES} are supported"
        )));
    }
    if let HeadConfig::SoftmaxMlp { early_block, .. } = config.head {
        let inputs = config.perceptron_inputs(early_block) as u64;
        size("the inputs of vision_config.head", inputs, 1, MAX_CHANNELS)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// A tower of two blocks, with `from` in its JSON replaced by `to`.
    fn checked(from: &str, to: &str) -> Result<EfficientNetConfig> {
        let json = r#"{"image_size": 64, "stem_channels": 8, "head_channels": 40,
            "blocks": [{"kernel_size": 3, "stride": 1, "expand_ratio": 1, "in_channels": 8, "out_channels": 16},
                {"kernel_size": 5, "stride": 2, "expand_ratio": 6, "in_channels": 16, "out_channels": 24}],
            "head": {"kind": "softmax_mlp", "classes": 10, "temperature": 0.5, "hidden": 32, "early_block": 1}}"#;
        assert!(json.contains(from));
        let raw: RawEfficientNet = serde_json::from_str(&json.replacen(from, to, 1)).unwrap();
        raw.check()
    }

    #[test]
    fn a_tower_is_read() {
        let config = checked("64", "64").unwrap();
        assert_eq!((config.image_size, config.blocks.len()), (64, 2));
        assert_eq!(config.blocks[1].inner_channels(), 96);
        assert_eq!(config.perceptron_inputs(Some(1)), 136);
        assert_eq!(config.batch_norm_eps, 1e-3);
        let linear = checked("softmax_mlp", "linear").unwrap();
        assert_eq!(linear.head, HeadConfig::Linear);
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (from, to, field) in [
            (
                "\"stem_channels\": 8",
                "\"stem_channels\": 9",
                "blocks[0].in_channels",
            ),
            ("\"stem_channels\": 8", "\"stem_channels\": 0", "stem_channels"),
            (
                "\"in_channels\": 16",
                "\"in_channels\": 15",
                "blocks[1].in_channels is 15 but 16",
            ),
            (
                "\"kernel_size\": 5",
                "\"kernel_size\": 4",
                "blocks[1].kernel_size",
            ),
            (
                "\"kernel_size\": 5",
                "\"kernel_size\": 7",
                "blocks[1].kernel_size is 7",
            ),
            ("\"stride\": 2", "\"stride\": 3", "blocks[1].stride"),
            (
                "\"expand_ratio\": 6",
                "\"expand_ratio\": 0",
                "blocks[1].expand_ratio",
            ),
            (
                "\"expand_ratio\": 6",
                "\"expand_ratio\": 99999999999",
                "blocks[1].expand_ratio",
            ),
            (
                "\"head_channels\": 40",
                "\"head_channels\": 9000",
                "head_channels",
            ),
            ("\"image_size\": 64", "\"image_size\": 5000", "image_size"),
            (
                "\"image_size\": 64",
                "\"image_size\": 4096",
                "blocks[1] would hold",
            ),
            ("\"image_size\": 64", "\"hidden_act\": \"swish\"", "swish"),
            ("\"image_size\": 64", "\"num_channels\": 1", "num_channels"),
            ("\"image_size\": 64", "\"batch_norm_eps\": 0", "batch_norm_eps"),
            ("\"early_block\": 1", "\"early_block\": 2", "early_block is 2"),
            ("\"temperature\": 0.5", "\"temperature\": 0", "temperature"),
            ("\"hidden\": 32", "\"width\": 32", "head.hidden is missing"),
            ("\"classes\": 10", "\"classes\": 10000", "head.classes"),
            ("softmax_mlp", "attention", "attention"),
        ] {
            let message = match checked(from, to) {
                Err(error @ (Error::Model { .. } | Error::Unsupported { .. })) => error.to_string(),
                other => panic!("{to}: {other:?}"),
            };
            assert!(message.contains(field), "{to}: {message}");
        }
    }
}
