//! Which kind of picture some bytes are, by their first bytes, never by a file's name.

/// Every format that is read, for messages.
pub(super) const SUPPORTED: &str = "JPEG, PNG, WebP, GIF or BMP";

/// A format that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
    Bmp,
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
        }
    }
}

/// The format of `bytes`, or why they cannot be read.
pub(super) fn detect(bytes: &[u8]) -> Result<Format, String> {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    if starts(b"\xff\xd8\xff") {
        return Ok(Format::Jpeg);
    }
    if starts(b"\x89PNG\r\n\x1a\n") {
        return Ok(Format::Png);
    }
    if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Ok(Format::WebP);
    }
    if starts(b"GIF87a") || starts(b"GIF89a") {
        return Ok(Format::Gif);
    }
    if starts(b"BM") && bytes.len() >= 26 {
        return Ok(Format::Bmp);
    }
    Err(match known_elsewhere(bytes) {
        Some(name) => format!("{name} is not supported; convert it to JPEG or PNG"),
        None if bytes.is_empty() => "the file is empty".into(),
        None => format!("this is not a picture of a supported kind ({SUPPORTED})"),
    })
}

/// Formats that people do have, so that the message can name them.
fn known_elsewhere(bytes: &[u8]) -> Option<&'static str> {
    if bytes.get(4..8) == Some(b"ftyp") {
        // ISO base media: the major brand, then compatible ones, four bytes each.
        let brands = bytes.get(8..bytes.len().min(64)).unwrap_or_default();
        let has = |wanted: &[&[u8; 4]]| {
            brands
                .chunks_exact(4)
                .any(|brand| wanted.iter().any(|w| brand == *w))
        };
        return Some(if has(&[b"avif", b"avis"]) {
            "AVIF"
        } else if has(&[b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"]) {
            "HEIC"
        } else {
            "video (MP4, MOV)"
        });
    }
    let text = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .trim_ascii_start();
    let head = &text[..text.len().min(1024)];
    let svg = head.starts_with(b"<svg")
        || (head.starts_with(b"<?xml") || head.starts_with(b"<!")) && head.windows(4).any(|w| w == b"<svg");
    let table: [(&[u8], &str); 8] = [
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"II+\0", "TIFF"),
        (b"\0\0\0\x0cJXL \r\n", "JPEG XL"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
        (b"%PDF-", "PDF"),
        (b"8BPS", "Photoshop (PSD)"),
    ];
    if svg {
        return Some("SVG");
    }
    table
        .iter()
        .find(|(magic, _)| bytes.starts_with(magic))
        .map(|(_, name)| *name)
}
