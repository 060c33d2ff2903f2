//! The image tower: pixels to an embedding, by the kind of network that the configuration names.

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::model::efficientnet::EfficientNet;
use crate::model::fastvit::FastVit;
use crate::model::siglip::SiglipVit;
use crate::model::vit::Vit;
use crate::weights::{ImagePooling, MAX_IMAGE_TOKENS, Placement, VisionConfig, Weights};

/// A network of one of the kinds, and the images that it takes.
pub struct ImageTower {
    network: Network,
    input: Input,
    placement: Placement,
}

/// Images that a network takes.
enum Input {
    /// Squares of this side.
    Square(usize),
    /// Images of whole patches of this side.
    Patches(usize),
}

#[allow(clippy::large_enum_variant, reason = "a model has one network")]
enum Network {
    Vit(Box<Vit>),
    Siglip(Box<SiglipVit>),
    EfficientNet(Box<EfficientNet>),
    FastVit(Box<FastVit>),
}

impl ImageTower {
    /// Takes the tower out of `weights`.
    pub fn load(weights: &mut Weights, config: &VisionConfig) -> Result<Self> {
        Ok(Self {
            input: match config {
                VisionConfig::Vit(config) if config.keeps_proportions => Input::Patches(config.patch_size),
                other => Input::Square(other.image_size()),
            },
            placement: weights.placement.clone(),
            network: match config {
                VisionConfig::Vit(config) if config.pooling == ImagePooling::Attention => {
                    Network::Siglip(Box::new(SiglipVit::load(weights, config)?))
                }
                VisionConfig::Vit(config) => Network::Vit(Box::new(Vit::load(weights, config)?)),
                VisionConfig::EfficientNet(config) => {
                    Network::EfficientNet(Box::new(EfficientNet::load(weights, config)?))
                }
                VisionConfig::FastVit(config) => Network::FastVit(Box::new(FastVit::load(weights, config)?)),
            },
        })
    }

    /// Embeds a batch of preprocessed images, `[batch, 3, height, width]`, to `[batch, projection]`.
    pub fn embed(&self, pixels: &Tensor) -> Result<Tensor> {
        match (pixels.dims(), &self.input) {
            ([0, ..], _) => return Err(Error::Input("no images to embed".into())),
            (&[_, 3, height, width], &Input::Square(size)) if height == size && width == size => {}
            (&[_, 3, height, width], &Input::Patches(side)) if are_patches(height, width, side) => {}
            (dims, Input::Square(size)) => {
                return Err(Error::Input(format!(
                    "pixels are {dims:?}; expected [batch, 3, {size}, {size}]"
                )));
            }
            (dims, Input::Patches(side)) => {
                return Err(Error::Input(format!(
                    "pixels are {dims:?}; expected [batch, 3, height, width], both multiples of {side} and at most \
                     {MAX_IMAGE_TOKENS} patches"
                )));
            }
        }
        let Placement { device, dtype, .. } = &self.placement;
        let pixels = pixels.to_device(device)?.to_dtype(*dtype)?;
        Ok(match &self.network {
            Network::Vit(network) => network.embed(&pixels)?,
            Network::Siglip(network) => network.embed(&pixels)?,
            Network::EfficientNet(network) => network.embed(&pixels)?,
            Network::FastVit(network) => network.embed(&pixels)?,
        })
    }
}

/// True for an image of whole patches of this side that are not too many.
fn are_patches(height: usize, width: usize, side: usize) -> bool {
    let is_whole = |length: usize| length > 0 && length.is_multiple_of(side);
    is_whole(height) && is_whole(width) && (height / side).saturating_mul(width / side) <= MAX_IMAGE_TOKENS
}
