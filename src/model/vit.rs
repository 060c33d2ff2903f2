//! The vision transformer as an image tower: pixels to an embedding (Dosovitskiy et al. 2020).

use candle_core::{IndexOp, Tensor};

use crate::error::Result;
use crate::model::attention::Attention;
use crate::model::block::{LayerNorm, Tower};
use crate::model::linear::{Epilogue, Linear};
use crate::model::vit_stem::VitStem;
use crate::weights::{Placement, VitConfig, Weights};
use cliplet_kernels::Segment;

/// Vision transformer, pooled at its class token and projected.
pub struct Vit {
    config: VitConfig,
    placement: Placement,
    patches: Patches,
    /// Class token at its position, `[width]`.
    class: Tensor,
    /// Positions of the patches, `[patches, width]`.
    positions: Tensor,
    pre_norm: Option<LayerNorm>,
    tower: Tower,
    post_norm: LayerNorm,
    projection: Linear,
}

/// The way from pixels to tokens.
enum Patches {
    /// A linear map of each patch.
    Linear(Linear),
    /// Convolutions.
    Stem(VitStem),
}

impl Vit {
    /// Takes the tower out of `weights`.
    pub fn load(weights: &mut Weights, config: &VitConfig) -> Result<Self> {
        let eps = config.tower.layer_norm_eps;
        let class = weights.take_dense("vision_model.embeddings.class_embedding")?;
        let positions = weights.take_dense("vision_model.embeddings.position_embedding.weight")?;
        let (patches, class, positions) = if config.conv_stem {
            (Patches::Stem(VitStem::load(weights)?), class, positions)
        } else {
            let name = "vision_model.embeddings.patch_embedding";
            let patches = Linear::load(weights, name, config.patch_bias)?;
            let class = (class + positions.get(0)?)?;
            let positions = positions.narrow(0, 1, config.tokens() - 1)?;
            (Patches::Linear(patches), class, positions)
        };
        Ok(Self {
            placement: weights.placement.clone(),
            patches,
            class,
            positions,
            // The published name is misspelt.
            pre_norm: config
                .pre_norm
                .then(|| LayerNorm::load(weights, "vision_model.pre_layrnorm", eps))
                .transpose()?,
            tower: Tower::load(weights, "vision_model", &config.tower)?,
            post_norm: LayerNorm::load(weights, "vision_model.post_layernorm", eps)?,
            projection: Linear::load(weights, "visual_projection", config.projection_bias)?,
            config: config.clone(),
        })
    }

    /// Embeds a batch of preprocessed images, `[batch, 3, size, size]`, to `[batch, projection]`.
    pub fn embed(&self, pixels: &Tensor) -> candle_core::Result<Tensor> {
        let batch = pixels.dim(0)?;
        let tokens = self.config.tokens();
        let x = self.tokens(pixels)?;
        let segments = segments(batch, tokens);
        let attention = Attention::new(&self.config.tower, segments, false, &self.placement)?;
        let class: Vec<u32> = (0..batch).map(|i| (i * tokens) as u32).collect();
        let class = Tensor::from_vec(class, batch, &self.placement.device)?;
        let pooled = self.tower.forward(x, &attention, None, &class)?;
        self.projection
            .forward(&self.post_norm.forward(&pooled)?, Epilogue::None)
    }

    /// Class token and patches with their positions, normalized: `[batch * tokens, width]`.
    fn tokens(&self, pixels: &Tensor) -> candle_core::Result<Tensor> {
        let (batch, grid) = (pixels.dim(0)?, self.config.grid());
        let width = self.config.tower.width;
        let positions = self
            .positions
            .expand((batch, grid * grid, width))?
            .reshape(((), width))?;
        let patches = match &self.patches {
            Patches::Linear(linear) => {
                linear.forward(&patches(pixels, &self.config)?, Epilogue::Add(&positions))?
            }
            Patches::Stem(stem) => (stem.forward(pixels, &self.config)? + positions)?,
        };
        let patches = patches.reshape((batch, grid * grid, width))?;
        let class = self.class.expand((batch, 1, width))?.contiguous()?;
        let x = Tensor::cat(&[&class, &patches], 1)?;
        let x = x.reshape(((), width))?;
        match &self.pre_norm {
            Some(norm) => norm.forward(&x),
            None => Ok(x),
        }
    }
}

/// The values of each patch, `[batch * patches, 3 * patch * patch]`; what is left over at the edges is not looked at.
pub fn patches(pixels: &Tensor, config: &VitConfig) -> candle_core::Result<Tensor> {
    let (batch, grid, patch) = (pixels.dim(0)?, config.grid(), config.patch_size);
    pixels
        .i((.., .., ..grid * patch, ..grid * patch))?
        .reshape((batch, 3, grid, patch, grid, patch))?
        .permute((0, 2, 4, 1, 3, 5))?
        .reshape((batch * grid * grid, config.patch_values()))
}

/// The same of images of any size in whole patches, whose values lie pixel by pixel.
pub fn patches_by_pixel(pixels: &Tensor, patch: usize) -> candle_core::Result<Tensor> {
    let (batch, colors, height, width) = pixels.dims4()?;
    let (rows, columns) = (height / patch, width / patch);
    pixels
        .reshape((batch, colors, rows, patch, columns, patch))?
        .permute((0, 2, 4, 3, 5, 1))?
        .reshape((batch * rows * columns, colors * patch * patch))
}

/// One segment of `tokens` for each input of a batch.
pub fn segments(batch: usize, tokens: usize) -> Vec<Segment> {
    let segment = |i: usize| Segment {
        tokens: i * tokens..(i + 1) * tokens,
        prefix: 0..0,
    };
    (0..batch).map(segment).collect()
}
