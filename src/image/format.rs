//! Formats of image files: their names, their usual extensions, and how to tell them by their first bytes.
//! A file is always read as its bytes say, never as its name says.

/// Names of every format that is read, for messages.
#[cfg(feature = "avif")]
pub(super) const SUPPORTED: &str = "JPEG, PNG, WebP, GIF, BMP, TIFF, ICO, PNM, TGA, QOI or AVIF";
/// Names of every format that is read, for messages.
#[cfg(not(feature = "avif"))]
pub(super) const SUPPORTED: &str = "JPEG, PNG, WebP, GIF, BMP, TIFF, ICO, PNM, TGA or QOI";

/// Extensions, in lower case and without the dot, of the files that are read. A folder's images are its files with
/// one of these.
pub const FILE_EXTENSIONS: &[&str] = &[
    "jpg",
    "jpeg",
    "jpe",
    "jfif",
    "jif",
    "mpo",
    "png",
    "apng",
    "webp",
    "gif",
    "bmp",
    "dib",
    "tif",
    "tiff",
    "ico",
    "cur",
    "pnm",
    "pbm",
    "pgm",
    "ppm",
    "pam",
    "pfm",
    "tga",
    "icb",
    "vda",
    "vst",
    "qoi",
    #[cfg(feature = "avif")]
    "avif",
    #[cfg(feature = "avif")]
    "avifs",
];

/// Extensions of image files that people have and that are not read, with the format's name: a folder run counts
/// them and says so.
pub const UNSUPPORTED_EXTENSIONS: &[(&str, &str)] = &[
    #[cfg(not(feature = "avif"))]
    ("avif", "AVIF"),
    ("heic", "HEIC"),
    ("heif", "HEIC"),
    ("hif", "HEIC"),
    ("jxl", "JPEG XL"),
    ("jp2", "JPEG 2000"),
    ("j2k", "JPEG 2000"),
    ("svg", "SVG"),
    ("psd", "Photoshop"),
    ("exr", "OpenEXR"),
    ("hdr", "Radiance HDR"),
    ("dds", "DirectDraw Surface"),
    ("icns", "an Apple icon"),
    ("pcx", "PCX"),
    ("sgi", "SGI"),
    ("xbm", "X bitmap"),
    ("xpm", "X pixmap"),
    ("eps", "PostScript"),
    ("wmf", "a Windows metafile"),
    ("emf", "a Windows metafile"),
    ("dng", "camera raw"),
    ("cr2", "camera raw"),
    ("cr3", "camera raw"),
    ("nef", "camera raw"),
    ("arw", "camera raw"),
    ("raf", "camera raw"),
    ("orf", "camera raw"),
    ("rw2", "camera raw"),
];

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
    Bmp,
    Tiff,
    Ico,
    Pnm,
    Tga,
    Qoi,
    #[cfg(feature = "avif")]
    Avif,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Ico => "ICO",
            Self::Pnm => "PNM",
            Self::Tga => "TGA",
            Self::Qoi => "QOI",
            #[cfg(feature = "avif")]
            Self::Avif => "AVIF",
        }
    }
}

/// The format of `bytes`, or why they cannot be read.
pub(super) fn detect(bytes: &[u8]) -> Result<Format, String> {
    let magic: [(&[u8], Format); 12] = [
        (b"\xff\xd8\xff", Format::Jpeg),
        (b"\x89PNG\r\n\x1a\n", Format::Png),
        (b"GIF87a", Format::Gif),
        (b"GIF89a", Format::Gif),
        (b"II*\0", Format::Tiff),
        (b"MM\0*", Format::Tiff),
        (b"II+\0", Format::Tiff),
        (b"MM\0+", Format::Tiff),
        (b"\0\0\x01\0", Format::Ico),
        (b"\0\0\x02\0", Format::Ico),
        (b"qoif", Format::Qoi),
        (b"BM", Format::Bmp),
    ];
    let by_magic = magic.iter().find(|(magic, _)| bytes.starts_with(magic));
    match by_magic {
        Some((_, Format::Bmp)) if bytes.len() < 26 => {}
        // A TGA of a palette's colors, without a comment, begins as a cursor does.
        Some((_, Format::Ico)) if is_tga(bytes) && !is_icon(bytes) => return Ok(Format::Tga),
        Some((_, format)) => return Ok(*format),
        None if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") => return Ok(Format::WebP),
        #[cfg(feature = "avif")]
        None if bytes.get(4..8) == Some(b"ftyp") && iso_media(bytes) == "AVIF" => return Ok(Format::Avif),
        None if is_pnm(bytes) => return Ok(Format::Pnm),
        None if is_bare_bitmap(bytes) => return Ok(Format::Bmp),
        None if is_tga(bytes) => return Ok(Format::Tga),
        None => {}
    }
    Err(match known_elsewhere(bytes) {
        Some(name) => format!("{name} is not supported; convert it to JPEG or PNG"),
        None if bytes.is_empty() => "the file is empty".into(),
        None => format!("this is not an image of a supported kind ({SUPPORTED})"),
    })
}

