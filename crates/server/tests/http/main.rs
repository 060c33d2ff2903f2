//! `cliplet serve` over loopback: the real router with the small model.
mod azure;
mod embeddings;
mod inference;
mod limits;
mod origins;
mod support;
mod urls;
