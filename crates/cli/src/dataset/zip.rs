//! A zip of class folders.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Error as IoError, Read};
use std::path::Path;
use std::sync::Mutex;

use cliplet::Error;
use cliplet::image::MAX_IMAGE_FILE;
use zip::ZipArchive;
use zip::result::ZipError;

use super::archive::{Entry, by_class};
use super::{Classes, Location, is_hidden};

/// An open zip.
pub type Opened = Mutex<ZipArchive<BufReader<File>>>;

/// The images of a zip's class folders.
///
/// # Errors
/// [`Error::Io`], and [`Error::Input`] for a file that is no zip.
pub fn list(path: &Path) -> Result<(Classes, Opened), Error> {
    let not_a_zip = |error: ZipError| {
        let expected = "neither a folder of class folders nor a readable zip or tar of them";
        Error::Input(format!("{}: {expected}: {error}", path.display()))
    };
    let file = File::open(path).map_err(Error::io(path))?;
    let zip = ZipArchive::new(BufReader::new(file)).map_err(not_a_zip)?;
    let names = zip.file_names().collect::<Result<Vec<_>, _>>();
    let names: Vec<String> = names
        .map_err(not_a_zip)?
        .iter()
        .map(|name| name.to_string())
        .collect();
    let parents: HashSet<&str> = names.iter().flat_map(|name| folders(name)).collect();
    let mut entries = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let is_folder = name.ends_with('/');
        let hidden = name.split('/').any(is_hidden);
        // A folder that holds something is known by that.
        if hidden || is_folder && parents.contains(name.as_str()) {
            continue;
        }
        entries.push(Entry {
            name: name.clone(),
            location: (!is_folder).then_some(Location::ZipEntry(index)),
        });
    }
    Ok((by_class(path, entries), Mutex::new(zip)))
}

/// The folders that a name lies in, each with its slash.
fn folders(name: &str) -> impl Iterator<Item = &str> {
    let within = name.strip_suffix('/').unwrap_or(name);
    within.match_indices('/').map(|(slash, _)| &name[..=slash])
}

/// Reads an entry.
///
/// # Errors
/// Those of the zip and its file.
pub fn read(zip: &Opened, index: usize, bytes: &mut Vec<u8>) -> Result<usize, IoError> {
    let mut zip = zip.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let entry = zip.by_index(index).map_err(IoError::other)?;
    entry.take(MAX_IMAGE_FILE).read_to_end(bytes)
}
