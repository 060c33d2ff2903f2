//! The forms in which requests give images: base64, a data URI, a URL, or the file itself.

use bytes::Bytes;
use cliplet::Result;
use cliplet::image::{decode_base64, is_data_uri};

/// An image as a request gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ImageInput {
    /// Base64, a data URI or a URL.
    Text(String),
    /// The file itself.
    File(Bytes),
}

/// Returns true for a URL of any scheme but `data:`. Base64 has no colon.
pub(crate) fn is_url(text: &str) -> bool {
    text.contains("://") && !is_data_uri(text)
}

/// The file in base64 or in a data URI.
///
/// # Errors
/// [`cliplet::Error::Input`] for text that is neither.
pub(crate) fn decode_image_text(text: &str) -> Result<Bytes> {
    decode_base64(text).map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_told_from_base64_and_data() {
        assert!(is_url("https://example.com/a.png") && is_url("file:///etc/passwd"));
        assert!(!is_url("aGk=") && !is_url("data:image/svg+xml,http://x"));
    }
}
