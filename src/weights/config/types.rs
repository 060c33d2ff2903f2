//! The sizes and kinds of towers, checked.

use super::{EfficientNetConfig, FastVitConfig};
use cliplet_kernels::Activation;

/// Sizes of a stack of pre-norm transformer blocks, which both towers have.
#[derive(Clone, Debug, PartialEq)]
pub struct TowerConfig {
    /// Width of a token.
    pub width: usize,
    /// Width of the hidden layer of the MLP.
    pub mlp_width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads; divides `width`.
    pub heads: usize,
    /// Activation of the MLP.
    pub activation: Activation,
    /// Epsilon of the layer norms.
    pub layer_norm_eps: f32,
}

/// Text tower.
#[derive(Clone, Debug, PartialEq)]
pub struct TextConfig {
    /// Its blocks.
    pub tower: TowerConfig,
    /// Rows of the token embedding.
    pub vocab_size: usize,
    /// Context length, in tokens.
    pub context_length: usize,
    /// The tokens that stand for a whole text.
    pub pooling: Pooling,
    /// Of a tower of BERT's blocks, its embeddings and its projection.
    pub bert: Option<BertConfig>,
    /// Tokens under a window of the blocks of convolutions that stand before and behind the transformer, where there are
    /// such.
    pub convolution_window: Option<usize>,
    /// Steps that come before those of the published tokenizer, where there are such.
    pub cleaning: Option<TextCleaning>,
}

/// Cleaning of texts before a tokenizer takes them apart, as `open_clip` does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextCleaning {
    /// White space becomes single spaces, and quotation marks straight ones.
    Whitespace,
    /// The same, and letters become lower case.
    Lower,
    /// Letters become lower case, punctuation is removed, and white space becomes single spaces.
    Canonicalize,
}

impl TextConfig {
    /// Returns true if no token sees a later one.
    pub fn is_causal(&self) -> bool {
        matches!(self.pooling, Pooling::LargestId | Pooling::EndOfText(_))
    }

    /// Names of the blocks of convolutions before and behind the transformer, and the shape of their filters.
    pub fn convolution_blocks(&self) -> impl Iterator<Item = (String, [usize; 4])> {
        let blocks = self
            .convolution_window
            .map(|window| [self.tower.width, 1, 1, window]);
        blocks
            .into_iter()
            .flat_map(|filters| (0..2).map(move |i| (format!("convolutions.{i}"), filters)))
    }

    /// Returns true if every text takes as many tokens as the context has.
    pub fn fills_context(&self) -> bool {
        matches!(self.pooling, Pooling::Last | Pooling::LargestOfPadded)
    }

    /// Returns true if the tokenizer pads texts to the length of the context.
    pub fn is_padded(&self) -> bool {
        self.pooling == Pooling::Last
    }
}

/// The ends of a BERT, which differ between it, DistilBERT and XLM-RoBERTa.
#[derive(Clone, Debug, PartialEq)]
pub struct BertConfig {
    /// Kinds of tokens that it tells apart; texts here are of the first. None in a DistilBERT.
    pub token_kinds: usize,
    /// Rows of the table of positions.
    pub positions: usize,
    /// Row of a text's first token: behind the padding token's in an XLM-RoBERTa.
    pub first_position: usize,
    /// True where the first token passes a linear map and a hyperbolic tangent before it is projected.
    pub has_pooler: bool,
    /// Width between the two linear maps, without biases, of a projection that has two.
    pub projection_hidden: Option<usize>,
    /// True where the projection, one linear map, has a bias.
    pub projection_bias: bool,
}

/// The token whose output stands for the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The first of the largest ids (configs whose `eos_token_id` is the historical 2).
    LargestId,
    /// The first token with this id.
    EndOfText(u32),
    /// The first of the largest ids, in a tower that is not causal: texts are padded with zeros to the length of the
    /// context.
    LargestOfPadded,
    /// The last of as many tokens as the context has, since texts are padded to its length; all of them see each
    /// other, in a tower that is not causal.
    Last,
    /// The first token, in a BERT, whose tokens all see each other.
    First {
        /// Tokens with this id behind a text are not looked at.
        padding: u32,
    },
    /// The mean of all tokens, in a BERT.
    Mean {
        /// Tokens with this id behind a text are not looked at.
        padding: u32,
    },
}

