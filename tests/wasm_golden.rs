//! Images and texts in a browser, where decoders and regular expressions run as other code.
#![cfg(target_family = "wasm")]

#[path = "golden/images.rs"]
mod images;
#[path = "golden/jpegs.rs"]
mod jpegs;
#[path = "golden/texts.rs"]
mod texts;

use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
fn images_are_as_hugging_face_has_them() {
    images::Images::load().assert_images();
}

#[wasm_bindgen_test]
fn bytes_normalize_as_in_numpy() {
    images::Images::load().assert_normalizing();
}

#[wasm_bindgen_test]
fn jpegs_are_as_pillow_reads_them() {
    let jpegs = jpegs::Jpegs::load();
    jpegs.assert_pixels();
    jpegs.assert_refusals();
}

#[wasm_bindgen_test]
fn texts_have_hugging_faces_ids() {
    let texts = texts::Texts::load();
    texts.assert_ids(texts::SMALL, "small");
    texts.assert_characters(texts::SMALL, "small");
}
