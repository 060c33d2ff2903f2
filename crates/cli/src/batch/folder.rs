//! Rows that are the picture files of a folder, in the order of their names.

use std::path::{Path, PathBuf};

use cliplet::Error;

use super::row::{Content, Picture, Row};
use super::source::Rows;

/// Endings of the files that are taken.
const ENDINGS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "gif", "bmp"];

/// One row a picture file, its path below the folder.
pub fn rows(folder: &Path) -> Result<Rows, Error> {
    let root = folder.to_path_buf();
    let row = move |(position, file): (u64, Result<PathBuf, Error>)| {
        let file = file?;
        let image = file.strip_prefix(&root).unwrap_or(&file).to_path_buf();
        Ok(Row {
            content: Ok(Content {
                image: Some(Picture::File(image)),
                ..Content::default()
            }),
            position,
        })
    };
    Ok(Box::new((1..).zip(Files::new(folder)?).map(row)))
}

/// Picture files of a folder and the folders within it. One folder's names are held at a time, with
/// what is left of those above it; links to folders are not followed.
pub struct Files {
    /// What is left of each folder, last name first.
    open: Vec<Vec<(PathBuf, bool)>>,
}

impl Files {
    /// The files of `folder`.
    pub fn new(folder: &Path) -> Result<Self, Error> {
        Ok(Self {
            open: vec![list(folder)?],
        })
    }
}

impl Iterator for Files {
    type Item = Result<PathBuf, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some((path, is_folder)) = self.open.last_mut()?.pop() else {
                self.open.pop();
                continue;
            };
            if !is_folder {
                return Some(Ok(path));
            }
            match list(&path) {
                Ok(within) => self.open.push(within),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Pictures and folders in a folder, and which they are, last name first.
fn list(folder: &Path) -> Result<Vec<(PathBuf, bool)>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?;
        let path = entry.path();
        let is_folder = entry.file_type().map_err(Error::io(&path))?.is_dir();
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        if is_folder || ENDINGS.iter().any(|known| ending == *known) {
            found.push((path, is_folder));
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found)
}
