//! Pictures from files to embeddings, on every core, an unreadable one not stopping the others.

use std::path::{Path, PathBuf};

use cliplet::Error;
use cliplet::clip::Clip;
use cliplet::image::{ImageProcessor, PixelValues};
use rayon::prelude::*;

use super::{io_error, progress};

/// Pictures held in memory at a time.
pub const AT_ONCE: usize = 64;
/// The largest file that is read as a picture, in bytes.
pub const LARGEST_FILE: u64 = 1 << 30;

/// Reads and preprocesses one picture file.
pub fn read(processor: &ImageProcessor, path: &Path) -> Result<PixelValues, Error> {
    let name = path.display().to_string();
    let length = std::fs::metadata(path).map_err(io_error(path))?.len();
    if length > LARGEST_FILE {
        let reason = format!("{length} bytes are more than a picture may have ({LARGEST_FILE})");
        return Err(Error::Image { file: name, reason });
    }
    let bytes = std::fs::read(path).map_err(io_error(path))?;
    processor.preprocess(&bytes).map_err(|error| error.in_file(&name))
}

/// Embeds picture files in order; each gives its embedding or what was wrong with it.
pub fn embed_files(clip: &Clip, paths: &[PathBuf]) -> Result<Vec<Result<Vec<f32>, Error>>, Error> {
    let bar = progress::counting(paths.len() as u64, "pictures");
    let mut embedded = Vec::with_capacity(paths.len());
    for some in paths.chunks(AT_ONCE) {
        let read = some
            .par_iter()
            .map(|path| read(clip.image_processor(), path))
            .collect();
        embedded.extend(embed_readable(clip, read)?);
        bar.inc(some.len() as u64);
    }
    bar.finish_and_clear();
    Ok(embedded)
}

/// Embeds what could be read and keeps the errors in their places.
pub fn embed_readable(
    clip: &Clip,
    read: Vec<Result<PixelValues, Error>>,
) -> Result<Vec<Result<Vec<f32>, Error>>, Error> {
    let mut pixels = Vec::with_capacity(read.len());
    let places: Vec<_> = read
        .into_iter()
        .map(|picture| picture.map(|p| pixels.push(p)))
        .collect();
    let mut embeddings = clip.embed_images(&pixels)?.into_iter();
    Ok(places
        .into_iter()
        .map(|place| place.map(|()| embeddings.next().unwrap_or_default()))
        .collect())
}
