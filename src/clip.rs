//! A whole CLIP: model, tokenizer and image processor, loaded from one file.
