//! `cliplet serve` over loopback: the real router with the small model.
mod azure;
mod clients;
mod connections;
mod embeddings;
mod inference;
mod keys;
mod limits;
mod origins;
mod protocol;
mod support;
mod urls;
