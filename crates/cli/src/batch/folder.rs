//! Rows that are the image files of a folder, in the order of their names.

use std::path::{Path, PathBuf};

use cliplet::Error;
use walkdir::WalkDir;

use super::row::{Content, Row, RowImage, Rows};
use crate::left_out::{LeftOut, macos_metadata, reason_to_leave_out};

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
    /// Files left out so far.
    pub left_out: LeftOut,
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
            left_out: LeftOut::default(),
        })
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
            let reason = match macos_metadata(&entry.file_name().to_string_lossy()) {
                None if is_folder => continue,
                None => reason_to_leave_out(entry.path()),
                reason => reason,
            };
            match reason {
                None => return Some(Ok(entry.into_path())),
                Some(reason) => self.left_out.add(reason),
            }
            if is_folder {
                self.entries.skip_current_dir();
            }
        }
    }
}

/// The error of an entry that cannot be listed, with its path.
fn walk_error(error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(Path::new("")).to_path_buf();
    let source = error.into_io_error();
    Error::io(path)(source.unwrap_or_else(|| std::io::Error::other("a link to a folder that holds it")))
}
