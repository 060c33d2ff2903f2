//! SigLIP's tokenizer from `spiece.model`, the only file that `transformers` saves of it: the `tokenizer.json` that
//! gives the same ids as its `SiglipTokenizer`.
//!
//! The file is a protocol buffer. Of its messages a handful of fields matter here; all others are passed over.

use base64::Engine;
use serde_json::{Value, json};

use crate::error::{Error, Result};

const FILE: &str = "spiece.model";
/// The letter that SentencePiece writes for a space.
const SPACE: &str = "\u{2581}";
/// The punctuation that texts are freed of: Python's `string.punctuation`.
const PUNCTUATION: &str = r##"[!-/:-@\[-`{-~]"##;

/// Kinds of pieces, by their numbers in the file.
mod kinds {
    pub const NORMAL: u64 = 1;
    pub const USER_DEFINED: u64 = 4;
}

/// Text of the `tokenizer.json` that the bytes of a `spiece.model` come to. Texts are made lower case where `lowercase`
/// says so, as `do_lower_case` of `tokenizer_config.json` does.
///
/// # Errors
/// [`Error::Tokenizer`] for what is malformed, and for a model of another kind than Unigram.
pub fn json_of_sentencepiece(bytes: &[u8], lowercase: bool) -> Result<String> {
    let model = Model::read(bytes).map_err(broken)?;
    let token = |content: &str| -> Result<u64> {
        let id = model.pieces.iter().position(|piece| piece.text == content);
        id.map(|id| id as u64)
            .ok_or_else(|| broken(format!("has no piece {content}")))
    };
    let (end, unknown) = (token("</s>")?, token("<unk>")?);
    let special = |id: u64, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    let vocab: Vec<Value> = model
        .pieces
        .iter()
        .map(|piece| json!([piece.text, piece.score]))
        .collect();
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": [special(end, "</s>"), special(unknown, "<unk>")],
        "normalizer": {"type": "Sequence", "normalizers": normalizers(&model, lowercase)},
        "pre_tokenizer": null,
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
            "pair": [],
            "special_tokens": {"</s>": {"id": "</s>", "ids": [end], "tokens": ["</s>"]}}},
        "padding": {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": null,
                    "pad_id": end, "pad_type_id": 0, "pad_token": "</s>"},
        "model": {"type": "Unigram", "unk_id": unknown, "vocab": vocab, "byte_fallback": model.byte_fallback},
    });
    Ok(tokenizer.to_string())
}

/// The steps by which `SiglipTokenizer` brings a text into its canonical form, and those of SentencePiece behind them.
fn normalizers(model: &Model, lowercase: bool) -> Vec<Value> {
    let replace = |pattern: &str, content: &str| json!({"type": "Replace", "pattern": {"Regex": pattern}, "content": content});
    let mut steps = vec![replace(SPACE, " "), json!({"type": "Prepend", "prepend": SPACE})];
    if lowercase {
        steps.push(json!({"type": "Lowercase"}));
    }
    steps.push(replace(PUNCTUATION, ""));
    steps.push(replace(r"\s+", " "));
    steps.push(json!({"type": "Strip", "strip_left": true, "strip_right": true}));
    if !model.charsmap.is_empty() {
        let charsmap = base64::engine::general_purpose::STANDARD.encode(&model.charsmap);
        steps.push(json!({"type": "Precompiled", "precompiled_charsmap": charsmap}));
    }
    if model.removes_spaces {
        steps.push(replace(" {2,}", " "));
    }
    steps.push(replace(" ", SPACE));
    if model.removes_spaces {
        steps.push(replace(&format!(r"{SPACE}+\z"), ""));
    }
    steps
}

/// The fields of the file that matter.
struct Model {
    pieces: Vec<Piece>,
    charsmap: Vec<u8>,
    removes_spaces: bool,
    byte_fallback: bool,
}

struct Piece {
    text: String,
    score: f32,
}

