//! Embeds image files on every core; an unreadable one does not stop the others.

use std::path::PathBuf;

use cliplet::clip::Clip;
use cliplet::{Embedding, Error};

use super::progress;

/// Files between two movements of the progress bar.
const FILES_PER_STEP: usize = 64;

/// Embeds image files in order; each gives its embedding or its error.
pub fn embed_files(clip: &Clip, paths: &[PathBuf]) -> Result<Vec<Result<Embedding, Error>>, Error> {
    let bar = progress::counting(paths.len() as u64, "images");
    let mut embedded = Vec::with_capacity(paths.len());
    for files in paths.chunks(FILES_PER_STEP) {
        embedded.extend(clip.embed_image_batch(files)?);
        bar.inc(files.len() as u64);
    }
    bar.finish_and_clear();
    Ok(embedded)
}
