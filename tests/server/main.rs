//! `cliplet serve` over loopback: the real router with the small model, and the real command.
#![cfg(not(target_family = "wasm"))]

mod azure;
mod batching;
mod command;
mod docs;
mod embeddings;
mod inference;
mod limits;
mod options;
mod support;
mod urls;
