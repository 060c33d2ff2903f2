//! Ids by Hugging Face's CLIP tokenizer for the texts in `texts.json`.

use cliplet::tokenizer::Tokenizer;
use serde::Deserialize;
use std::collections::HashMap;

const CONTEXT: usize = 77;
/// Trained by `make_golden.py`, of CLIP's form.
pub const SMALL: &[u8] = include_bytes!("tokenizer.json");

/// `texts.json`.
#[derive(Deserialize)]
pub struct Texts {
    texts: Vec<String>,
    /// By the tokenizer `small` ([`SMALL`]) and by `full`, that of `openai/clip-vit-base-patch32`.
    #[serde(flatten)]
    by: HashMap<String, Ids>,
}

#[derive(Deserialize)]
struct Ids {
    ids: Vec<Vec<u32>>,
    /// For each block of 0x1000 characters a hash of the ids of texts around them.
    characters: Vec<(u32, String)>,
}

impl Texts {
    pub fn load() -> Self {
        serde_json::from_str(include_str!("texts.json")).expect("texts.json is well formed")
    }

    /// The tokenizer in `json` gives the ids of the one called `name`.
    pub fn assert_ids(&self, json: &[u8], name: &str) {
        let expected = &self.by[name];
        let tokenizer = Tokenizer::from_json(json, CONTEXT).expect("a tokenizer");
        assert_eq!(self.texts.len(), expected.ids.len());
        for (text, wanted) in self.texts.iter().zip(&expected.ids) {
            let ids = tokenizer.encode(text).expect(text);
            assert_eq!(&ids, wanted, "{text:?}");
            assert_eq!(
                (ids.first(), ids.last()),
                (tokenizer.bos().as_ref(), Some(&tokenizer.eos()))
            );
            assert!(ids.iter().all(|id| (*id as usize) < tokenizer.vocab_size()));
        }
    }

    /// The same for texts around characters of every script, compared by hash.
    pub fn assert_characters(&self, json: &[u8], name: &str) {
        let expected = &self.by[name];
        let tokenizer = Tokenizer::from_json(json, CONTEXT).expect("a tokenizer");
        for (block, wanted) in &expected.characters {
            let mut hash = 0xcbf29ce484222325u64;
            let block = block << 12;
            let chosen = (block..block + 0x1000)
                .filter(|c| *c < 0x3000 || c % 61 == 0)
                .filter_map(char::from_u32);
            for c in chosen {
                for id in tokenizer.encode(&format!("a{c}b1{c}{c} '{c}s")).expect("ids") {
                    hash = (hash ^ u64::from(id)).wrapping_mul(0x100000001b3);
                }
            }
            assert_eq!(
                &format!("{hash:016x}"),
                wanted,
                "characters from U+{block:04X} on"
            );
        }
    }
}
