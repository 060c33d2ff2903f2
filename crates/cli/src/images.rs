//! Images named on the command line: files, standard input (`-`) and http(s) addresses. They are read on every core;
//! one that cannot be read does not stop the others.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use cliplet::clip::Clip;
use cliplet::image::{ImageProcessor, MAX_IMAGE_FILE, PixelValues};
use cliplet::{Embedding, Error};
use indicatif::ProgressBar;
use rayon::prelude::*;

use super::image_fetcher::{ImageFetcher, is_address};
use super::progress;

/// The name that stands for standard input.
const STDIN: &str = "-";
/// Images that are embedded together: the answers of one step are given before the next begins.
const IMAGES_PER_STEP: usize = 8;

/// Embeds images in order and calls `each` with the embedding or the error of each as soon as its step is done.
///
/// # Errors
/// [`Error::Input`] where standard input is named twice, those of the model and of `each`.
pub fn embed_images(
    clip: &Clip,
    names: &[PathBuf],
    mut each: impl FnMut(&Path, Result<Embedding, Error>) -> Result<(), Error>,
) -> Result<(), Error> {
    if names.iter().filter(|name| is_stdin(name)).count() > 1 {
        return Err(Error::Input(
            "- stands for standard input, which holds one image: give it once".into(),
        ));
    }
    let bar = progress::counting(names.len() as u64, "images");
    let reader = ImageReader {
        processor: clip.image_processor(),
        fetcher: OnceLock::new(),
        bar: &bar,
    };
    for step in names.chunks(IMAGES_PER_STEP) {
        let images = step.par_iter().map(|name| reader.read(name)).collect();
        for (name, embedding) in step.iter().zip(clip.embed_readable(images)?) {
            bar.suspend(|| each(name, embedding))?;
        }
        bar.inc(step.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Reads and preprocesses images by their names.
struct ImageReader<'a> {
    processor: &'a ImageProcessor,
    /// Made for the first address.
    fetcher: OnceLock<Result<ImageFetcher, String>>,
    bar: &'a ProgressBar,
}

impl ImageReader<'_> {
    fn read(&self, name: &Path) -> Result<PixelValues, Error> {
        if is_stdin(name) {
            let bytes = read_stdin()?;
            let pixels = self.processor.preprocess(&bytes);
            return pixels.map_err(|error| error.in_file("standard input"));
        }
        if let Some(url) = name.to_str().filter(|name| is_address(name)) {
            let bytes = self.fetch(url)?;
            return self
                .processor
                .preprocess(&bytes)
                .map_err(|error| error.in_file(url));
        }
        if name.to_str().is_some_and(|name| name.contains("://")) && !name.exists() {
            let reason = "only addresses that begin with http:// or https:// are fetched";
            return Err(Error::image(name.display().to_string(), reason));
        }
        if name.is_dir() {
            let folder = name.display().to_string();
            let reason = format!("this is a folder; \"cliplet batch {folder}\" answers every image in it");
            return Err(Error::image(folder, reason));
        }
        self.processor.preprocess_input(name.into())
    }

    /// Fetches an image, with the number of bytes so far beside the bar.
    fn fetch(&self, url: &str) -> Result<Vec<u8>, Error> {
        let fetcher = self
            .fetcher
            .get_or_init(|| ImageFetcher::any_host().map_err(|error| error.to_string()));
        let fetcher = fetcher.as_ref().map_err(|reason| Error::image(url, reason))?;
        let bytes = fetcher.fetch(url, |done, total| {
            self.bar.set_message(progress::fetching(url, done, total));
        });
        self.bar.set_message("");
        bytes
    }
}

fn is_stdin(name: &Path) -> bool {
    name == Path::new(STDIN)
}

/// The image on standard input.
fn read_stdin() -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut limited = std::io::stdin().lock().take(MAX_IMAGE_FILE + 1);
    limited
        .read_to_end(&mut bytes)
        .map_err(Error::io("standard input"))?;
    if bytes.len() as u64 > MAX_IMAGE_FILE {
        let reason = format!("over {MAX_IMAGE_FILE} bytes are more than an image may have");
        return Err(Error::image("standard input", reason));
    }
    Ok(bytes)
}
