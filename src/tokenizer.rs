//! Text to token ids, as Hugging Face's CLIP tokenizer does it.
