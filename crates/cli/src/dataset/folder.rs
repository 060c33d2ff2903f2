//! Data sets in directories: class folders, or the tars of one.

use std::path::{Path, PathBuf};

use cliplet::Error;

use super::{Classes, Pictures, Place, hidden};

/// The pictures of class folders.
pub fn list(path: &Path) -> Result<Classes, Error> {
    let mut classes = Classes::new();
    for folder in entries(path)?.into_iter().filter(|(path, _)| path.is_dir()) {
        let (folder, class) = folder;
        let mut images = Pictures::new();
        add(&folder, &class, &mut images)?;
        classes.insert(class, images);
    }
    Ok(classes)
}

/// Adds the files of a folder and of the folders within it, each under its path below the data set. Links to folders
/// are not followed.
fn add(folder: &Path, name: &str, images: &mut Pictures) -> Result<(), Error> {
    for (path, entry) in entries(folder)? {
        let name = format!("{name}/{entry}");
        if path.is_file() {
            images.push((name, Place::File(path)));
        } else if path.is_dir() && !path.is_symlink() {
            add(&path, &name, images)?;
        }
    }
    Ok(())
}

/// The tars of a data set: in its directory, or in `test` within it where there are none.
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

/// What lies in a directory, hidden files left out.
fn entries(path: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(Error::io(path))? {
        let entry = entry.map_err(Error::io(path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !hidden(&name) {
            found.push((entry.path(), name));
        }
    }
    Ok(found)
}
