//! CLIP where the picture already is: zero-shot image classification and embeddings, in the
//! browser (WebAssembly) and on servers (native), from one core.
//!
//! Data goes one way: bytes become weights, weights a model, pictures and texts embeddings,
//! embeddings scores. Each module knows only the ones before it.
//!
//! ```
//! use cliplet::classify::{LabelCache, LabelSet, Template, logits, rank};
//! use cliplet::clip::{Clip, LoadOptions};
//!
//! let clip = Clip::open("models/cliplet-small.gguf".as_ref(), &LoadOptions::default())?;
//!
//! // Eight by eight red pixels; `preprocess` takes the bytes of a JPEG, PNG, WebP, GIF or BMP file.
//! let pixels = clip.image_processor().preprocess_rgba(8, 8, &[255, 0, 0, 255].repeat(64))?;
//! let image = &clip.embed_images(&[pixels])?[0];
//!
//! let labels = vec!["red".to_string(), "blue".to_string()];
//! let set = LabelSet::new(labels, vec![Template::new("something {}")?])?;
//! let embeddings = LabelCache::new().embeddings(&set, |texts| clip.embed_texts(texts))?;
//! for ranked in rank(set.labels(), &logits(image, &embeddings, clip.logit_scale()), 2) {
//!     println!("{:5.1} % {}", 100.0 * ranked.score, ranked.label);
//! }
//! # Ok::<(), cliplet::Error>(())
//! ```

#![forbid(unsafe_code)]

pub mod classify;
pub mod clip;
pub mod device;
pub mod error;
pub mod image;
pub mod model;
pub mod tokenizer;
pub mod weights;

pub use error::{Error, Result};

/// The README's Rust example, run as written.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
