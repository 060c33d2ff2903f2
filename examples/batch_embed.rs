//! Embeds image files and writes one JSON line for each: its unit embedding or its error.
//!
//!     cargo run --release --example batch_embed -- photo.jpg... > embeddings.jsonl

use cliplet::{Clip, Result};
use serde_json::json;

fn main() -> Result<()> {
    let images: Vec<String> = std::env::args().skip(1).collect();
    let clip = Clip::open("models/cliplet-everyday.gguf")?;
    for (image, embedding) in images.iter().zip(clip.embed_image_batch(&images)?) {
        let line = match embedding {
            Ok(embedding) => json!({"image": image, "embedding": embedding.normalize()}),
            Err(error) => json!({"image": image, "error": error.to_string()}),
        };
        println!("{line}");
    }
    Ok(())
}
