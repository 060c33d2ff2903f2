//! Text to token ids, as the tokenizers of `transformers` do it.
//!
//! The file is read by [`file`], which hands its parts to the `tokenizers` crate: several times faster
//! than that crate's own reading, and nothing in a malformed file can reach code that would panic.
//!
//! Ids are cut so that the end token stays last. CLIP's come unpadded, since its text tower is causal and nothing after
//! the end token counts; a SigLIP's are padded to the length of the context, as it was trained.

mod charsmap;
mod cleaning;
mod file;
mod model_tokenizer;
mod sentencepiece;
mod vocabulary;

pub(crate) use cleaning::clean_first;
use file::{Direction, Padding};
pub use model_tokenizer::ModelTokenizer;
pub(crate) use sentencepiece::json_of_sentencepiece;
pub(crate) use vocabulary::{json_of_vocabulary, json_of_words};

use crate::{Error, Result};

/// CLIP's byte-level BPE, or a tokenizer of SentencePiece's, read from a `tokenizer.json`.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    context_length: usize,
    bos: Option<u32>,
    eos: u32,
    padding: Padding,
    pads: bool,
    vocab_size: usize,
}

impl Tokenizer {
    /// Reads the bytes of a `tokenizer.json` for a model of `context_length` positions (77 in CLIP).
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for what is not such a file, or does not put one end token, and at most one start token,
    /// around a text.
    pub fn from_json(json: &[u8], context_length: usize) -> Result<Self> {
        if context_length < 2 {
            return Err(broken(format!(
                "a context of {context_length} tokens cannot hold start and end"
            )));
        }
        let file::Parts {
            inner,
            bos,
            eos,
            padding,
            vocab_size,
        } = file::read(json).map_err(broken)?;
        Ok(Self {
            inner,
            context_length,
            bos,
            eos,
            padding,
            pads: false,
            vocab_size,
        })
    }

    /// Makes the tokenizer pad every text to the length of the context.
    pub fn padded(mut self) -> Self {
        self.pads = true;
        self
    }

    /// The ids of `text`, from the start token to the end token: at most
    /// [`context_length`](Self::context_length) of them, or as many of a tokenizer that pads.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the tokenizer has no token for some of the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|error| broken(error.to_string()))?;
        let ids = encoding.get_ids();
        let ids = &ids[..ids.len().min(self.longest_text())];
        let mut all: Vec<u32> = self.bos.iter().chain(ids).copied().collect();
        all.push(self.eos);
        if self.pads {
            let missing = self.context_length - all.len();
            let at = match self.padding.direction {
                Direction::Left => 0,
                Direction::Right => all.len(),
            };
            all.splice(at..at, std::iter::repeat_n(self.padding.id, missing));
        }
        Ok(all)
    }

    /// Returns true if [`encode`](Self::encode) drops the end of `text` because it is longer than the context.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn is_truncated(&self, text: &str) -> Result<bool> {
        let encoding = self
            .inner
            .encode_fast(text, false)
            .map_err(|error| broken(error.to_string()))?;
        Ok(encoding.get_ids().len() > self.longest_text())
    }

    /// The most tokens that fit in the context beside start and end.
    fn longest_text(&self) -> usize {
        self.context_length - 1 - usize::from(self.bos.is_some())
    }

    /// One more than the largest id that [`encode`](Self::encode) can give: a model whose token
    /// embedding has fewer rows does not go with this tokenizer.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Id of the token before every text, where there is one.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// Id of the token after every text.
    pub fn eos(&self) -> u32 {
        self.eos
    }

    /// The most ids that [`encode`](Self::encode) gives.
    pub fn context_length(&self) -> usize {
        self.context_length
    }
}

fn broken(reason: String) -> Error {
    Error::Tokenizer {
        file: "tokenizer.json".into(),
        reason,
    }
}
