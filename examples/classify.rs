//! Ranks labels for image files.
//!
//!     cargo run --release --example classify -- "cat, cup of coffee, rocket" photo.jpg...

use cliplet::{Clip, Result, zero_shot};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let labels = arguments
        .next()
        .unwrap_or_else(|| "red circle, blue square".into());
    let images: Vec<String> = arguments.collect();

    let clip = Clip::open("models/cliplet-everyday.gguf")?;
    let classifier = clip.zero_shot(zero_shot::parse_labels(&labels))?;
    for (image, ranked) in images.iter().zip(classifier.classify_batch(&images)?) {
        match ranked {
            Ok(ranked) => println!("{image}: {} ({:.1} %)", ranked[0].label, 100.0 * ranked[0].score),
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}
