//! Bytes that are no image, damaged or forged get a typed error that says so, and never a panic.

use crate::images::{IMAGES, Images, file};
use cliplet::Error;
use cliplet::image::{ImageProcessor, decode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Small, so that damaged headers cannot slow the tests down.
const LIMIT: u64 = 1 << 20;

fn processor() -> ImageProcessor {
    Images::load().processor("24").with_pixel_limit(LIMIT)
}

/// The message of the error that `bytes` give.
#[track_caller]
fn message(bytes: &[u8]) -> String {
    match decode(bytes) {
        Err(error @ Error::Image { .. }) => error.to_string(),
        Err(error) => panic!("not an image error: {error}"),
        Ok(image) => panic!("decoded as {}x{}", image.width(), image.height()),
    }
}

/// A PNG header of these dimensions, 8-bit RGB, with nothing behind it but its own end.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut png = file(IMAGES, "rgb.png").to_vec();
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = png[12..29].iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb88320 & (crc & 1).wrapping_neg())
        })
    });
    png[29..33].copy_from_slice(&(!checksum).to_be_bytes());
    png
}

#[test]
fn other_bytes_are_told_which_would_be_read() {
    for bytes in [
        &b"Dear diary,\n"[..],
        b"{\"a\": 1}",
        b"\0\0\0\0\0\0",
        b"BM",
        b"GIF86a",
        b"RIFF1234WAVE",
    ] {
        let message = message(bytes);
        assert!(
            message.contains("not an image") && message.contains("JPEG, PNG, WebP, GIF, BMP, TIFF"),
            "{message}"
        );
    }
    assert!(message(b"").contains("empty"));
}

