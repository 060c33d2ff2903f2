//! Limits of a decode: memory, cancellation, and the formats that it knows by name.

use crate::images::{IMAGES, Images, file, is_read};
use cliplet::Error;
use cliplet::image::{Cancel, FILE_EXTENSIONS, UNSUPPORTED_EXTENSIONS, decode};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A plain binary pixmap of this size, each pixel by its place.
fn pixmap(width: usize, height: usize) -> Vec<u8> {
    let mut file = format!("P6 {width} {height} 255\n").into_bytes();
    for y in 0..height {
        for x in 0..width {
            file.extend([
                (x * 255 / width) as u8,
                (y * 255 / height) as u8,
                (x / 40 % 2 * 200) as u8,
            ]);
        }
    }
    file
}

#[test]
fn an_image_that_does_not_fit_is_read_smaller_and_looks_the_same() {
    let processor = Images::load().processor("24");
    let file = pixmap(800, 600);
    let whole = processor.preprocess(&file).expect("it fits");
    // Pixels take 1.44 MB; at a quarter, with sums of two bytes, 270 kB.
    let reduced = processor
        .clone()
        .with_memory_limit(300_000)
        .preprocess(&file)
        .expect("a quarter fits");
    let mean = whole
        .data
        .iter()
        .zip(&reduced.data)
        .map(|(a, b)| f64::from((a - b).abs()))
        .sum::<f64>()
        / whole.data.len() as f64;
    assert!(mean > 0.0 && mean < 0.05, "{mean}");
    let refused = processor
        .with_memory_limit(10_000)
        .preprocess(&file)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("800x600") && refused.contains("2 MB of memory"),
        "{refused}"
    );
}

#[test]
fn a_jpeg_that_does_not_fit_is_decoded_at_half_its_size() {
    let processor = Images::load().processor("24");
    let pixels = pixmap(800, 600).split_off("P6 800 600 255\n".len());
    let mut file = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 90)
        .encode(&pixels, 800, 600, image::ExtendedColorType::Rgb8)
        .expect("a JPEG");
    let whole = processor.preprocess(&file).expect("it fits");
    // Pixels take 1.44 MB, at half the width and height 360 kB, and some rows besides.
    let reduced = processor
        .clone()
        .with_memory_limit(600_000)
        .preprocess(&file)
        .expect("half fits");
    let sum: f64 = whole
        .data
        .iter()
        .zip(&reduced.data)
        .map(|(a, b)| f64::from((a - b).abs()))
        .sum();
    let mean = sum / whole.data.len() as f64;
    assert!(mean > 0.0 && mean < 0.05, "{mean}");
    let refused = processor
        .with_memory_limit(20_000)
        .preprocess(&file)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("800x600") && refused.contains("an eighth"),
        "{refused}"
    );
}

#[test]
fn a_cancelled_decode_stops_in_every_format() {
    let processor = Images::load().processor("24");
    for (name, bytes) in IMAGES.iter().filter(|(name, _)| is_read(name)) {
        let cancelled = processor.preprocess_cancellable(bytes, Cancel::new(&|| true));
        assert!(
            matches!(cancelled, Err(Error::Cancelled)),
            "{name}: {cancelled:?}"
        );
    }
}

#[test]
fn a_decode_asks_often_whether_it_is_cancelled() {
    let processor = Images::load().processor("24");
    for name in [
        "rgb.png",
        "interlaced.png",
        "lzw-strips.tif",
        "run-length.tga",
        "rgb.qoi",
        "text.ppm",
        "floats.pfm",
        "fax-runs.tif",
        "lossless.webp",
        "420.avif",
    ]
    .into_iter()
    .filter(|name| is_read(name))
    {
        let asked = AtomicUsize::new(0);
        let count = || asked.fetch_add(1, Relaxed) > 1_000_000;
        processor
            .preprocess_cancellable(file(IMAGES, name), Cancel::new(&count))
            .expect(name);
        assert!(asked.load(Relaxed) >= 30, "{name}: asked {asked:?} times");
    }
}

#[test]
fn every_file_has_an_extension_that_is_known_and_is_read_whatever_its_name() {
    for (name, bytes) in IMAGES.iter().filter(|(name, _)| is_read(name)) {
        let extension = name.rsplit('.').next().unwrap_or_default();
        assert!(FILE_EXTENSIONS.contains(&extension), "{name}");
        decode(bytes).expect(name);
    }
    let read = |name: &&str| FILE_EXTENSIONS.contains(name);
    assert!(
        !UNSUPPORTED_EXTENSIONS
            .iter()
            .any(|(extension, _)| read(extension))
    );
    let lower = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    assert!(FILE_EXTENSIONS.iter().all(|name| lower(name)));
}

#[test]
fn transparent_pixels_of_a_canvas_are_white() {
    let processor = Images::load().processor("24");
    let clear = processor.preprocess_rgba(2, 2, &[9, 80, 7, 0].repeat(4)).unwrap();
    let white = processor.preprocess_rgba(2, 2, &[255; 16]).unwrap();
    assert_eq!(clear, white);
}
