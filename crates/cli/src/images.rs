//! Embeds image files on every core; an unreadable one does not stop the others.

use std::path::{Path, PathBuf};

use cliplet::clip::Clip;
use cliplet::{Embedding, Error};

use super::progress;

/// Files that are embedded together: the answers of one step are given before the next begins.
const FILES_PER_STEP: usize = 8;

/// Embeds image files in order and calls `each` with the embedding or the error of each as soon as it is there.
pub fn embed_files(
    clip: &Clip,
    paths: &[PathBuf],
    mut each: impl FnMut(&Path, Result<Embedding, Error>) -> Result<(), Error>,
) -> Result<(), Error> {
    let bar = progress::counting(paths.len() as u64, "images");
    for files in paths.chunks(FILES_PER_STEP) {
        for (path, embedding) in files.iter().zip(clip.embed_image_batch(files)?) {
            bar.suspend(|| each(path, embedding))?;
        }
        bar.inc(files.len() as u64);
    }
    bar.finish_and_clear();
    Ok(())
}