impl Model {
    fn read(bytes: &[u8]) -> std::result::Result<Self, String> {
        let mut model = Self {
            pieces: Vec::new(),
            charsmap: Vec::new(),
            removes_spaces: true,
            byte_fallback: false,
        };
        let mut message = Message(bytes);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (1, Field::Bytes(piece)) => model.pieces.push(Piece::read(piece)?),
                (2, Field::Bytes(trainer)) => model.read_trainer(trainer)?,
                (3, Field::Bytes(normalizer)) => model.read_normalizer(normalizer)?,
                _ => {}
            }
        }
        match model.pieces.is_empty() {
            true => Err("is no SentencePiece model: it has no pieces".into()),
            false => Ok(model),
        }
    }

    fn read_trainer(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        let mut message = Message(bytes);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (3, Field::Number(1)) => {}
                (3, Field::Number(kind)) => {
                    return Err(format!(
                        "is a SentencePiece model of kind {kind}; 1, Unigram, is supported"
                    ));
                }
                (35, Field::Number(flag)) => self.byte_fallback = flag != 0,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_normalizer(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        let mut message = Message(bytes);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (2, Field::Bytes(charsmap)) => self.charsmap = charsmap.to_vec(),
                (4, Field::Number(flag)) => self.removes_spaces = flag != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

impl Piece {
    fn read(bytes: &[u8]) -> std::result::Result<Self, String> {
        let (mut text, mut score, mut kind) = (String::new(), 0.0, kinds::NORMAL);
        let mut message = Message(bytes);
        while let Some((number, field)) = message.next()? {
            match (number, field) {
                (1, Field::Bytes(bytes)) => {
                    text =
                        String::from_utf8(bytes.to_vec()).map_err(|e| format!("a piece is no text: {e}"))?;
                }
                (2, Field::Fixed(bits)) => score = f32::from_bits(bits),
                (3, Field::Number(number)) => kind = number,
                _ => {}
            }
        }
        match kind {
            kinds::USER_DEFINED => Err(format!(
                "the piece {text:?} is defined by a user, which is not supported"
            )),
            _ => Ok(Self { text, score }),
        }
    }
}

/// A message of a protocol buffer, read field by field.
struct Message<'a>(&'a [u8]);

enum Field<'a> {
    Number(u64),
    Fixed(u32),
    Bytes(&'a [u8]),
    /// Eight bytes, which no field of interest has.
    Wide,
}

impl<'a> Message<'a> {
    /// The number and the content of the next field; none at the end.
    fn next(&mut self) -> std::result::Result<Option<(u64, Field<'a>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.number()?;
        let field = match tag & 7 {
            0 => Field::Number(self.number()?),
            1 => self.take(8).map(|_| Field::Wide)?,
            2 => {
                let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
                Field::Bytes(self.take(length)?)
            }
            5 => {
                let bytes = self.take(4)?;
                Field::Fixed(u32::from_le_bytes(std::array::from_fn(|i| bytes[i])))
            }
            other => return Err(format!("is no SentencePiece model: a field of wire type {other}")),
        };
        Ok(Some((tag >> 3, field)))
    }

    fn number(&mut self) -> std::result::Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("is no SentencePiece model: a number of more than 64 bits".into())
    }

    fn take(&mut self, count: usize) -> std::result::Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("ends within a field")?;
        self.0 = rest;
        Ok(taken)
    }
}

fn broken(reason: String) -> Error {
    Error::Tokenizer {
        file: FILE.into(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_model_is_refused() {
        for (bytes, reason) in [
            (&b""[..], "no pieces"),
            (b"\x0a\x05ab", "ends within"),
            (b"\x0b", "wire type 3"),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "64 bits"),
            (b"\x12\x02\x18\x02", "kind 2"),
            (b"\x0a\x03\x0a\x01a", "no piece </s>"),
            (b"\x0a\x05\x0a\x01a\x18\x04", "defined by a user"),
        ] {
            let error = json_of_sentencepiece(bytes, true).unwrap_err().to_string();
            assert!(error.contains(reason), "{bytes:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = json_of_sentencepiece(&bytes, true);
        }
    }
}
