//! Quantized matrix products and the vector operations around them, on slices.
//!
//! CLIP spends nearly all its time multiplying activations by weights. candle's own quantized product
//! (`QMatMul`) reaches 6.4 GMAC/s for Q8_0 on one core in WebAssembly, 7 % of the 94 GMAC/s that the
//! engine's relaxed dot product can do (ViT-B/32 shapes, Chromium 156), so these are ours. They know
//! nothing of tensors, files or models. This module and those below it hold the crate's only `unsafe`.

mod activation;
mod attention;
mod linear;
mod norm;
mod pack;
mod quantize;

pub use activation::Activation;
pub use attention::{Attention, Segment, attention, softmax};
pub use linear::{Epilogue, linear};
pub use norm::layer_norm;
pub use pack::{Bits, PackedMatrix, PackedMatrixBuilder, Q4_GROUP};
pub use quantize::CodeRange;
