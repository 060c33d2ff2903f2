//! Labels, prompt templates and scores: zero-shot classification as the CLIP paper does it
//! (Radford et al. 2021, section 3.1).
//!
//! A label becomes a prompt through a template, a prompt an embedding, and an image's logit for a
//! label is the cosine of their embeddings times the model's logit scale. A [`Scorer`] makes scores of logits as the
//! model was trained. Several templates make an
//! ensemble: a label's embedding is the mean of its normalized prompt embeddings, normalized again.
//! [`ZeroShotClassifier`] does all of it with a [`Clip`](crate::Clip); the parts are for who embeds elsewhere.

mod classifier;
mod labels;
mod scores;

pub use classifier::ZeroShotClassifier;
pub use labels::{DEFAULT_TEMPLATE, LabelCache, LabelSet, PromptTemplate, parse_labels};
pub use scores::{RankedLabel, Scorer};
