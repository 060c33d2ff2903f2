//! A zip of class folders.

use std::fs::File;
use std::io::{BufReader, Error as IoError, Read};
use std::path::Path;
use std::sync::Mutex;

use cliplet::Error;
use zip::ZipArchive;
use zip::result::ZipError;

use super::{Classes, Place, hidden};
use cliplet::image::MAX_IMAGE_FILE;

/// An open zip.
pub type Opened = Mutex<ZipArchive<BufReader<File>>>;

/// The pictures of a zip's class folders.
pub fn list(path: &Path) -> Result<(Classes, Opened), Error> {
    let broken = |error: ZipError| {
        let kinds = "neither a directory of class folders nor a readable zip or tar of them";
        Error::Input(format!("{}: {kinds}: {error}", path.display()))
    };
    let file = File::open(path).map_err(Error::io(path))?;
    let zip = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let mut classes = Classes::new();
    let names = zip.file_names().collect::<Result<Vec<_>, _>>().map_err(broken)?;
    for (index, name) in names.iter().enumerate() {
        let parts: Vec<_> = name.trim_end_matches('/').split('/').collect();
        if parts.iter().any(|part| hidden(part)) {
            continue;
        }
        match parts[..] {
            [.., class, _] if !name.ends_with('/') => {
                let pictures = classes.entry(class.to_string()).or_default();
                pictures.push((name.to_string(), Place::Zipped(index)));
            }
            // A folder that holds nothing at all is a class without pictures; others hold classes.
            [.., class]
                if !names
                    .iter()
                    .any(|other| other != name && other.starts_with(&**name)) =>
            {
                classes.entry(class.to_string()).or_default();
            }
            _ => {}
        }
    }
    Ok((classes, Mutex::new(zip)))
}

/// Reads an entry.
pub fn read(zip: &Opened, index: usize, bytes: &mut Vec<u8>) -> Result<usize, IoError> {
    let mut zip = zip.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let entry = zip.by_index(index).map_err(IoError::other)?;
    entry.take(MAX_IMAGE_FILE).read_to_end(bytes)
}
