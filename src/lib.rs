//! CLIP where the image already is: zero-shot image classification and embeddings, in the
//! browser (WebAssembly) and on servers (native), from one core.
//!
//! Data goes one way: bytes become weights, weights a model, images and texts embeddings,
//! embeddings scores. Each module knows only the ones before it.
//!
//! ```
//! use cliplet::Clip;
//!
//! let clip = Clip::open("models/cliplet-everyday.gguf")?;
//! let classifier = clip.zero_shot(["cat", "cup of coffee", "rocket"])?;
//! for label in classifier.classify("www/samples/cat.jpg")? {
//!     println!("{:5.1} % {}", 100.0 * label.score, label.label);
//! }
//! # Ok::<(), cliplet::Error>(())
//! ```

#![forbid(unsafe_code)]

pub mod clip;
pub mod device;
pub mod embedding;
pub mod error;
pub mod image;
pub mod model;
pub mod tokenizer;
pub mod weights;
pub mod zero_shot;

pub use candle_core;
pub use clip::{Clip, LoadOptions, ModelInfo};
pub use embedding::{Embedding, UnitEmbedding};
pub use error::{Error, Result};
pub use image::ImageInput;
pub use zero_shot::ZeroShotClassifier;

/// The README's Rust example, run as written.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
