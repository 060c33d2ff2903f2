//! EXIF and XMP data in the markers before a JPEG's first scan, found as Pillow finds them.

use std::borrow::Cow;

/// Facts about an image that a file holds beside its pixels.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// EXIF's TIFF structure; data that is spread over several markers is joined.
    pub exif: Option<Cow<'a, [u8]>>,
    /// The last XMP packet.
    pub xmp: Option<&'a [u8]>,
}

impl<'a> Metadata<'a> {
    /// Reads the markers of a file up to the first that is damaged.
    pub fn read(bytes: &'a [u8]) -> Self {
        let mut found = Self::default();
        let mut rest = bytes.get(2..).unwrap_or_default();
        while let Some((marker, segment, behind)) = next_segment(rest) {
            rest = behind;
            match marker {
                0xda => break,
                0xe1 => found.enter(segment),
                _ => {}
            }
        }
        found
    }

    fn enter(&mut self, segment: &'a [u8]) {
        if let Some(data) = segment.strip_prefix(b"Exif\0\0") {
            match &mut self.exif {
                Some(exif) => exif.to_mut().extend_from_slice(data),
                None => self.exif = Some(Cow::Borrowed(data)),
            }
        } else if let Some(data) = segment.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
            self.xmp = Some(data);
        }
    }
}

/// The next marker, its parameters, and what follows; bytes that belong to no marker are passed over.
fn next_segment(mut bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    loop {
        let at = bytes.iter().position(|&byte| byte == 0xff)?;
        bytes = &bytes[at + 1..];
        let marker = *bytes.first()?;
        match marker {
            0x00 | 0xff => {}
            0x01 | 0xd0..=0xd9 => bytes = &bytes[1..],
            _ => {
                let (length, rest) = bytes[1..].split_first_chunk()?;
                let length = usize::from(u16::from_be_bytes(*length)).checked_sub(2)?;
                let (segment, rest) = rest.split_at_checked(length)?;
                return Some((marker, segment, rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(segments: &[(u8, &[u8])]) -> Vec<u8> {
        let mut file = vec![0xff, 0xd8];
        for (marker, data) in segments {
            file.extend([0xff, *marker]);
            file.extend((data.len() as u16 + 2).to_be_bytes());
            file.extend(*data);
        }
        file
    }

    #[test]
    fn exif_is_joined_and_the_last_xmp_counts() {
        let file = file(&[
            (0xe0, b"JFIF\0"),
            (0xe1, b"Exif\0\0II"),
            (0xe1, b"http://ns.adobe.com/xap/1.0/\0one"),
            (0xe1, b"Exif\0\0*\0"),
            (0xe1, b"http://ns.adobe.com/xap/1.0/\0two"),
            (0xda, b""),
            (0xe1, b"Exif\0\0late"),
        ]);
        let found = Metadata::read(&file);
        assert_eq!(found.exif.as_deref(), Some(&b"II*\0"[..]));
        assert_eq!(found.xmp, Some(&b"two"[..]));
    }

    #[test]
    fn damage_ends_the_search() {
        for length in 0..40 {
            let file = file(&[
                (0xe1, b"Exif\0\0II"),
                (0xe1, b"http://ns.adobe.com/xap/1.0/\0one"),
            ]);
            Metadata::read(&file[..length.min(file.len())]);
        }
        assert_eq!(
            Metadata::read(&[0xff, 0xd8, 0xff, 0xe1, 0, 1]),
            Metadata::default()
        );
        assert_eq!(Metadata::read(&[]), Metadata::default());
    }
}
