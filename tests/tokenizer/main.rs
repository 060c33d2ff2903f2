//! The text path against Hugging Face's CLIP tokenizer, and against bad input.
#![cfg(not(target_family = "wasm"))]

mod malformed;
#[path = "../golden/texts.rs"]
mod texts;

use texts::{SMALL, Texts};

/// Path of the published tokenizer, where it lies beside the repository.
const FULL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../shared/clip-vit-base-patch32/tokenizer.json"
);

#[test]
fn small_tokenizer_gives_hugging_faces_ids() {
    let texts = Texts::load();
    texts.assert_ids(SMALL, "small");
    texts.assert_characters(SMALL, "small");
}

#[test]
fn published_tokenizer_gives_hugging_faces_ids() {
    let Ok(json) = std::fs::read(FULL) else {
        println!("skipped: there is no {FULL}");
        return;
    };
    let texts = Texts::load();
    texts.assert_ids(&json, "full");
    texts.assert_characters(&json, "full");
}