#[test]
fn other_formats_are_called_by_name() {
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    let cases: [(&[u8], &str); 10] = [
        (heic, "HEIC"),
        (b"icns\0\0\x01\0", "Apple icon"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"\x01\xda\0\x01", "SGI"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2", "video"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"8BPS\0\x01", "Photoshop"),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", "SVG"),
        (b"\n <svg width='1'/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
    ];
    for (bytes, name) in cases {
        let message = message(bytes);
        assert!(
            message.contains(name) && message.contains("convert it to JPEG or PNG"),
            "{message}"
        );
    }
    let avif = message(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf");
    let expected = match cfg!(feature = "avif") {
        true => "damaged AVIF: the file ends early",
        false => "AVIF is not supported; convert it to JPEG or PNG",
    };
    assert!(avif.ends_with(expected), "{avif}");
}

#[test]
fn an_image_over_the_limit_is_refused_by_its_figures() {
    let text = message(&png_header(50_000, 20_000));
    assert!(
        text.contains("50000x20000") && text.contains("1000 megapixels") && text.contains("200"),
        "{text}"
    );
    let small = processor()
        .preprocess(&png_header(1025, 1024))
        .unwrap_err()
        .to_string();
    assert!(small.contains("1025x1024"), "{small}");
    let raised = processor()
        .with_pixel_limit(2 << 20)
        .preprocess(&png_header(1025, 1024))
        .unwrap_err()
        .to_string();
    assert!(!raised.contains("limit"), "{raised}");
}

#[test]
fn a_header_that_the_file_cannot_fill_is_refused_before_memory_is_taken() {
    let mut bmp = file(IMAGES, "rgb.bmp").to_vec();
    bmp[18..22].copy_from_slice(&14_000u32.to_le_bytes());
    bmp[22..26].copy_from_slice(&14_000u32.to_le_bytes());
    let mut jpeg = file(IMAGES, "420.jpg").to_vec();
    let frame = jpeg
        .windows(2)
        .position(|marker| marker == [0xff, 0xc0])
        .expect("a frame");
    jpeg[frame + 5..frame + 9].copy_from_slice(&[14_000u16.to_be_bytes(); 2].concat());
    let mut gif = file(IMAGES, "still.gif").to_vec();
    gif[6..10].copy_from_slice(&[14_000u16.to_le_bytes(); 2].concat());
    for bytes in [png_header(14_000, 14_000), bmp, jpeg, gif] {
        let text = message(&bytes);
        assert!(
            text.contains("14000x14000") && text.contains("cannot hold"),
            "{text}"
        );
    }
}

#[test]
fn an_image_cut_short_ends_early() {
    for name in [
        "420.jpg",
        "progressive.jpg",
        "rgb.png",
        "still.gif",
        "rgb.bmp",
        "lossless.webp",
        "lossy.webp",
        "rgb.tif",
        "deflate.tif",
        "lzw-strips.tif",
        "packbits.tif",
        "tiles.tif",
        "jpeg-grey.tif",
        "png.ico",
        "binary.ppm",
        "text.ppm",
        "rgb.tga",
        "run-length.tga",
        "rgb.qoi",
        #[cfg(feature = "avif")]
        "420.avif",
    ] {
        let bytes = file(IMAGES, name);
        let error = processor()
            .preprocess(&bytes[..bytes.len() * 2 / 3])
            .expect_err(name);
        assert!(matches!(error, Error::Image { .. }), "{name}: {error}");
        assert!(
            error.to_string().contains("the file ends early"),
            "{name}: {error}"
        );
    }
}

/// A gray TIFF of so many rows, each a strip of its own: the same packed bytes, `idle` of which mean nothing.
fn tiff_of_shared_strips(rows: u32, idle: usize) -> Vec<u8> {
    const NO_OPERATION: u8 = 128;
    let packed = [&vec![NO_OPERATION; idle][..], &[0, 7]].concat();
    let start = 8 + packed.len() as u32;
    let directory = start + 8 * rows;
    let fields: [(u16, u32, u32); 8] = [
        (256, 1, 1),
        (257, 1, rows),
        (258, 1, 8),
        (259, 1, 32773),
        (262, 1, 1),
        (273, rows, start),
        (278, 1, 1),
        (279, rows, start + 4 * rows),
    ];
    let mut tiff = [b"II*\0", &directory.to_le_bytes()[..], &packed].concat();
    for value in [8, packed.len() as u32] {
        tiff.extend((0..rows).flat_map(|_| value.to_le_bytes()));
    }
    tiff.extend((fields.len() as u16).to_le_bytes());
    for (tag, count, value) in fields {
        tiff.extend(tag.to_le_bytes());
        tiff.extend(4u16.to_le_bytes());
        tiff.extend(count.to_le_bytes());
        tiff.extend(value.to_le_bytes());
    }
    tiff
}

#[test]
fn strips_that_share_their_bytes_are_not_read_without_end() {
    decode(&tiff_of_shared_strips(40, 10)).expect("few bytes for each row");
    let text = message(&tiff_of_shared_strips(4000, 100_000));
    assert!(text.contains("share the same bytes too often"), "{text}");
}

#[test]
fn rgba_of_another_length_than_its_size_is_an_error() {
    for (width, height, length) in [(2, 2, 15), (2, 2, 17), (0, 3, 0), (u32::MAX, u32::MAX, 4)] {
        let error = processor()
            .preprocess_rgba(width, height, &vec![0; length])
            .unwrap_err();
        assert!(
            error.to_string().contains(&format!("{width}x{height}")),
            "{error}"
        );
    }
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let cases = [
        ("{", "EOF"),
        (r#"{"size": 0}"#, "size is 0"),
        (r#"{"crop_size": 100000}"#, "crop_size is 100000"),
        (r#"{"crop_size": {"width": 10, "height": 20}}"#, "not a square"),
        (r#"{"size": {"longest_edge": 20}}"#, "shortest_edge"),
        (r#"{"resample": 9}"#, "resample is 9"),
        (r#"{"image_std": [0, 1, 1]}"#, "image_std"),
        (r#"{"do_center_crop": false}"#, "center crop"),
    ];
    for (json, part) in cases {
        let error = ImageProcessor::from_json(json).expect_err(json).to_string();
        assert!(
            error.contains(part) && error.contains("preprocessor_config.json"),
            "{json}: {error}"
        );
    }
}

/// Damage: at each place another byte, then a cut.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (
        select(IMAGES),
        vec((any::<Index>(), any::<u8>()), 0..12),
        any::<Index>(),
        any::<bool>(),
    )
        .prop_map(|((_, bytes), changes, end, cut)| {
            let mut bytes = bytes.to_vec();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if cut {
                bytes.truncate(end.index(bytes.len()));
            }
            bytes
        })
}

fn assert_sound(bytes: &[u8]) {
    match processor().preprocess(bytes) {
        Ok(values) => assert_eq!(values.data.len(), 3 * 24 * 24),
        Err(error) => assert!(matches!(error, Error::Image { .. }), "{error}"),
    }
}

const MAGIC: &[&[u8]] = &[
    b"II*\0\x08\0\0\0",
    b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10",
    b"\0\0\x01\0\x01\0",
    b"P6 20 20 255 ",
    b"P2 9 9 99 ",
    b"qoif\0\0\0\x10\0\0\0\x10\x04\0",
    b"\0\0\x0a\0\0\0\0\0\0\0\0\0\x10\0\x10\0\x20\0",
    b"\xff\xd8\xff\xe0",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"BM",
    b"RIFF....WEBPVP8L",
    b"",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(bytes in damaged()) {
        assert_sound(&bytes);
    }

    #[test]
    fn random_bytes_never_panic(
        magic in select(MAGIC),
        noise in vec(any::<u8>(), 0..600),
    ) {
        assert_sound(&[magic, &noise].concat());
    }

    #[test]
    fn any_dimensions_give_one_square_within_the_range_of_values(
        width in 1u32..70, height in 1u32..70, stretch in select(&[1u32, 1, 53][..]), tall in any::<bool>(), seed in any::<u8>(),
    ) {
        let (width, height) = if tall { (width, height * stretch) } else { (width * stretch, height) };
        let rgba: Vec<u8> = (0..width * height * 4).map(|i| (i.wrapping_mul(2654435761) >> 24) as u8 ^ seed).collect();
        for config in ["24", "padded", "squeezed", "nearest"] {
            let processor = Images::load().processor(config);
            let values = processor.preprocess_rgba(width, height, &rgba).unwrap();
            prop_assert_eq!((Some(values.width), Some(values.height), values.data.len()), (processor.size(), processor.size(), 3 * values.width * values.height));
            prop_assert!(values.data.iter().all(|value| (-2.1..=2.7).contains(value)));
        }
    }
}
