//! Data sets in folders: class folders, or the tars of one.

use std::path::{Path, PathBuf};

use cliplet::Error;
use walkdir::{DirEntry, WalkDir};

use super::{ClassImages, Classes, Location, is_hidden};

/// The images of class folders and of the folders within them, each under its path below the data set. A folder that
/// cannot be listed counts as one image that cannot be read.
///
/// # Errors
/// [`Error::Io`] where the data set's own folder cannot be listed.
pub fn list(path: &Path) -> Result<Classes, Error> {
    let mut classes = Classes::new();
    for (folder, class) in entries(path)? {
        if folder.is_dir() {
            let images = images(&folder, &class);
            classes.insert(class, images);
        }
    }
    Ok(classes)
}

/// The files within a class folder. Links to folders are not followed.
fn images(folder: &Path, class: &str) -> ClassImages {
    let name = |path: &Path| {
        let within = path.strip_prefix(folder).unwrap_or(path);
        let parts = within.components().map(|part| part.as_os_str().to_string_lossy());
        let parts: Vec<_> = std::iter::once(class.into()).chain(parts).collect();
        parts.join("/")
    };
    let is_part = |entry: &DirEntry| entry.depth() == 0 || !is_hidden(&entry.file_name().to_string_lossy());
    let walk = WalkDir::new(folder).into_iter().filter_entry(is_part);
    let image = |entry: walkdir::Result<DirEntry>| match entry {
        Ok(entry) if entry.path().is_file() => Some((name(entry.path()), Location::File(entry.into_path()))),
        Ok(_) => None,
        Err(error) => {
            let name = name(error.path().unwrap_or(folder));
            let reason = error.into_io_error().map(|error| error.to_string());
            Some((name, Location::Unlisted(reason.unwrap_or_default())))
        }
    };
    walk.filter_map(image).collect()
}

/// The tars of a data set: those in its folder, or in `test` within it where there are none.
///
/// # Errors
/// [`Error::Io`] where a folder cannot be listed.
pub fn tars(path: &Path) -> Result<Vec<PathBuf>, Error> {
    for folder in [path.to_path_buf(), path.join("test")] {
        if !folder.is_dir() {
            continue;
        }
        let files = entries(&folder)?.into_iter().map(|(path, _)| path);
        let mut tars: Vec<_> = files
            .filter(|file| file.extension().is_some_and(|e| e == "tar") && file.is_file())
            .collect();
        if !tars.is_empty() {
            tars.sort();
            return Ok(tars);
        }
    }
    Ok(vec![])
}

/// The paths and names in a folder, hidden ones left out.
fn entries(path: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(Error::io(path))? {
        let entry = entry.map_err(Error::io(path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_hidden(&name) {
            found.push((entry.path(), name));
        }
    }
    Ok(found)
}
