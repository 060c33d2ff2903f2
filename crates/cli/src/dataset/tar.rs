//! Tars: of class folders, or as webdataset has them, where files of one name up to its first dot
//! are a sample and the one that ends in `.cls` holds the number of its class.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cliplet::Error;
use cliplet::image::FILE_EXTENSIONS;

use super::{Classes, Pictures, Place, hidden};

/// The longest text of a class number, in bytes.
const LONGEST_NUMBER: u64 = 32;
/// The most classes.
const MOST_CLASSES: usize = 1 << 20;
/// Where a tar says that it is one.
const MAGIC: (usize, &[u8]) = (257, b"ustar");

/// Pictures by class.
pub enum Listed {
    /// By the folders in the tar.
    Folders(Classes),
    /// By their numbers.
    Numbered(BTreeMap<usize, Pictures>),
}

/// Whether a file is a tar by its name or its content.
///
/// # Errors
/// [`Error::Io`], and [`Error::Input`] for a compressed one.
pub fn is_tar(path: &Path) -> Result<bool, Error> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(Error::io(path))?;
    let most = (MAGIC.0 + MAGIC.1.len()) as u64;
    file.take(most).read_to_end(&mut start).map_err(Error::io(path))?;
    if start.starts_with(b"\x1f\x8b") || start.starts_with(b"\x28\xb5\x2f\xfd") {
        return Err(Error::Input(format!(
            "{}: compressed tars are not read; unpack it to a .tar first",
            path.display()
        )));
    }
    Ok(path.extension().is_some_and(|e| e == "tar") || start.get(MAGIC.0..) == Some(MAGIC.1))
}

/// A picture on its way to its class: sample, name and place.
struct Picture {
    sample: (usize, String),
    name: String,
    place: Place,
}

/// Lists the pictures of tars by their headers.
pub fn list(paths: &[PathBuf]) -> Result<(Listed, Vec<Mutex<File>>), Error> {
    let mut pictures = Vec::new();
    let mut numbers = HashMap::new();
    let mut opened = Vec::new();
    for (tar, path) in paths.iter().enumerate() {
        let file = File::open(path).map_err(Error::io(path))?;
        let length = file.metadata().map_err(Error::io(path))?.len();
        let mut archive = tar::Archive::new(&file);
        for entry in archive.entries_with_seek().map_err(Error::io(path))? {
            let mut entry = entry.map_err(Error::io(path))?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let name = name.trim_start_matches("./").to_string();
            if !entry.header().entry_type().is_file() || name.split('/').any(hidden) {
                continue;
            }
            let folder = name.rfind('/').map_or(0, |slash| slash + 1);
            let dot = name[folder..].find('.').map_or(name.len(), |dot| folder + dot);
            let sample = (tar, name[..dot].to_string());
            let ending = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
            if name[dot..] == *".cls" {
                numbers.insert(sample, number(&mut entry, path, &name)?);
            } else if FILE_EXTENSIONS.contains(&ending.as_str()) {
                let (offset, size) = (entry.raw_file_position(), entry.size());
                if offset.saturating_add(size) > length {
                    let path = path.display();
                    return Err(Error::Input(format!("{path}: it is cut short at {name}")));
                }
                let place = Place::Tarred { tar, offset, size };
                pictures.push(Picture { sample, name, place });
            }
        }
        opened.push(Mutex::new(file));
    }
    let listed = match numbers.is_empty() {
        true => Listed::Folders(by_folder(pictures)),
        false => Listed::Numbered(by_number(pictures, &numbers, paths)?),
    };
    Ok((listed, opened))
}

/// The class number that a file holds.
fn number(file: &mut impl Read, path: &Path, name: &str) -> Result<usize, Error> {
    let mut text = String::new();
    let path = format!("{}: {name}", path.display());
    file.take(LONGEST_NUMBER)
        .read_to_string(&mut text)
        .map_err(Error::io(&path))?;
    let text = text.trim();
    match text.parse() {
        Ok(number) if number < MOST_CLASSES => Ok(number),
        _ => Err(Error::Input(format!(
            "{path}: \"{text}\" is not the number of a class, from 0 to {}",
            MOST_CLASSES - 1
        ))),
    }
}

fn by_folder(pictures: Vec<Picture>) -> Classes {
    let mut classes = Classes::new();
    for Picture { name, place, .. } in pictures {
        if let Some(class) = name.rsplit('/').nth(1) {
            classes.entry(class.to_string()).or_default().push((name, place));
        }
    }
    classes
}

fn by_number(
    pictures: Vec<Picture>,
    numbers: &HashMap<(usize, String), usize>,
    paths: &[PathBuf],
) -> Result<BTreeMap<usize, Pictures>, Error> {
    let mut classes: BTreeMap<usize, Pictures> = BTreeMap::new();
    for Picture { sample, name, place } in pictures {
        let Some(number) = numbers.get(&sample) else {
            let path = paths[sample.0].display();
            return Err(Error::Input(format!("{path}: {name} has no .cls beside it")));
        };
        classes.entry(*number).or_default().push((name, place));
    }
    Ok(classes)
}
