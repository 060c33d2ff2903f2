//! The included model on real photos: the sample photos of the page, by their names and by wider words.
#![cfg(not(target_family = "wasm"))]

use std::path::{Path, PathBuf};

use cliplet::Clip;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn included_model() -> Clip {
    Clip::open(in_repository("models/cliplet-everyday.gguf")).unwrap()
}

/// Checks that each photo's best label of all that are named is its own.
fn check(photos: &[(&str, &str)]) {
    let clip = included_model();
    let classifier = clip.zero_shot(photos.iter().map(|(_, label)| *label)).unwrap();
    for (photo, label) in photos {
        let photo = in_repository("www/samples").join(photo);
        let ranked = classifier.classify(&photo).unwrap();
        println!("{}: {:?}", photo.display(), &ranked[..2]);
        assert_eq!(ranked[0].label, *label, "{}", photo.display());
        assert!(ranked[0].score > 0.5, "{}: {:?}", photo.display(), ranked[0]);
    }
}

#[test]
fn photos_are_known_by_their_names() {
    check(&[
        ("cat.jpg", "cat"),
        ("coffee.jpg", "cup of coffee"),
        ("rocket.jpg", "rocket"),
        ("flower.jpg", "flower"),
        ("temple.jpg", "temple"),
    ]);
}

#[test]
fn photos_are_known_by_wider_words() {
    check(&[
        ("cat.jpg", "animal"),
        ("coffee.jpg", "drink"),
        ("flower.jpg", "plant"),
        ("temple.jpg", "building"),
    ]);
}

#[test]
fn a_photo_of_none_of_the_labels_is_less_like_them() {
    let clip = included_model();
    let cosine = |photo: &str, label: &str| {
        let image = clip
            .embed_image(&in_repository("www/samples").join(photo))
            .unwrap()
            .normalize();
        let text = clip
            .embed_texts(&[&format!("a photo of a {label}")])
            .unwrap()
            .remove(0)
            .normalize();
        image.cosine(&text)
    };
    let threshold = clip.info().no_match_threshold.expect("it was measured");
    assert!(cosine("cat.jpg", "cat") > threshold && cosine("coffee.jpg", "cup of coffee") > threshold);
    assert!(cosine("cat.jpg", "screwdriver") < threshold && cosine("coffee.jpg", "zebra") < threshold);
}

#[test]
fn the_included_model_says_what_it_is() {
    let clip = included_model();
    let info = clip.info();
    assert_eq!(
        (
            info.name.as_str(),
            info.image_tower.as_deref(),
            info.quantization.as_str()
        ),
        ("cliplet-everyday", Some("efficientnet_lite"), "q8")
    );
    assert!(info.bytes <= 14_000_000, "{} bytes", info.bytes);
    assert_eq!(info.licence.as_deref(), Some("apache-2.0"));
}
