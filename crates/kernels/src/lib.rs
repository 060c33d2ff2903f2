//! Quantized matrix products and the vector operations around them, on slices.
//!
//! CLIP spends nearly all its time multiplying activations by weights. candle's own quantized product
//! (`QMatMul`) reaches 6.4 GMAC/s for Q8_0 on one core in WebAssembly, 7 % of the 94 GMAC/s that the
//! engine's relaxed dot product can do (ViT-B/32 shapes, Chromium 156), so these are ours. They know
//! nothing of tensors, files or models. This crate holds the workspace's only `unsafe`.

mod activation;
mod allocator;
mod arch;
mod attention;
mod channelwise;
#[cfg(feature = "counting-allocator")]
mod counting_allocator;
mod depthwise;
mod dispatch;
mod epilogue;
mod error;
mod head;
mod inverted_residual;
mod lanes;
mod layout;
mod linear;
mod norm;
mod numbers;
mod outliers;
mod pack;
mod pairs;
mod parallel;
#[cfg(not(target_family = "wasm"))]
mod peak;
mod quantize;
mod quantized_rows;
pub mod resample;
mod softmax;
mod stem;
mod transpose_pack;
mod vector;
mod window;

pub use activation::Activation;
pub use allocator::{LineAligned, reuse_freed_memory};
pub use attention::{Attention, Numbers, Queries, Rows, Segment, attention};
pub use channelwise::{ChannelFilters, channelwise, channelwise_reference};
#[cfg(feature = "counting-allocator")]
pub use counting_allocator::CountingAllocator;
pub use depthwise::{DepthwiseFilters, Extent, depthwise, depthwise_reference};
pub use dispatch::{KERNEL_VARIABLE, Kernel, available, best, requested};
pub use epilogue::Epilogue;
pub use error::{Error, Result};
pub use inverted_residual::InvertedResidual;
pub use layout::{CodeRange, Q4_GROUP};
pub use linear::{Pointwise, linear, linear_with, pointwise_with};
pub use norm::layer_norm;
pub use pack::{Bits, PackedMatrix, PackedMatrixBuilder};
pub use parallel::{map_on_pool, on_pool, threads};
pub use softmax::softmax;
pub use stem::{StemFilters, stem, stem_reference};
pub use window::Window;

/// Name of the kernel in use, such as `avx512-vnni` or `relaxed-simd`.
pub fn backend() -> &'static str {
    dispatch::best().name
}
