//! Tars: of class folders, or of webdataset, where files of one name up to its first dot are a sample and the one that
//! ends in `.cls` holds the number of its class.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cliplet::Error;
use cliplet::image::UNSUPPORTED_EXTENSIONS;

use super::archive::{Entry, by_class};
use super::{ClassImages, Classes, Location, is_hidden};
use crate::left_out::{LeftOut, reason_by_extension};
use crate::terminal;

/// The longest text of a class number, in bytes.
const MAX_NUMBER_BYTES: u64 = 32;
/// The largest number of classes.
const MAX_CLASSES: usize = 1 << 20;
/// Position and text of a tar's signature.
const MAGIC: (usize, &[u8]) = (257, b"ustar");

/// Images by class.
pub enum Listed {
    /// By the folders in the tar.
    Folders(Classes),
    /// By their numbers.
    Numbered(BTreeMap<usize, ClassImages>),
}

/// Returns whether a file is a tar by its name or its content.
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

/// The number of a tar, and the name that the files of a sample share.
type SampleKey = (usize, String);

/// An image whose class is not known yet.
struct Image {
    sample: SampleKey,
    name: String,
    location: Location,
}

/// The files of tars, as far as they are read.
#[derive(Default)]
struct Contents {
    images: Vec<Image>,
    /// Class numbers of samples.
    numbers: HashMap<SampleKey, usize>,
    /// Files that are images of formats which are not read.
    left_out: LeftOut,
}

/// Lists the images of tars by their headers. Images of formats that are not read are reported on standard error.
///
/// # Errors
/// [`Error::Io`], and [`Error::Input`] for a tar that is cut short or has wrong class numbers.
pub fn list(paths: &[PathBuf]) -> Result<(Listed, Vec<Mutex<File>>), Error> {
    let mut contents = Contents::default();
    let mut opened = Vec::new();
    for (tar, path) in paths.iter().enumerate() {
        let file = File::open(path).map_err(Error::io(path))?;
        contents.add(tar, path, &file)?;
        opened.push(Mutex::new(file));
    }
    if !contents.left_out.is_empty() {
        terminal::message(format_args!("{}: {}", paths[0].display(), contents.left_out));
    }
    let Contents { images, numbers, .. } = contents;
    let listed = match numbers.is_empty() {
        true => Listed::Folders(by_class(&paths[0], images.into_iter().map(Entry::from).collect())),
        false => Listed::Numbered(by_number(images, &numbers, paths)?),
    };
    Ok((listed, opened))
}

impl Contents {
    /// Adds the files of a tar.
    fn add(&mut self, tar: usize, path: &Path, file: &File) -> Result<(), Error> {
        let length = file.metadata().map_err(Error::io(path))?.len();
        let mut archive = tar::Archive::new(file);
        for entry in archive.entries_with_seek().map_err(Error::io(path))? {
            let mut entry = entry.map_err(Error::io(path))?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let name = name.trim_start_matches("./").to_string();
            if !entry.header().entry_type().is_file() || name.split('/').any(is_hidden) {
                continue;
            }
            let folder = name.rfind('/').map_or(0, |slash| slash + 1);
            let dot = name[folder..].find('.').map_or(name.len(), |dot| folder + dot);
            let sample = (tar, name[..dot].to_string());
            let extension = name.rsplit('.').next().unwrap_or_default();
            match reason_by_extension(extension) {
                _ if name[dot..] == *".cls" => {
                    self.numbers.insert(sample, number(&mut entry, path, &name)?);
                }
                None => {
                    let (offset, size) = (entry.raw_file_position(), entry.size());
                    if offset.saturating_add(size) > length {
                        let path = path.display();
                        return Err(Error::Input(format!("{path}: it is cut short at {name}")));
                    }
                    let location = Location::TarEntry { tar, offset, size };
                    self.images.push(Image {
                        sample,
                        name,
                        location,
                    });
                }
                Some(format) if UNSUPPORTED_EXTENSIONS.iter().any(|(_, name)| *name == format) => {
                    self.left_out.add(format);
                }
                // Samples of webdataset have texts and metadata beside their images.
                Some(_) => {}
            }
        }
        Ok(())
    }
}

impl From<Image> for Entry {
    fn from(image: Image) -> Self {
        Self {
            name: image.name,
            location: Some(image.location),
        }
    }
}

/// The class number that a file holds.
fn number(file: &mut impl Read, path: &Path, name: &str) -> Result<usize, Error> {
    let mut text = String::new();
    let path = format!("{}: {name}", path.display());
    file.take(MAX_NUMBER_BYTES)
        .read_to_string(&mut text)
        .map_err(Error::io(&path))?;
    let text = text.trim();
    match text.parse() {
        Ok(number) if number < MAX_CLASSES => Ok(number),
        _ => Err(Error::Input(format!(
            "{path}: \"{text}\" is not the number of a class, from 0 to {}",
            MAX_CLASSES - 1
        ))),
    }
}

fn by_number(
    images: Vec<Image>,
    numbers: &HashMap<SampleKey, usize>,
    paths: &[PathBuf],
) -> Result<BTreeMap<usize, ClassImages>, Error> {
    let mut classes: BTreeMap<usize, ClassImages> = BTreeMap::new();
    for Image {
        sample,
        name,
        location,
    } in images
    {
        let Some(number) = numbers.get(&sample) else {
            let path = paths[sample.0].display();
            return Err(Error::Input(format!("{path}: {name} has no .cls beside it")));
        };
        classes.entry(*number).or_default().push((name, location));
    }
    Ok(classes)
}
