//! How requests give pictures: base64, a data URI, a URL, or plain bytes; and how those of one request
//! become what the image tower takes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::App;
use super::engine::ImagePlaces;
use super::problem::Problem;
use cliplet::image::PixelValues;

/// Pictures of one request that are fetched or waiting for the pool at a time.
const AT_ONCE: usize = 16;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A picture as a request gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// Base64, a data URI or a URL.
    Text(String),
    /// The file itself.
    File(Bytes),
}

/// How messages name the pictures or texts of a request.
#[derive(Debug, Clone, Copy)]
pub struct Naming<'a> {
    /// What they are called, such as `row`.
    pub what: &'a str,
    /// Their numbers in the request; none where they are counted from 0.
    pub numbers: &'a [usize],
}

impl<'a> Naming<'a> {
    /// Counts from 0.
    pub fn counted(what: &'a str) -> Self {
        Self { what, numbers: &[] }
    }

    /// Such as `row 3`.
    pub fn name(&self, i: usize) -> String {
        format!("{} {}", self.what, self.numbers.get(i).unwrap_or(&i))
    }
}

impl App {
    /// Embeds the pictures of one request in order, not normalised.
    pub(super) async fn embed_pictures(
        &self,
        pictures: Vec<Picture>,
        naming: Naming<'_>,
    ) -> Result<Vec<Vec<f32>>, Problem> {
        let places: ImagePlaces = self.engine.reserve_images(pictures.len())?;
        let pixels = stream::iter(pictures.into_iter().enumerate())
            .map(|(i, picture)| async move {
                let pixels = self.pixels(picture).await;
                pixels.map_err(|problem| problem.at(&naming.name(i)))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(places.run(pixels).await?)
    }

    async fn pixels(&self, picture: Picture) -> Result<PixelValues, Problem> {
        let picture = match picture {
            Picture::Text(text) if is_url(&text) => match &self.fetcher {
                Some(fetcher) => Picture::File(fetcher.fetch(&text).await?),
                None => {
                    return Err(Problem::invalid(
                        "this server fetches no pictures: send base64, or start it with --allow-url-images",
                    ));
                }
            },
            given => given,
        };
        let processor = self.engine.processor();
        let prepare = move || {
            let file = match picture {
                Picture::File(file) => file,
                Picture::Text(text) => decode(&text)?,
            };
            Ok(processor.preprocess(&file)?)
        };
        self.engine.on_pool(prepare).await?
    }
}

/// Whether a text is a URL of any scheme but `data:`. Base64 has no colon.
fn is_url(text: &str) -> bool {
    text.contains("://") && !is_data_uri(text)
}

/// Whether a text is a data URI.
pub fn is_data_uri(text: &str) -> bool {
    text.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

fn decode(text: &str) -> Result<Bytes, Problem> {
    let encoded = if is_data_uri(text) {
        let (head, data) = text.split_once(',').unwrap_or((text, ""));
        if !head.to_ascii_lowercase().ends_with(";base64") {
            return Err(Problem::invalid(
                "its data URI is not in base64: begin it like \"data:image/png;base64,\"",
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
    let file = decoded
        .map_err(|error| Problem::invalid(format!("the image is no base64, data URI or URL ({error})")))?;
    Ok(file.into())
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
            assert_eq!(decode(text).unwrap(), "hi", "{text}");
        }
        for text in ["data:image/png,hi", "data:image/png;base64", "a:b", "aGk=="] {
            let outcome = decode(text);
            assert!(
                outcome.is_err() || outcome.is_ok_and(|file| file.is_empty()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_url_is_told_from_base64_and_data() {
        assert!(is_url("https://example.com/a.png") && is_url("file:///etc/passwd"));
        assert!(!is_url("aGk=") && !is_url("data:image/svg+xml,http://x"));
    }
}