/// True if a file that begins with `start`, of which 64 bytes suffice, has the signature of a format that is read. TGA
/// files have none.
pub fn has_image_signature(start: &[u8]) -> bool {
    matches!(detect(start), Ok(format) if format != Format::Tga)
}

/// `P1` to `P7` or `Pf`, then white space or a comment.
fn is_pnm(bytes: &[u8]) -> bool {
    matches!(bytes, [b'P', b'1'..=b'7' | b'f', after, ..] if after.is_ascii_whitespace() || *after == b'#')
}

/// A bitmap without the header of a file (DIB): the header that follows there, of a usual length, of one plane.
pub(super) fn is_bare_bitmap(bytes: &[u8]) -> bool {
    matches!(bytes, [40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0, ..]) && bytes.get(12..14) == Some(&[1, 0])
}

/// An icon's or cursor's directory: the reserved byte of its first entry is zero, and its image lies behind it.
fn is_icon(bytes: &[u8]) -> bool {
    let word = |at: usize| {
        bytes
            .get(at..at + 4)
            .map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    };
    bytes.get(4..6).is_some_and(|count| count != [0, 0])
        && bytes.get(9) == Some(&0)
        && word(14) > 0
        && word(18) >= 22
        && (word(18) as usize) < bytes.len()
}

/// TGA has no magic number: every field of its header must make sense.
fn is_tga(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..18) else {
        return false;
    };
    let size = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let (map, kind, map_depth, depth) = (header[1], header[2], header[7], header[16]);
    let pixels = match kind {
        1 | 9 => map == 1 && matches!(map_depth, 15 | 16 | 24 | 32) && matches!(depth, 8 | 16) && size(5) > 0,
        2 | 10 => map <= 1 && matches!(depth, 15 | 16 | 24 | 32),
        3 | 11 => map == 0 && matches!(depth, 1 | 8 | 16),
        _ => false,
    };
    // The two highest bits of the descriptor interleave rows, which nobody writes.
    pixels && size(12) > 0 && size(14) > 0 && header[17] & 0xc0 == 0
}

/// The name of a format that people do have and that is not read, for the message.
fn known_elsewhere(bytes: &[u8]) -> Option<&'static str> {
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(iso_media(bytes));
    }
    let text = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .trim_ascii_start();
    let head = &text[..text.len().min(1024)];
    let svg = head.starts_with(b"<svg")
        || (head.starts_with(b"<?xml") || head.starts_with(b"<!")) && head.windows(4).any(|w| w == b"<svg");
    if svg {
        return Some("SVG");
    }
    let table: [(&[u8], &str); 15] = [
        (b"\0\0\0\x0cJXL \r\n", "JPEG XL"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"%PDF-", "PDF"),
        (b"8BPS", "Photoshop (PSD)"),
        (b"v/1\x01", "OpenEXR"),
        (b"#?RADIANCE", "Radiance HDR"),
        (b"DDS ", "DirectDraw Surface (DDS)"),
        (b"icns", "an Apple icon (ICNS)"),
        (b"%!PS", "PostScript"),
        (b"\x01\xda\0", "SGI"),
        (b"\x01\xda\x01", "SGI"),
        (b"/* XPM */", "X pixmap"),
        (b"\x1aE\xdf\xa3", "video (WebM, Matroska)"),
    ];
    let known = table.iter().find(|(magic, _)| bytes.starts_with(magic));
    known.map(|(_, name)| *name)
}

/// By the brands of an ISO base media file: the major one, then compatible ones, four bytes each.
fn iso_media(bytes: &[u8]) -> &'static str {
    let brands = bytes.get(8..bytes.len().min(64)).unwrap_or_default();
    let has = |wanted: &[&[u8; 4]]| {
        brands
            .chunks_exact(4)
            .any(|brand| wanted.iter().any(|w| brand == *w))
    };
    if has(&[b"avif", b"avis"]) {
        "AVIF"
    } else if has(&[b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"]) {
        "HEIC"
    } else {
        "video (MP4, MOV)"
    }
}