/// Image tower: a kind of network and its sizes.
#[derive(Clone, Debug, PartialEq)]
pub enum VisionConfig {
    /// Vision transformer.
    Vit(VitConfig),
    /// EfficientNet-Lite.
    EfficientNet(EfficientNetConfig),
    /// FastViT.
    FastVit(FastVitConfig),
}

impl VisionConfig {
    /// Its name in descriptions of a model.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Vit(_) => "vit",
            Self::EfficientNet(_) => "efficientnet_lite",
            Self::FastVit(_) => "fastvit",
        }
    }

    /// Side of the square input, in pixels.
    pub fn image_size(&self) -> usize {
        match self {
            Self::Vit(config) => config.image_size,
            Self::EfficientNet(config) => config.image_size,
            Self::FastVit(config) => config.image_size,
        }
    }

    /// Side of a patch, in pixels, where images are cut into patches.
    pub fn patch_size(&self) -> Option<usize> {
        match self {
            Self::Vit(config) => Some(config.patch_size),
            Self::EfficientNet(_) | Self::FastVit(_) => None,
        }
    }

    /// True where images keep their proportions instead of being brought to one square.
    pub fn keeps_proportions(&self) -> bool {
        matches!(self, Self::Vit(config) if config.keeps_proportions)
    }

    /// Rows that most products of the tower multiply for an image: its tokens, or the pixels of a network that halves
    /// its sides five times once it has halved them three times.
    pub fn rows(&self) -> usize {
        match self {
            Self::Vit(config) => config.tokens(),
            Self::EfficientNet(EfficientNetConfig { image_size, .. })
            | Self::FastVit(FastVitConfig { image_size, .. }) => image_size.div_ceil(8).pow(2),
        }
    }
}

/// Vision transformer.
#[derive(Clone, Debug, PartialEq)]
pub struct VitConfig {
    /// Its blocks.
    pub tower: TowerConfig,
    /// Side of the square input, in pixels; where proportions are preserved, that of the image whose patches have the positions
    /// of the table.
    pub image_size: usize,
    /// Side of a patch, in pixels.
    pub patch_size: usize,
    /// True where images keep their proportions, and positions are resized to their patches; values of a patch are then
    /// stored pixel by pixel.
    pub keeps_proportions: bool,
    /// The part of its tokens that becomes the embedding.
    pub pooling: ImagePooling,
    /// True where three convolutions stand in place of the patches' linear map, of windows side by side as
    /// [`STEM_SIDES`] says; the first two give a quarter of the width. Then the class token has no position.
    pub conv_stem: bool,
    /// True where the linear map of patches has a bias.
    pub patch_bias: bool,
    /// True where tokens are normalized before the first block.
    pub pre_norm: bool,
    /// True where the projection has a bias.
    pub projection_bias: bool,
}

/// Sides of the windows of a stem of convolutions.
pub const STEM_SIDES: [usize; 3] = [4, 2, 2];

/// The part of a vision transformer's tokens that becomes the embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImagePooling {
    /// A class token before the patches, projected linearly.
    ClassToken,
    /// A learned query that attends to all patches, and a perceptron behind it.
    Attention,
}

impl VitConfig {
    /// Patches along one side (what is left over is not looked at, as in a convolution).
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Tokens of an image: its patches, and the class token where there is one.
    pub fn tokens(&self) -> usize {
        self.grid() * self.grid() + usize::from(self.pooling == ImagePooling::ClassToken)
    }

    /// Rows of the table of positions.
    pub fn positions(&self) -> usize {
        self.tokens() - usize::from(self.conv_stem)
    }

    /// Values of a patch: 3 channels of `patch_size` squared.
    pub fn patch_values(&self) -> usize {
        3 * self.patch_size * self.patch_size
    }
}
