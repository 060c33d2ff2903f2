//! Text to token ids, as Hugging Face's CLIP tokenizer does it.
//!
//! The file's own truncation and padding are set aside: ids come unpadded (the text tower is causal,
//! so nothing after the end token counts) and are cut so that the end token stays last.

use crate::{Error, Result};

const FILE: &str = "tokenizer.json";

/// CLIP's byte-level BPE, read from a `tokenizer.json`.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    context_length: usize,
    start: u32,
    end: u32,
    vocab_size: usize,
}

impl Tokenizer {
    /// Reads the bytes of a `tokenizer.json` for a model of `context_length` positions (77 in CLIP).
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for what is not such a file, or does not put one start and one end token
    /// around a text.
    pub fn from_json(json: &[u8], context_length: usize) -> Result<Self> {
        let mut inner = tokenizers::Tokenizer::from_bytes(json).map_err(|error| broken(error.to_string()))?;
        inner
            .with_truncation(None)
            .map_err(|error| broken(error.to_string()))?;
        inner.with_padding(None);
        let empty = inner
            .encode("", true)
            .map_err(|error| broken(error.to_string()))?;
        let [start, end] = *empty.get_ids() else {
            return Err(broken(format!(
                "an empty text gives {} tokens; CLIP's tokenizer gives two, start and end",
                empty.get_ids().len()
            )));
        };
        if context_length < 2 {
            return Err(broken(format!(
                "a context of {context_length} tokens cannot hold start and end"
            )));
        }
        let largest = inner.get_vocab(true).into_values().max().unwrap_or(0);
        Ok(Self {
            inner,
            context_length,
            start,
            end,
            vocab_size: largest as usize + 1,
        })
    }

    /// The ids of `text`, from the start token to the end token: at most `context_length` of them,
    /// unpadded.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] when the tokenizer has no token for some of the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self
            .inner
            .encode(text, true)
            .map_err(|error| broken(error.to_string()))?;
        let mut ids = encoding.get_ids().to_vec();
        if ids.len() > self.context_length {
            ids.truncate(self.context_length - 1);
            ids.push(self.end);
        }
        Ok(ids)
    }

    /// One more than the largest id that [`encode`](Self::encode) can give: a model whose token
    /// embedding has fewer rows does not go with this tokenizer.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Id of the token before every text.
    pub fn bos(&self) -> u32 {
        self.start
    }

    /// Id of the token after every text.
    pub fn eos(&self) -> u32 {
        self.end
    }

    /// The most ids that [`encode`](Self::encode) gives.
    pub fn context_length(&self) -> usize {
        self.context_length
    }
}

fn broken(reason: String) -> Error {
    Error::Tokenizer {
        file: FILE.into(),
        reason,
    }
}
