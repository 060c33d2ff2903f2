//! Memory that decoding takes, against headers that claim more than their files hold. One test alone in its process,
//! since the allocator counts for all threads.
#![cfg(not(target_family = "wasm"))]

use cliplet::image::decode;
use cliplet_kernels::CountingAllocator;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const WEBP: &[u8] = include_bytes!("golden/images/orientation-8.webp");
const PNG: &[u8] = include_bytes!("golden/images/rgb.png");
const TIFF: &[u8] = include_bytes!("golden/images/tiles.tif");
const GIF: &[u8] = include_bytes!("golden/images/still.gif");
const PNM: &[u8] = b"P6 14000 14000 255\n......";
const QOI: &[u8] = b"qoif\0\0\x36\xb0\0\0\x36\xb0\x04\0......";
const TGA: &[u8] = b"\0\0\x0a\0\0\0\0\0\0\0\0\0\xb0\x36\xb0\x36\x20\0......";

/// Most bytes in use while these are decoded, more than before.
fn peak(bytes: &[u8]) -> usize {
    let before = CountingAllocator::reset_peak();
    let _ = decode(bytes);
    CountingAllocator::peak() - before
}

fn at(bytes: &[u8], name: &[u8]) -> usize {
    bytes
        .windows(name.len())
        .position(|window| window == name)
        .expect("it is there")
}

fn changed(bytes: &[u8], place: usize, to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place..place + to.len()].copy_from_slice(to);
    bytes
}

/// A chunk of this name and length before a PNG's pixels, of which the file has `data`.
fn png_with(name: &[u8], length: u32, data: &[u8]) -> Vec<u8> {
    let pixels = at(PNG, b"IDAT") - 4;
    [&PNG[..pixels], &length.to_be_bytes(), name, data].concat()
}

#[test]
fn claims_of_headers_take_no_memory() {
    let huge = u32::MAX.to_le_bytes();
    let exif = at(WEBP, b"EXIF") + 4;
    let mut profile = b"p\0\0".to_vec();
    profile.extend(fdeflate::compress_to_vec(&vec![0; 40 << 20]));
    let cases = [
        ("EXIF of 4 GB in a WebP", changed(WEBP, exif, &huge)),
        ("a WebP file of 4 GB", changed(WEBP, 4, &huge)),
        (
            "a profile of 2 GB in a PNG",
            png_with(b"iCCP", i32::MAX as u32, b"p\0\0"),
        ),
        (
            "a profile of 40 MB in a PNG",
            png_with(b"iCCP", profile.len() as u32, &profile),
        ),
        (
            "a text of 2 GB in a PNG",
            png_with(b"zTXt", i32::MAX as u32, b"Raw profile type exif\0\0"),
        ),
        ("a GIF of 65535 x 3000", changed(GIF, 6, b"\xff\xff\xb8\x0b")),
        ("a PNM of 196 MP", PNM.to_vec()),
        ("a QOI of 196 MP", QOI.to_vec()),
        ("a TGA of 196 MP", TGA.to_vec()),
        ("a TIFF of 14000 x 14000", {
            let ifd = at(TIFF, &[0, 1, 4, 0, 1, 0, 0, 0, 48, 0]);
            let wide = changed(TIFF, ifd + 8, &14_000u32.to_le_bytes());
            changed(&wide, ifd + 20, &14_000u32.to_le_bytes())
        }),
        ("tiles of 8 MP in a TIFF", {
            let tile = at(TIFF, &[0x42, 1, 4, 0, 1, 0, 0, 0]);
            changed(TIFF, tile + 8, &(1u32 << 23).to_le_bytes())
        }),
    ];
    for (name, bytes) in cases {
        let peak = peak(&bytes);
        let most = 4 * bytes.len() + (1 << 20);
        assert!(
            peak <= most,
            "{name}: {} bytes take {peak}, over {most}",
            bytes.len()
        );
    }
}
