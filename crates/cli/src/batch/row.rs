//! One row of input: its content, and how its image is found.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use cliplet::Error;
use cliplet::image::{ImageProcessor, PixelValues, decode_base64, is_data_uri};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::image_fetcher::{ImageFetcher, is_address};

/// The largest row that is read, in bytes.
pub const MAX_ROW_BYTES: u64 = 256 << 20;
/// The longest text that may be a path, in bytes.
const MAX_PATH_BYTES: usize = 4096;
/// First characters of JPEG, PNG, WebP, GIF and BMP files in base64.
const BASE64_STARTS: [&str; 8] = [
    "/9j/",
    "iVBORw0KGgo",
    "UklGR",
    "R0lGOD",
    "Qk0",
    "Qk1",
    "Qk2",
    "Qk3",
];

/// The error of an input called `name` that ends in the middle of `part`.
pub fn cut_short(name: &str, part: &str, reason: &str) -> Error {
    let reason = format!(
        "it ends in the middle of {part} ({reason}): it was cut short; complete it and give the command again"
    );
    Error::io(name)(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, reason))
}

/// Rows of an input; an error ends them.
pub type Rows = Box<dyn Iterator<Item = Result<Row, Error>> + Send>;

/// One row, as the readers of all formats return it.
pub struct Row {
    /// The fields, or the reason why they cannot be read.
    pub content: Result<Content, String>,
    /// Position of the row's end in the input, in the unit of the input's total.
    pub position: u64,
}

/// The fields of a row. Both image and text may be missing: the task decides later whether that is an error.
#[derive(Default)]
pub struct Content {
    /// Copied into the answer.
    pub id: Option<Value>,
    pub image: Option<RowImage>,
    pub text: Option<String>,
}

/// An image as a row names or holds it.
pub enum RowImage {
    /// A file below the root.
    File(PathBuf),
    /// A path, a data URI or base64.
    Given(String),
    /// The bytes of an image file.
    Bytes(Vec<u8>),
}

impl Row {
    /// A number that distinguishes this row from others: a resumed run compares it with that of the row it answered.
    /// A named image counts with its full path below `root`, so images of the same name in two folders differ.
    pub fn fingerprint(&self, root: &Path) -> u64 {
        let Content { id, image, text } = match &self.content {
            Ok(content) => content,
            Err(reason) => return xxh3_64(reason.as_bytes()),
        };
        let image = match image {
            None => 0,
            Some(RowImage::File(path)) => hash_path(&root.join(path)),
            Some(RowImage::Given(text)) if is_inline(text, root) => xxh3_64(text.as_bytes()),
            Some(RowImage::Given(text)) if is_address(text) => xxh3_64(text.as_bytes()),
            Some(RowImage::Given(text)) => hash_path(&root.join(text)),
            Some(RowImage::Bytes(bytes)) => xxh3_64(bytes),
        };
        let hash = |text: Option<&[u8]>| text.map_or(0, xxh3_64);
        let id = id.as_ref().map(Value::to_string);
        let parts = [
            image,
            hash(text.as_ref().map(String::as_bytes)),
            hash(id.as_ref().map(String::as_bytes)),
        ];
        xxh3_64(&parts.map(u64::to_le_bytes).concat())
    }

    /// The path of the image file that the row names; none where it holds its image or names another kind of thing.
    pub fn image_file(&self, root: &Path) -> Option<PathBuf> {
        match self.content.as_ref().ok()?.image.as_ref()? {
            RowImage::File(path) => Some(root.join(path)),
            RowImage::Given(text) if is_inline(text, root) || is_address(text) => None,
            RowImage::Given(text) => Some(root.join(text)),
            RowImage::Bytes(_) => None,
        }
    }

    /// Approximate size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        let Ok(Content { image, text, .. }) = &self.content else {
            return 0;
        };
        let image = match image {
            Some(RowImage::Given(text)) => text.len(),
            Some(RowImage::Bytes(bytes)) => bytes.len(),
            _ => 0,
        };
        image + text.as_ref().map_or(0, String::len)
    }
}

impl RowImage {
    /// The path by which an answer names the image; images within their row have none.
    pub fn name(&self, root: &Path) -> Option<Cow<'_, str>> {
        match self {
            Self::File(path) => Some(path.to_string_lossy()),
            Self::Given(text) if !is_inline(text, root) => Some(text.into()),
            Self::Given(_) | Self::Bytes(_) => None,
        }
    }

    /// Reads and preprocesses the image; relative paths start from `root`, and addresses are fetched by `fetcher`.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Image`] with the path, or "base64".
    pub fn read(
        &self,
        root: &Path,
        processor: &ImageProcessor,
        fetcher: Option<&ImageFetcher>,
    ) -> Result<PixelValues, Error> {
        match self {
            Self::File(path) => read_file(&root.join(path), processor),
            Self::Given(text) if is_address(text) => {
                let fetcher = fetcher.ok_or_else(|| {
                    let reason = "addresses in rows are fetched with --allow-url-images only";
                    Error::image(text, reason)
                })?;
                let bytes = fetcher.fetch(text, |_, _| {})?;
                processor.preprocess(&bytes).map_err(|error| error.in_file(text))
            }
            Self::Given(text) if is_inline(text, root) => {
                let bytes = decode_base64(text).map_err(|error| match error {
                    Error::Input(reason) => Error::image("base64", reason),
                    other => other,
                })?;
                processor.preprocess(&bytes)
            }
            Self::Given(text) => read_file(&root.join(text), processor),
            Self::Bytes(bytes) => processor.preprocess(bytes),
        }
    }
}

fn hash_path(path: &Path) -> u64 {
    xxh3_64(path.as_os_str().as_encoded_bytes())
}

/// Returns whether `text` is the image itself, not its path.
fn is_inline(text: &str, root: &Path) -> bool {
    let encoded = || BASE64_STARTS.iter().any(|start| text.starts_with(start)) && !root.join(text).is_file();
    is_data_uri(text) || text.len() > MAX_PATH_BYTES || encoded()
}

fn read_file(path: &Path, processor: &ImageProcessor) -> Result<PixelValues, Error> {
    let metadata = std::fs::metadata(path).map_err(Error::io(path))?;
    if !metadata.is_file() {
        return Err(Error::image(path.display().to_string(), "this is not a file"));
    }
    processor.preprocess_input(path.into())
}
