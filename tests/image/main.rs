//! The image path against Hugging Face's CLIP image processor with Pillow, and against bad input.
#![cfg(not(target_family = "wasm"))]

#[path = "../golden/images.rs"]
mod images;
mod large;
mod limits;
mod malformed;

use images::Images;

#[test]
fn images_are_as_hugging_face_has_them() {
    Images::load().assert_images();
}

#[test]
fn bytes_normalize_as_in_numpy() {
    Images::load().assert_normalizing();
}
