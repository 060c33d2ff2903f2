//! Image files put together from parts: headers that claim sizes, chunks that claim lengths, and data that may
//! have neither.

use arbitrary::Arbitrary;

/// The parts of an image file.
#[derive(Debug, Arbitrary)]
pub struct Claims {
    format: Format,
    width: u16,
    height: u16,
    /// Kind of samples, of which each format knows some.
    depth: u8,
    /// Length that the extra chunk claims.
    extra_length: u32,
    /// The extra chunk's content: EXIF, a profile, a palette, whatever the format has.
    extra: Vec<u8>,
    /// Scans of a JPEG, frames of a GIF, strips of a TIFF.
    repeats: u16,
    data: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Format {
    Png,
    Jpeg,
    Gif,
    WebpLossless,
    WebpLossy,
    WebpExtended,
    Bmp,
    Tiff,
}

impl Claims {
    /// Pixels that the header claims.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The file.
    pub fn file(&self) -> Vec<u8> {
        match self.format {
            Format::Png => self.png(),
            Format::Jpeg => self.jpeg(),
            Format::Gif => self.gif(),
            Format::WebpLossless => webp(&[(b"VP8L", None, self.vp8l())]),
            Format::WebpLossy => webp(&[(b"VP8 ", None, self.vp8())]),
            Format::WebpExtended => self.webp_extended(),
            Format::Bmp => self.bmp(),
            Format::Tiff => self.tiff(),
        }
    }

    fn png(&self) -> Vec<u8> {
        let mut head = Vec::new();
        head.extend(u32::from(self.width).to_be_bytes());
        head.extend(u32::from(self.height).to_be_bytes());
        head.extend([
            [1, 2, 4, 8, 16][usize::from(self.depth) % 5],
            self.depth >> 4,
            0,
            0,
            self.depth & 1,
        ]);
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        png_chunk(&mut file, b"IHDR", None, &head);
        png_chunk(
            &mut file,
            [b"eXIf", b"iCCP", b"zTXt", b"PLTE"][usize::from(self.depth) % 4],
            Some(self.extra_length),
            &self.extra,
        );
        for _ in 0..self.repeats % 64 {
            png_chunk(&mut file, b"IDAT", None, &self.data);
        }
        png_chunk(&mut file, b"IEND", None, &[]);
        file
    }

    fn jpeg(&self) -> Vec<u8> {
        let mut file = vec![0xff, 0xd8];
        jpeg_segment(&mut file, 0xe1, &[b"Exif\0\0", &self.extra[..]].concat());
        jpeg_segment(&mut file, 0xdb, &[&[0][..], &[1; 64]].concat());
        let components: &[u8] = match self.depth % 3 {
            0 => &[1, 1, 0x11, 0],
            1 => &[3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0],
            _ => &[4, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 4, 0x11, 0],
        };
        let mut frame = vec![8];
        frame.extend(self.height.to_be_bytes());
        frame.extend(self.width.to_be_bytes());
        frame.extend(components);
        jpeg_segment(
            &mut file,
            [0xc0, 0xc1, 0xc2][usize::from(self.depth >> 4) % 3],
            &frame,
        );
        // A code of one bit for each table: a run of ended blocks, and a zero difference.
        for (table, symbol) in [(0x10, 0xe0), (0x00, 0x00)] {
            jpeg_segment(&mut file, 0xc4, &[&[table, 1][..], &[0; 15], &[symbol]].concat());
        }
        for scan in 0..self.repeats % 2048 {
            // The first gives the first coefficient, later ones the others of a component.
            let head: &[u8] = if scan == 0 {
                &[1, 1, 0, 0, 0, 0]
            } else {
                &[1, 1, 0, 1, 63, 0]
            };
            jpeg_segment(&mut file, 0xda, head);
            file.extend(
                self.data
                    .iter()
                    .take(64)
                    .flat_map(|&byte| [byte, 0].into_iter().take(if byte == 0xff { 2 } else { 1 })),
            );
        }
        file.extend([0xff, 0xd9]);
        file
    }

    fn gif(&self) -> Vec<u8> {
        let mut file = b"GIF89a".to_vec();
        file.extend(self.width.to_le_bytes());
        file.extend(self.height.to_le_bytes());
        file.extend([0x80 | self.depth & 7, 0, 0]);
        file.extend(vec![9; 3 << ((self.depth & 7) + 1)]);
        for _ in 0..self.repeats % 256 {
            file.push(0x2c);
            file.extend([0; 4]);
            file.extend(self.width.to_le_bytes());
            file.extend(self.height.to_le_bytes());
            file.extend([0, 2 + self.depth % 10]);
            for block in self.data.chunks(255) {
                file.push(block.len() as u8);
                file.extend(block);
            }
            file.push(0);
        }
        file.push(0x3b);
        file
    }

    fn vp8l(&self) -> Vec<u8> {
        let (width, height) = (
            u32::from(self.width).max(1) - 1,
            u32::from(self.height).max(1) - 1,
        );
        let bits = (width & 0x3fff) | (height & 0x3fff) << 14;
        [&[0x2f][..], &bits.to_le_bytes(), &self.data].concat()
    }

    fn vp8(&self) -> Vec<u8> {
        let mut chunk = vec![0x10, self.depth, 0, 0x9d, 0x01, 0x2a];
        chunk.extend((self.width & 0x3fff).to_le_bytes());
        chunk.extend((self.height & 0x3fff).to_le_bytes());
        chunk.extend(&self.data);
        chunk
    }

