//! Images sorted into classes: a folder of class folders, a zip or a tar of one, or webdataset tars, whose samples
//! have the numbers of their classes.

mod archive;
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

/// The place of an image's bytes.
#[derive(Debug, Clone)]
enum Location {
    File(PathBuf),
    /// A folder that could not be listed, with the reason.
    Unlisted(String),
    /// Number of the entry in the zip.
    ZipEntry(usize),
    /// Bytes of one of the tars.
    TarEntry {
        tar: usize,
        offset: u64,
        size: u64,
    },
}

/// One image and its class.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Path below the data set.
    pub name: String,
    /// Index of its class.
    pub class: usize,
    location: Location,
}

/// The images of a data set, sorted by class and name.
pub struct Dataset {
    /// Names of the class folders, sorted, or numbers from 0.
    pub classes: Vec<String>,
    /// True where classes are numbers: then there may be more of them than have images.
    pub numbered: bool,
    /// The images.
    pub samples: Vec<Sample>,
    archive: Archive,
}

/// The open archives that images are read from.
enum Archive {
    None,
    Zip(zip::Opened),
    Tars(Vec<Mutex<File>>),
}

/// The images of a class: name and location.
type ClassImages = Vec<(String, Location)>;
/// The images of every class by its name.
type Classes = BTreeMap<String, ClassImages>;

impl Dataset {
    /// Lists a data set without reading an image.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, [`Error::Input`] where it holds no class or a folder without an image.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            return Err(crate::not_found(
                path,
                "there is no such file or folder; give a folder of class folders, or a zip or tar of one",
            ));
        }
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
        let refuse = |reason: String| Err(Error::Input(format!("{}: {reason}", path.display())));
        if classes.is_empty() {
            return refuse("there are no class folders with images in it".into());
        }
        if let Some((class, _)) = classes.iter().find(|(_, images)| images.is_empty()) {
            return refuse(format!("the class folder {class} is empty"));
        }
        Ok(Self {
            classes: classes.keys().cloned().collect(),
            numbered: false,
            samples: samples(classes.into_values().enumerate()),
            archive,
        })
    }

    fn numbered(classes: BTreeMap<usize, ClassImages>, archive: Archive) -> Self {
        let mut data = Self {
            classes: Vec::new(),
            numbered: true,
            samples: samples(classes.into_iter()),
            archive,
        };
        data.extend_classes(data.samples.last().map_or(0, |sample| sample.class + 1));
        data
    }

    /// Adds numbered classes without images, up to `count` classes.
    pub fn extend_classes(&mut self, count: usize) {
        self.classes
            .extend((self.classes.len()..count).map(|class| class.to_string()));
    }

    /// Reads the bytes of one image.
    ///
    /// # Errors
    /// [`Error::Io`] with the name of the sample.
    pub fn read(&self, sample: &Sample) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let read = match (&sample.location, &self.archive) {
            (Location::ZipEntry(index), Archive::Zip(opened)) => zip::read(opened, *index, &mut bytes),
            (Location::TarEntry { tar, offset, size }, Archive::Tars(tars)) => {
                let mut file = tars[*tar].lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                file.seek(SeekFrom::Start(*offset)).and_then(|_| {
                    (&mut *file)
                        .take((*size).min(MAX_IMAGE_FILE))
                        .read_to_end(&mut bytes)
                })
            }
            (Location::File(path), _) => {
                File::open(path).and_then(|file| file.take(MAX_IMAGE_FILE).read_to_end(&mut bytes))
            }
            (Location::Unlisted(reason), _) => Err(std::io::Error::other(reason.as_str())),
            (Location::ZipEntry(_) | Location::TarEntry { .. }, _) => Ok(0),
        };
        read.map_err(Error::io(&sample.name))?;
        Ok(bytes)
    }
}

/// The samples of classes, each sorted by name.
fn samples(classes: impl Iterator<Item = (usize, ClassImages)>) -> Vec<Sample> {
    let sorted = classes.flat_map(|(class, mut images)| {
        images.sort_by(|a, b| a.0.cmp(&b.0));
        images.into_iter().map(move |(name, location)| Sample {
            name,
            class,
            location,
        })
    });
    sorted.collect()
}

/// Returns whether a file or folder of this name is no part of a data set.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name.starts_with("__MACOSX")
}
