//! Finds the images of a folder that fit a sentence best.
//!
//!     cargo run --release --example search -- "a photo of a cat" FOLDER

use cliplet::{Clip, Error, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let sentence = arguments.next().unwrap_or_else(|| "a red circle".into());
    let folder = arguments.next().unwrap_or_else(|| "docs".into());

    let clip = Clip::open("models/cliplet-everyday.gguf")?;
    let entries = std::fs::read_dir(&folder).map_err(|source| Error::Io { file: folder, source })?;
    let images: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    let query = clip.embed_texts(&[&sentence])?.remove(0).normalize();

    let embeddings = clip.embed_image_batch(&images)?;
    let mut found: Vec<_> = images
        .iter()
        .zip(embeddings)
        .filter_map(|(image, embedding)| Some((embedding.ok()?.normalize().cosine(&query), image)))
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (similarity, image) in found.iter().take(10) {
        println!("{similarity:.3}  {}", image.display());
    }
    Ok(())
}
