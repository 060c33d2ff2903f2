//! Rows that are the picture files of a folder, in the order of their names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cliplet::Error;
use cliplet::image::{FILE_EXTENSIONS, UNSUPPORTED_EXTENSIONS};

use super::row::{Content, Picture, Row};
use super::source::Rows;

/// The name under which files are counted that are no images by their extension.
const OTHER: &str = "other files";

/// One row an image file, its path below the folder; a folder that cannot be listed is one row with the reason.
pub fn rows(folder: &Path) -> Result<Rows, Error> {
    let root = folder.to_path_buf();
    let row = move |(position, file): (u64, Result<PathBuf, Error>)| {
        let content = file.map_err(|error| error.to_string()).map(|file| Content {
            image: Some(Picture::File(
                file.strip_prefix(&root).unwrap_or(&file).to_path_buf(),
            )),
            ..Content::default()
        });
        Ok(Row { content, position })
    };
    Ok(Box::new((1..).zip(Files::new(folder)?).map(row)))
}

/// Whether macOS wrote an entry of this name beside the images: `._x.jpg` holds attributes of `x.jpg`.
fn is_macos_metadata(name: &str) -> bool {
    name.starts_with("._") || name == "__MACOSX"
}

/// Image files of a folder and the folders within it. One folder's names are held at a time, with
/// what is left of those above it; links to folders are not followed. What macOS adds to
/// archives is passed over.
pub struct Files {
    /// What is left of each folder, last name first.
    open: Vec<Vec<(PathBuf, Kind)>>,
    /// Files left out so far, by the name of their format.
    pub left_out: BTreeMap<&'static str, u64>,
}

/// An entry of a folder that is looked at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Image,
    Folder,
}

impl Files {
    /// The files of `folder`.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be listed.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        let mut files = Self {
            open: Vec::new(),
            left_out: BTreeMap::new(),
        };
        files.enter(folder)?;
        Ok(files)
    }

    /// Lists a folder, last name first.
    fn enter(&mut self, folder: &Path) -> Result<(), Error> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
            let entry = entry.map_err(Error::io(folder))?;
            if is_macos_metadata(&entry.file_name().to_string_lossy()) {
                continue;
            }
            let path = entry.path();
            let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
            let extension = extension.to_str().unwrap_or_default();
            if entry.file_type().map_err(Error::io(&path))?.is_dir() {
                found.push((path, Kind::Folder));
            } else if FILE_EXTENSIONS.contains(&extension) {
                found.push((path, Kind::Image));
            } else {
                let named = UNSUPPORTED_EXTENSIONS
                    .iter()
                    .find(|(known, _)| *known == extension);
                let format = named.map_or(OTHER, |(_, format)| format);
                *self.left_out.entry(format).or_default() += 1;
            }
        }
        found.sort_by(|a, b| b.cmp(a));
        self.open.push(found);
        Ok(())
    }

    /// A sentence about the files that were left out, if any were.
    pub fn summary(&self) -> Option<String> {
        let counts = self
            .left_out
            .iter()
            .map(|(format, count)| format!("{count} {format}"));
        let counts: Vec<_> = counts.collect();
        (!counts.is_empty())
            .then(|| format!("left out, being no images that are read: {}", counts.join(", ")))
    }
}

impl Iterator for Files {
    type Item = Result<PathBuf, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((path, kind)) = self.open.last_mut()?.pop() else {
                self.open.pop();
                continue;
            };
            if kind == Kind::Image {
                return Some(Ok(path));
            }
            if let Err(error) = self.enter(&path) {
                return Some(Err(error));
            }
        }
    }
}
