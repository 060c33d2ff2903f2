//! The image tower: pixels to an embedding, by the kind of network that the configuration names.

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::model::efficientnet::EfficientNet;
use crate::model::fastvit::FastVit;
use crate::model::siglip::SiglipVit;
use crate::model::vit::Vit;
use crate::weights::{ImagePooling, Placement, VisionConfig, Weights};

/// A network of one of the kinds, and the images that it takes.
pub struct ImageTower {
    network: Network,
    image_size: usize,
    placement: Placement,
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
            image_size: config.image_size(),
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

    /// Embeds a batch of preprocessed images, `[batch, 3, size, size]`, to `[batch, projection]`.
    pub fn embed(&self, pixels: &Tensor) -> Result<Tensor> {
        let size = self.image_size;
        match pixels.dims() {
            [0, ..] => return Err(Error::Input("no images to embed".into())),
            &[_, 3, height, width] if height == size && width == size => {}
            dims => {
                return Err(Error::Input(format!(
                    "pixels are {dims:?}; expected [batch, 3, {size}, {size}]"
                )));
            }
        }
        let Placement { device, dtype } = &self.placement;
        let pixels = pixels.to_device(device)?.to_dtype(*dtype)?;
        Ok(match &self.network {
            Network::Vit(network) => network.embed(&pixels)?,
            Network::Siglip(network) => network.embed(&pixels)?,
            Network::EfficientNet(network) => network.embed(&pixels)?,
            Network::FastVit(network) => network.embed(&pixels)?,
        })
    }
}
