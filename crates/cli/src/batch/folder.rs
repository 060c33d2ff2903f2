//! Rows that are the image files of a folder, in the order of their names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cliplet::Error;
use cliplet::image::{FILE_EXTENSIONS, UNSUPPORTED_EXTENSIONS};
use walkdir::{DirEntry, WalkDir};

use super::row::{Content, Row, RowImage, Rows};

/// The name under which files are counted whose extension is of no image format.
const OTHER_FILES: &str = "other files";
/// The name under which entries are counted that macOS writes beside images in archives and on foreign disks.
const MACOS_METADATA: &str = "macOS metadata";

/// One row an image file, its path below the folder; a folder that cannot be listed is one row with the reason.
///
/// # Errors
/// [`Error::Io`] where `folder` itself cannot be listed.
pub fn rows(folder: &Path) -> Result<Rows, Error> {
    let root = folder.to_path_buf();
    let row = move |(position, file): (u64, Result<PathBuf, Error>)| {
        let content = file.map_err(|error| error.to_string()).map(|file| Content {
            image: Some(RowImage::File(
                file.strip_prefix(&root).unwrap_or(&file).to_path_buf(),
            )),
            ..Content::default()
        });
        Ok(Row { content, position })
    };
    Ok(Box::new((1..).zip(ImageFiles::new(folder)?).map(row)))
}

/// Image files of a folder and the folders within it, with an error for each folder that cannot be listed. Links to
/// folders are not followed.
pub struct ImageFiles {
    entries: walkdir::IntoIter,
    /// Files left out so far, by the name of their format.
    left_out: BTreeMap<&'static str, u64>,
}

impl ImageFiles {
    /// The files of `folder`.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be listed.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        std::fs::read_dir(folder).map_err(Error::io(folder))?;
        let entries = WalkDir::new(folder).min_depth(1).sort_by_file_name();
        Ok(Self {
            entries: entries.into_iter(),
            left_out: BTreeMap::new(),
        })
    }

    /// A sentence about the files that were left out so far, if any were.
    pub fn left_out(&self) -> Option<String> {
        let counts = self.left_out.iter();
        let counts: Vec<_> = counts
            .map(|(format, count)| format!("{count} {format}"))
            .collect();
        (!counts.is_empty())
            .then(|| format!("left out, being no images that are read: {}", counts.join(", ")))
    }

    /// The name under which an entry is counted as left out; none for an image file.
    fn reason_to_leave_out(entry: &DirEntry) -> Option<&'static str> {
        if is_macos_metadata(entry) {
            return Some(MACOS_METADATA);
        }
        let extension = entry.path().extension().unwrap_or_default().to_ascii_lowercase();
        let extension = extension.to_str().unwrap_or_default();
        if FILE_EXTENSIONS.contains(&extension) {
            return None;
        }
        let mut unsupported = UNSUPPORTED_EXTENSIONS.iter();
        let unsupported = unsupported.find(|(known, _)| *known == extension);
        Some(unsupported.map_or(OTHER_FILES, |(_, format)| format))
    }
}

impl Iterator for ImageFiles {
    type Item = Result<PathBuf, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.entries.next()? {
                Ok(entry) => entry,
                Err(error) => return Some(Err(walk_error(error))),
            };
            let is_folder = entry.file_type().is_dir();
            if is_folder && !is_macos_metadata(&entry) {
                continue;
            }
            match Self::reason_to_leave_out(&entry) {
                None => return Some(Ok(entry.into_path())),
                Some(reason) => *self.left_out.entry(reason).or_default() += 1,
            }
            if is_folder {
                self.entries.skip_current_dir();
            }
        }
    }
}

/// Whether macOS wrote an entry beside the images: `._x.jpg` holds attributes of `x.jpg`.
fn is_macos_metadata(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    name.starts_with("._") || name == "__MACOSX"
}

/// The error of an entry that cannot be listed, with its path.
fn walk_error(error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(Path::new("")).to_path_buf();
    let source = error.into_io_error();
    Error::io(path)(source.unwrap_or_else(|| std::io::Error::other("a link to a folder that holds it")))
}
