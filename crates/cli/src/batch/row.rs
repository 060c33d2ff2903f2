//! One row of input: what it holds, and how its picture is found.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use cliplet::Error;
use cliplet::image::{ImageProcessor, PixelValues, decode_base64, is_data_uri};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

/// The longest text that may be a path, in bytes.
const LONGEST_PATH: usize = 4096;
/// How base64 of JPEG, PNG, WebP, GIF and BMP files begins.
const ENCODED: [&str; 8] = [
    "/9j/",
    "iVBORw0KGgo",
    "UklGR",
    "R0lGOD",
    "Qk0",
    "Qk1",
    "Qk2",
    "Qk3",
];

/// One row, as every kind of input gives it.
pub struct Row {
    /// What it holds, or why it cannot be read.
    pub content: Result<Content, String>,
    /// How far into the input its end lies, in the unit of the input's total.
    pub position: u64,
}

/// What a row holds. A row without picture and text is told so later, by what is done with it.
#[derive(Default)]
pub struct Content {
    /// Carried into the answer as it is.
    pub id: Option<Value>,
    pub image: Option<Picture>,
    pub text: Option<String>,
}

/// A picture as a row names or holds it.
pub enum Picture {
    /// A file of a folder.
    File(PathBuf),
    /// A path, a data URI or base64.
    Given(String),
    /// The picture itself.
    Bytes(Vec<u8>),
}

impl Row {
    /// A number that tells this row from another: a resumed run compares it with the row it saw. A
    /// picture that is named is told by its path from `root`, so that one of the same name in another
    /// folder is another.
    pub fn mark(&self, root: &Path) -> u64 {
        let Content { id, image, text } = match &self.content {
            Ok(content) => content,
            Err(reason) => return xxh3_64(reason.as_bytes()),
        };
        let image = match image {
            None => 0,
            Some(Picture::File(path)) => of_path(&root.join(path)),
            Some(Picture::Given(text)) if is_inline(text, root) => xxh3_64(text.as_bytes()),
            Some(Picture::Given(text)) => of_path(&root.join(text)),
            Some(Picture::Bytes(bytes)) => xxh3_64(bytes),
        };
        let of = |text: Option<&[u8]>| text.map_or(0, xxh3_64);
        let id = id.as_ref().map(Value::to_string);
        let parts = [
            image,
            of(text.as_ref().map(String::as_bytes)),
            of(id.as_ref().map(String::as_bytes)),
        ];
        xxh3_64(&parts.map(u64::to_le_bytes).concat())
    }

    /// Bytes it takes in memory, roughly.
    pub fn bytes(&self) -> usize {
        let Ok(Content { image, text, .. }) = &self.content else {
            return 0;
        };
        let image = match image {
            Some(Picture::Given(text)) => text.len(),
            Some(Picture::Bytes(bytes)) => bytes.len(),
            _ => 0,
        };
        image + text.as_ref().map_or(0, String::len)
    }
}

impl Picture {
    /// The path by which an answer names it; pictures that came within their row have none.
    pub fn name(&self, root: &Path) -> Option<Cow<'_, str>> {
        match self {
            Self::File(path) => Some(path.to_string_lossy()),
            Self::Given(text) if !is_inline(text, root) => Some(text.into()),
            Self::Given(_) | Self::Bytes(_) => None,
        }
    }

    /// Reads and preprocesses it; paths start from `root`.
    pub fn read(&self, root: &Path, processor: &ImageProcessor) -> Result<PixelValues, Error> {
        match self {
            Self::File(path) => read_file(&root.join(path), processor),
            Self::Given(text) if text.starts_with("http://") || text.starts_with("https://") => Err(
                unreadable(text, "addresses are not fetched; give a path or base64"),
            ),
            Self::Given(text) if is_inline(text, root) => {
                let bytes = decode_base64(text).map_err(|error| match error {
                    Error::Input(reason) => unreadable("base64", &reason),
                    other => other,
                })?;
                processor.preprocess(&bytes)
            }
            Self::Given(text) => read_file(&root.join(text), processor),
            Self::Bytes(bytes) => processor.preprocess(bytes),
        }
    }
}

fn of_path(path: &Path) -> u64 {
    xxh3_64(path.as_os_str().as_encoded_bytes())
}

fn unreadable(file: &str, reason: &str) -> Error {
    Error::Image {
        file: file.into(),
        reason: reason.into(),
    }
}

/// Whether `text` is the picture, not its path.
fn is_inline(text: &str, root: &Path) -> bool {
    let encoded = || ENCODED.iter().any(|start| text.starts_with(start)) && !root.join(text).is_file();
    is_data_uri(text) || text.len() > LONGEST_PATH || encoded()
}

fn read_file(path: &Path, processor: &ImageProcessor) -> Result<PixelValues, Error> {
    let metadata = std::fs::metadata(path).map_err(Error::io(path))?;
    if !metadata.is_file() {
        return Err(unreadable(&path.display().to_string(), "this is not a file"));
    }
    processor.preprocess_input(path.into())
}
