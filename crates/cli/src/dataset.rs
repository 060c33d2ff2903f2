//! Pictures sorted into classes: a directory of class folders, a zip or a tar of one, or webdataset
//! tars, whose samples carry the numbers of their classes.

mod folder;
mod tar;
mod zip;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cliplet::Error;

use cliplet::image::MAX_IMAGE_FILE;

/// Where a picture's bytes are.
#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    /// Entry of the zip.
    Zipped(usize),
    /// Bytes of one of the tars.
    Tarred {
        tar: usize,
        offset: u64,
        size: u64,
    },
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
    /// Names of the class folders, sorted, or numbers from 0.
    pub classes: Vec<String>,
    /// Whether classes are numbers: then there may be more of them than have pictures.
    pub numbered: bool,
    /// The pictures.
    pub samples: Vec<Sample>,
    archive: Archive,
}

/// What pictures are read from.
enum Archive {
    None,
    Zip(zip::Opened),
    Tars(Vec<Mutex<File>>),
}

/// The pictures of each class: name and place.
type Pictures = Vec<(String, Place)>;
type Classes = BTreeMap<String, Pictures>;

impl Dataset {
    /// Lists a data set without reading a picture.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::Input`] where it holds no class or a folder
    /// without a picture.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let tars = match path.is_dir() {
            true => folder::tars(path)?,
            false if tar::is_tar(path)? => vec![path.to_path_buf()],
            false => vec![],
        };
        let (classes, archive) = if !tars.is_empty() {
            match tar::list(&tars)? {
                (tar::Listed::Folders(classes), opened) => (classes, Archive::Tars(opened)),
                (tar::Listed::Numbered(classes), opened) => {
                    return Ok(Self::numbered(classes, Archive::Tars(opened)));
                }
            }
        } else if path.is_dir() {
            (folder::list(path)?, Archive::None)
        } else {
            let (classes, opened) = zip::list(path)?;
            (classes, Archive::Zip(opened))
        };
        let refuse = |what: String| Err(Error::Input(format!("{}: {what}", path.display())));
        if classes.is_empty() {
            return refuse("there are no class folders with pictures in it".into());
        }
        if let Some((class, _)) = classes.iter().find(|(_, pictures)| pictures.is_empty()) {
            return refuse(format!("the class folder {class} is empty"));
        }
        let names = classes.keys().cloned().collect();
        Ok(Self {
            classes: names,
            numbered: false,
            samples: samples(classes.into_values().enumerate()),
            archive,
        })
    }

    fn numbered(classes: BTreeMap<usize, Pictures>, archive: Archive) -> Self {
        let mut data = Self {
            classes: Vec::new(),
            numbered: true,
            samples: samples(classes.into_iter()),
            archive,
        };
        data.at_least(data.samples.last().map_or(0, |sample| sample.class + 1));
        data
    }

    /// Adds numbered classes without pictures, up to `count`.
    pub fn at_least(&mut self, count: usize) {
        self.classes
            .extend((self.classes.len()..count).map(|class| class.to_string()));
    }

    /// Bytes of one picture.
    pub fn read(&self, sample: &Sample) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        match (&sample.place, &self.archive) {
            (Place::Zipped(index), Archive::Zip(opened)) => zip::read(opened, *index, &mut bytes),
            (Place::Tarred { tar, offset, size }, Archive::Tars(tars)) => {
                let mut file = tars[*tar].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                file.seek(SeekFrom::Start(*offset)).and_then(|_| {
                    (&mut *file)
                        .take((*size).min(MAX_IMAGE_FILE))
                        .read_to_end(&mut bytes)
                })
            }
            (Place::File(path), _) => {
                File::open(path).and_then(|f| f.take(MAX_IMAGE_FILE).read_to_end(&mut bytes))
            }
            (Place::Zipped(_) | Place::Tarred { .. }, _) => Ok(0),
        }
        .map_err(Error::io(&sample.name))?;
        Ok(bytes)
    }
}

/// The samples of classes, each sorted by name.
fn samples(classes: impl Iterator<Item = (usize, Pictures)>) -> Vec<Sample> {
    let sorted = classes.flat_map(|(class, mut pictures)| {
        pictures.sort_by(|a, b| a.0.cmp(&b.0));
        pictures
            .into_iter()
            .map(move |(name, place)| Sample { name, class, place })
    });
    sorted.collect()
}

/// Whether a name in a data set is not part of it.
fn hidden(name: &str) -> bool {
    name.starts_with('.') || name.starts_with("__MACOSX")
}