    fn webp_extended(&self) -> Vec<u8> {
        let (width, height) = (
            u32::from(self.width).max(1) - 1,
            u32::from(self.height).max(1) - 1,
        );
        let mut head = vec![self.depth, 0, 0, 0];
        head.extend(&width.to_le_bytes()[..3]);
        head.extend(&height.to_le_bytes()[..3]);
        let extra = [b"EXIF", b"ICCP", b"XMP ", b"ALPH"][usize::from(self.repeats) % 4];
        webp(&[
            (b"VP8X", None, head),
            (extra, Some(self.extra_length), self.extra.clone()),
            (b"VP8L", None, self.vp8l()),
        ])
    }

    fn bmp(&self) -> Vec<u8> {
        let mut file = b"BM".to_vec();
        let depth = [1, 4, 8, 16, 24, 32][usize::from(self.depth) % 6];
        for field in [
            self.extra_length,
            0,
            54 + self.extra.len() as u32,
            40,
            u32::from(self.width),
            u32::from(self.height),
        ] {
            file.extend(field.to_le_bytes());
        }
        file.extend([1, 0, depth, 0]);
        for field in [
            u32::from(self.depth >> 6),
            self.extra_length,
            0,
            0,
            u32::from(self.repeats),
            0,
        ] {
            file.extend(field.to_le_bytes());
        }
        file.extend(&self.extra);
        file.extend(&self.data);
        file
    }

    fn tiff(&self) -> Vec<u8> {
        let compression = [1, 5, 8, 32773, 7, 2, 3, 4][usize::from(self.depth) % 8];
        let samples = [1, 3, 4][usize::from(self.depth >> 4) % 3];
        let strips = u32::from(self.repeats).max(1);
        let fields: [(u16, u16, u32, u32); 10] = [
            (256, 3, 1, u32::from(self.width)),
            (257, 3, 1, u32::from(self.height)),
            (258, 3, 1, 8),
            (259, 3, 1, compression),
            (262, 3, 1, if samples == 1 { 1 } else { 2 }),
            (273, 4, strips, 8),
            (277, 3, 1, samples),
            (278, 3, 1, (u32::from(self.height) / strips).max(1)),
            (279, 4, strips, self.extra_length),
            (284, 3, 1, 1),
        ];
        let mut file = b"II*\0".to_vec();
        file.extend((8 + self.data.len() as u32).to_le_bytes());
        file.extend(&self.data);
        file.extend((fields.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in fields {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        file.extend([0; 4]);
        file
    }
}

/// A JPEG with EXIF data and no image behind its header.
pub fn jpeg_with_exif(exif: &[u8]) -> Vec<u8> {
    let claims = Claims {
        format: Format::Jpeg,
        extra: exif.iter().copied().take(60_000).collect(),
        repeats: 1,
        ..Claims::tiny()
    };
    claims.file()
}

/// A PNG with EXIF data.
pub fn png_with_exif(exif: &[u8]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    png_chunk(&mut file, b"IHDR", None, &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    png_chunk(&mut file, b"eXIf", None, exif);
    // One row of one black pixel, stored.
    png_chunk(
        &mut file,
        b"IDAT",
        None,
        &[0x78, 1, 1, 2, 0, 0xfd, 0xff, 0, 0, 0, 2, 0, 1],
    );
    png_chunk(&mut file, b"IEND", None, &[]);
    file
}

/// A lossless WebP with EXIF data.
pub fn webp_with_exif(exif: &[u8]) -> Vec<u8> {
    let head = vec![8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let claims = Claims::tiny();
    webp(&[
        (b"VP8X", None, head),
        (b"VP8L", None, claims.vp8l()),
        (b"EXIF", None, exif.to_vec()),
    ])
}

impl Claims {
    /// One pixel.
    fn tiny() -> Self {
        Self {
            format: Format::Jpeg,
            width: 1,
            height: 1,
            depth: 0,
            extra_length: 0,
            extra: vec![],
            repeats: 0,
            data: vec![0x07, 0x10, 0xfd, 0x8f, 0xfe, 0x07, 0x22, 0xa2, 0xff, 0x01],
        }
    }
}

/// A chunk with a right checksum, which may claim another length than it has.
fn png_chunk(file: &mut Vec<u8>, kind: &[u8; 4], claim: Option<u32>, data: &[u8]) {
    file.extend(claim.unwrap_or(data.len() as u32).to_be_bytes());
    file.extend(kind);
    file.extend(data);
    let mut sum = u32::MAX;
    for &byte in kind.iter().chain(data) {
        sum ^= u32::from(byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            };
        }
    }
    file.extend((!sum).to_be_bytes());
}

fn jpeg_segment(file: &mut Vec<u8>, marker: u8, data: &[u8]) {
    let data = &data[..data.len().min(65_000)];
    file.extend([0xff, marker]);
    file.extend((data.len() as u16 + 2).to_be_bytes());
    file.extend(data);
}

/// A WebP of chunks, each of which may claim another length than it has.
fn webp(chunks: &[(&[u8; 4], Option<u32>, Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (kind, claim, data) in chunks {
        body.extend(*kind);
        body.extend(claim.unwrap_or(data.len() as u32).to_le_bytes());
        body.extend(data);
        if data.len() % 2 == 1 {
            body.push(0);
        }
    }
    let mut file = b"RIFF".to_vec();
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file
}
