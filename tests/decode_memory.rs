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

/// Bits of a bitstream, the lowest of each byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn put(&mut self, value: usize, count: usize) {
        for bit in 0..count {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            self.bytes[self.count / 8] |= ((value >> bit & 1) as u8) << (self.count % 8);
            self.count += 1;
        }
    }

    /// A Huffman code of one symbol of eight bits.
    fn put_single(&mut self, symbol: usize) {
        self.put(0b101, 3);
        self.put(symbol, 8);
    }

    /// A Huffman code of eleven symbols with lengths of 1, 2, 3 and so on up to 10 and 10, for which a decoder wants a
    /// table of 1,024 entries.
    fn put_long(&mut self) {
        self.put(0, 1);
        // Fourteen lengths of codes for lengths: three bits for 1 to 6, four bits for 7 to 10.
        self.put(10, 4);
        for length in [0, 0, 0, 3, 3, 3, 3, 3, 0, 3, 4, 4, 4, 4] {
            self.put(length, 3);
        }
        // Eleven lengths follow, a number of four bits less two.
        self.put(1, 1);
        self.put(1, 3);
        self.put(9, 4);
        let codes = [
            0b000, 0b100, 0b010, 0b110, 0b001, 0b101, 0b0011, 0b1011, 0b0111, 0b1111,
        ];
        for length in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10] {
            self.put(codes[length - 1], if length <= 6 { 3 } else { 4 });
        }
    }
}

/// A lossless WebP of 16 x 16 pixels that claims 65,536 groups of Huffman codes and has `groups` of them.
fn webp_with_tables(groups: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0x2f, 8);
    bits.put(15, 14);
    bits.put(15, 14);
    // Neither alpha, version, transforms nor a cache of colors.
    bits.put(0, 4 + 1 + 1);
    // An image of the groups' numbers for squares of 4 x 4: all of it has the largest number.
    bits.put(1, 1);
    bits.put(0, 3 + 1);
    for symbol in [255, 255, 0, 0, 0] {
        bits.put_single(symbol);
    }
    (0..5 * groups).for_each(|_| bits.put_long());
    let data = bits.bytes;
    let chunk = [b"VP8L", &(data.len() as u32).to_le_bytes()[..], &data].concat();
    let length = (chunk.len() as u32 + 4).to_le_bytes();
    [b"RIFF", &length[..], b"WEBP", &chunk].concat()
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
        ("Huffman tables of 64 MB in a WebP", webp_with_tables(3000)),
        ("Huffman tables of 1.4 GB in a WebP", webp_with_tables(65_536)),
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
