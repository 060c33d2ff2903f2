//! CLIP where the picture already is: zero-shot image classification and embeddings, in the
//! browser (WebAssembly) and on servers (native), from one core.
//!
//! Data goes one way: bytes become weights, weights a model, pictures and texts embeddings,
//! embeddings scores. Each module knows only the ones before it.

pub mod classify;
pub mod clip;
pub mod error;
pub mod image;
pub mod kernels;
pub mod model;
pub mod tokenizer;
pub mod weights;

#[cfg(target_family = "wasm")]
pub mod web;

pub use error::{Error, Result};
