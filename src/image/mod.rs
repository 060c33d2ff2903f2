//! Picture bytes to `pixel_values`, as Hugging Face's CLIP image processor does it with Pillow.
