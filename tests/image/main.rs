//! The picture path against Hugging Face's CLIP image processor with Pillow, and against bad input.
#![cfg(not(target_family = "wasm"))]

mod hostile;
#[path = "../golden/images.rs"]
mod images;
mod large;

use images::Images;

#[test]
fn pictures_are_as_hugging_face_has_them() {
    Images::load().assert_pictures();
}

#[test]
fn bytes_normalise_as_in_numpy() {
    Images::load().assert_normalising();
}
