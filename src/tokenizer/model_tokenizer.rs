//! The tokenizer that a model comes with: read when it is first wanted, and checked against the model.

use std::sync::OnceLock;

use super::Tokenizer;
use crate::error::{Error, Result};
use crate::weights::{Pooling, TextConfig};

/// A `tokenizer.json` and the model that it belongs to.
pub struct ModelTokenizer {
    json: String,
    config: Option<TextConfig>,
    read: OnceLock<Tokenizer>,
}

impl ModelTokenizer {
    /// The tokenizer of a model's `tokenizer.json`, not read yet; of a model without texts there is no configuration.
    pub fn new(json: String, config: Option<TextConfig>) -> Self {
        Self {
            json,
            config,
            read: OnceLock::new(),
        }
    }

    /// The tokenizer. The first call reads it, which takes some hundredths of a second.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for what cannot be read, or does not go with the model.
    pub fn get(&self) -> Result<&Tokenizer> {
        if let Some(tokenizer) = self.read.get() {
            return Ok(tokenizer);
        }
        let Some(config) = &self.config else {
            return Err(Error::unsupported("model", "has no text tower"));
        };
        let tokenizer = Tokenizer::from_json(self.json.as_bytes(), config.context_length)?;
        check(&tokenizer, config)?;
        let tokenizer = match config.is_padded() {
            true => tokenizer.padded(),
            false => tokenizer,
        };
        Ok(self.read.get_or_init(|| tokenizer))
    }
}

/// Every id the tokenizer gives must have an embedding, and texts must end where they are pooled. A model that
/// pools at the largest id may have tokens added after the end token: as in `transformers`, a text that holds one
/// is pooled there.
fn check(tokenizer: &Tokenizer, config: &TextConfig) -> Result<()> {
    let unfit = |reason| {
        Err(Error::Tokenizer {
            file: "tokenizer.json".into(),
            reason,
        })
    };
    let (ids, rows) = (tokenizer.vocab_size(), config.vocab_size);
    if ids > rows {
        return unfit(format!(
            "tokenizer gives ids up to {} but the model embeds {rows}",
            ids - 1
        ));
    }
    match config.pooling {
        Pooling::EndOfText(end) if end != tokenizer.eos() => unfit(format!(
            "ends texts with id {} but the model pools at {end}",
            tokenizer.eos()
        )),
        Pooling::Last => Ok(()),
        _ if tokenizer.bos().is_none() => {
            unfit("puts no start token before a text, as the model was trained with".into())
        }
        _ => Ok(()),
    }
}
