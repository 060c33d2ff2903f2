//! Counts of the files that a run over a folder or an archive leaves out.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use cliplet::image::{FILE_EXTENSIONS, UNSUPPORTED_EXTENSIONS, has_image_signature};

/// The name under which files are counted whose extension is of no image format.
const OTHER_FILES: &str = "other files";
/// The name under which entries are counted that macOS writes beside images in archives and on foreign disks.
const MACOS_METADATA: &str = "macOS metadata";

/// Bytes at the start of a file that tell its format.
const SIGNATURE_BYTES: u64 = 64;

/// Numbers of files left out, by the name of their format.
#[derive(Default)]
pub struct LeftOut(BTreeMap<&'static str, u64>);

impl LeftOut {
    /// Counts one file or folder that is left out as `format`.
    pub fn add(&mut self, format: &'static str) {
        *self.0.entry(format).or_default() += 1;
    }

    /// True where nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A sentence about the files, such as "left out, being no images that are read: 1 HEIC, 2 other files; convert HEIC to
/// JPEG or PNG".
impl fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0.iter().map(|(format, count)| format!("{count} {format}"));
        let counts: Vec<_> = counts.collect();
        let counts = counts.join(", ");
        write!(formatter, "left out, being no images that are read: {counts}")?;
        let formats = UNSUPPORTED_EXTENSIONS.iter().map(|(_, format)| *format);
        let images: Vec<_> = self
            .0
            .keys()
            .copied()
            .filter(|left| formats.clone().any(|format| format == *left))
            .collect();
        match images[..] {
            [] => Ok(()),
            _ => write!(formatter, "; convert {} to JPEG or PNG", images.join(", ")),
        }
    }
}

/// The name under which a file is counted that is left out; none for an image. Extensions decide, and the first bytes
/// of a file that has no extension.
pub fn reason_to_leave_out(path: &Path) -> Option<&'static str> {
    match path.extension() {
        None if starts_as_image(path) => None,
        None => Some(OTHER_FILES),
        Some(extension) => reason_by_extension(&extension.to_string_lossy()),
    }
}

/// The name under which a file with this extension is counted that is left out; none for an image.
pub fn reason_by_extension(extension: &str) -> Option<&'static str> {
    let extension = extension.to_ascii_lowercase();
    if FILE_EXTENSIONS.contains(&extension.as_str()) {
        return None;
    }
    let mut unsupported = UNSUPPORTED_EXTENSIONS.iter();
    let unsupported = unsupported.find(|(known, _)| *known == extension);
    Some(unsupported.map_or(OTHER_FILES, |(_, format)| format))
}

/// Returns whether a regular file has the signature of an image. One that cannot be read has not.
fn starts_as_image(path: &Path) -> bool {
    let is_file = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    let mut start = Vec::new();
    let read = |file: File| file.take(SIGNATURE_BYTES).read_to_end(&mut start).is_ok();
    is_file && File::open(path).is_ok_and(read) && has_image_signature(&start)
}

/// [`MACOS_METADATA`] where macOS wrote an entry of this name beside the images: `._x.jpg` holds attributes of `x.jpg`.
pub fn macos_metadata(name: &str) -> Option<&'static str> {
    (name.starts_with("._") || name == "__MACOSX").then_some(MACOS_METADATA)
}
