//! Pictures sorted into classes: a directory of class folders, or a zip of one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cliplet::Error;
use zip::ZipArchive;

use super::io_error;
use super::pictures::LARGEST_FILE;

/// Where a picture's bytes are.
#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    Entry(usize),
}

/// One picture and its class.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Path below the data set.
    pub name: String,
    /// Index of its class.
    pub class: usize,
    place: Place,
}

/// Every picture of a data set, sorted by class and name.
pub struct Dataset {
    /// Names of the class folders, sorted.
    pub classes: Vec<String>,
    /// The pictures.
    pub samples: Vec<Sample>,
    zip: Option<Mutex<ZipArchive<BufReader<File>>>>,
    path: PathBuf,
}

impl Dataset {
    /// Lists a data set without reading a picture.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::Input`] where it holds no class folder or one
    /// without a picture.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (classes, zip) = if path.is_dir() {
            (list_directory(path)?, None)
        } else {
            list_zip(path)?
        };
        if classes.is_empty() {
            return Err(Error::Input(format!(
                "{}: there are no class folders with pictures in it",
                path.display()
            )));
        }
        if let Some((class, _)) = classes.iter().find(|(_, places)| places.is_empty()) {
            return Err(Error::Input(format!(
                "{}: the class folder {class} is empty",
                path.display()
            )));
        }
        let names = classes.keys().cloned().collect();
        let samples = classes.into_values().enumerate().flat_map(|(class, mut places)| {
            places.sort_by(|a, b| a.0.cmp(&b.0));
            places
                .into_iter()
                .map(move |(name, place)| Sample { name, class, place })
        });
        Ok(Self {
            classes: names,
            samples: samples.collect(),
            zip,
            path: path.to_path_buf(),
        })
    }

    /// Bytes of one picture.
    pub fn read(&self, sample: &Sample) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        match (&sample.place, &self.zip) {
            (Place::Entry(index), Some(zip)) => {
                let mut zip = zip.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                let entry = zip
                    .by_index(*index)
                    .map_err(|error| broken_zip(&self.path, &error))?;
                entry.take(LARGEST_FILE).read_to_end(&mut bytes)
            }
            (Place::File(path), _) => {
                File::open(path).and_then(|f| f.take(LARGEST_FILE).read_to_end(&mut bytes))
            }
            (Place::Entry(_), None) => Ok(0),
        }
        .map_err(io_error(&sample.name))?;
        Ok(bytes)
    }
}

/// The pictures of each class folder.
type Classes = BTreeMap<String, Vec<(String, Place)>>;

fn hidden(name: &str) -> bool {
    name.starts_with('.') || name.starts_with("__MACOSX")
}

fn list_directory(path: &Path) -> Result<Classes, Error> {
    let mut classes = Classes::new();
    for folder in entries(path)?.into_iter().filter(|(path, _)| path.is_dir()) {
        let (folder, class) = folder;
        let files = entries(&folder)?.into_iter().filter(|(path, _)| path.is_file());
        let places = files
            .map(|(path, name)| (format!("{class}/{name}"), Place::File(path)))
            .collect();
        classes.insert(class, places);
    }
    Ok(classes)
}

/// What lies in a directory, hidden files left out.
fn entries(path: &Path) -> Result<Vec<(PathBuf, String)>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(io_error(path))? {
        let entry = entry.map_err(io_error(path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !hidden(&name) {
            found.push((entry.path(), name));
        }
    }
    Ok(found)
}

type Zipped = (Classes, Option<Mutex<ZipArchive<BufReader<File>>>>);

fn list_zip(path: &Path) -> Result<Zipped, Error> {
    let file = File::open(path).map_err(io_error(path))?;
    let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| broken_zip(path, &error))?;
    let mut classes = Classes::new();
    let names = zip.file_names().collect::<Result<Vec<_>, _>>();
    let names = names.map_err(|error| broken_zip(path, &error))?;
    for (index, name) in names.iter().enumerate() {
        let parts: Vec<_> = name.trim_end_matches('/').split('/').collect();
        if parts.iter().any(|part| hidden(part)) {
            continue;
        }
        match parts[..] {
            [.., class, _] if !name.ends_with('/') => {
                classes
                    .entry(class.to_string())
                    .or_default()
                    .push((name.to_string(), Place::Entry(index)));
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
    Ok((classes, Some(Mutex::new(zip))))
}

fn broken_zip(path: &Path, error: &zip::result::ZipError) -> Error {
    let reason = format!("neither a directory of class folders nor a readable zip of them: {error}");
    Error::Input(format!("{}: {reason}", path.display()))
}
