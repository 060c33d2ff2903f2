//! A 48-megapixel picture, too large to be stored: drawn by the formula of `golden/pictures.py`'s `ramp`.

use crate::images::{Difference, Images};

const WIDTH: u32 = 8000;
const HEIGHT: u32 = 6000;

fn ramp() -> Vec<u8> {
    let mut rgb = Vec::with_capacity((WIDTH * HEIGHT * 3) as usize);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let blue = (x / 250 + y / 250) % 2 * 200 + (x + y) / 256;
            rgb.extend(
                [x * 255 / (WIDTH - 1), y * 255 / (HEIGHT - 1), blue.min(255)].map(|value| value as u8),
            );
        }
    }
    rgb
}

/// An uncompressed BMP of bottom-up rows.
fn bmp(rgb: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(54 + rgb.len());
    file.extend(b"BM");
    for field in [
        54 + rgb.len() as u32,
        0,
        54,
        40,
        WIDTH,
        HEIGHT,
        24 << 16 | 1,
        0,
        rgb.len() as u32,
        0,
        0,
        0,
        0,
    ] {
        file.extend(field.to_le_bytes());
    }
    for row in rgb.chunks_exact(WIDTH as usize * 3).rev() {
        file.extend(
            row.chunks_exact(3)
                .flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]),
        );
    }
    file
}

#[test]
fn a_48_megapixel_picture_is_as_hugging_face_has_it() {
    let images = Images::load();
    let rgb = ramp();
    let mut jpeg = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 92);
    encoder
        .encode(&rgb, WIDTH, HEIGHT, image::ExtendedColorType::Rgb8)
        .expect("a JPEG");
    for (kind, file, most_mean, most) in [("BMP", bmp(&rgb), 1e-5, 1e-5), ("JPEG", jpeg, 0.01, 0.06)] {
        let values = images.processor("48").preprocess(&file).expect(kind);
        let Difference { mean, largest } = images.difference("48", &values, "ramp-8000x6000.48.png");
        println!("{kind}: mean {mean:.5}, largest {largest:.4}");
        assert!(
            mean <= most_mean && largest <= most,
            "{kind}: mean {mean}, largest {largest}"
        );
    }
}
