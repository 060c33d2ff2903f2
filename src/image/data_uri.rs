//! Image files as text: base64, bare or in a data URI (RFC 2397). Every shell reads them through this
//! module, so that all of them accept the same.

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};

use crate::{Error, Result};

/// The standard alphabet, with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Returns true for a text that is a data URI, whatever the case of its scheme.
pub fn is_data_uri(text: &str) -> bool {
    text.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// The bytes of a data URI or of bare base64, which may be padded or not and wrapped in lines or not.
///
/// # Errors
/// [`Error::Input`] for a data URI that is not in base64, and for text that is no base64.
pub fn decode_base64(text: &str) -> Result<Vec<u8>> {
    let encoded = if is_data_uri(text) {
        let (head, data) = text.split_once(',').unwrap_or((text, ""));
        if !head.to_ascii_lowercase().ends_with(";base64") {
            return Err(Error::Input(
                "its data URI is not in base64: begin it like \"data:image/png;base64,\"".into(),
            ));
        }
        data
    } else {
        text
    };
    let decoded = if encoded.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let joined: Vec<u8> = encoded
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        BASE64.decode(joined)
    } else {
        BASE64.decode(encoded)
    };
    decoded.map_err(|error| Error::Input(format!("the image is no base64, data URI or URL ({error})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_comes_bare_wrapped_unpadded_or_as_a_data_uri() {
        for text in [
            "aGk=",
            "aGk",
            " aG\nk=",
            "data:image/png;base64,aGk=",
            "DATA:;BASE64,aGk",
        ] {
            assert_eq!(decode_base64(text).unwrap(), b"hi", "{text}");
        }
        for text in ["data:image/png,hi", "data:image/png;base64", "a:b", "aGk=="] {
            let outcome = decode_base64(text);
            assert!(
                outcome.is_err() || outcome.is_ok_and(|file| file.is_empty()),
                "{text}"
            );
        }
    }
}
