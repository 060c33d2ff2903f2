//! The image path against Hugging Face's CLIP image processor with Pillow, and against bad input.
#![cfg(not(target_family = "wasm"))]

#[path = "../golden/images.rs"]
mod images;
#[path = "../golden/jpegs.rs"]
mod jpegs;
mod large;
mod limits;
mod malformed;

use images::Images;
use jpegs::Jpegs;

#[test]
fn images_are_as_hugging_face_has_them() {
    Images::load().assert_images();
}

#[test]
fn bytes_normalize_as_in_numpy() {
    Images::load().assert_normalizing();
}

#[test]
fn jpegs_are_as_pillow_reads_them() {
    Jpegs::load().assert_pixels();
}

#[test]
fn jpegs_that_pillow_refuses_are_refused() {
    Jpegs::load().assert_refusals();
}
