//! The picture path against Hugging Face's CLIP image processor with Pillow.

#[path = "golden/images.rs"]
mod images;

use images::Images;

#[test]
fn pictures_are_as_hugging_face_has_them() {
    Images::load().assert_pictures();
}

#[test]
fn bytes_normalise_as_in_numpy() {
    Images::load().assert_normalising();
}
