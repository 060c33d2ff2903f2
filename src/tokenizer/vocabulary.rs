//! CLIP's tokenizer from `vocab.json` and `merges.txt`, and BERT's from `vocab.txt`, the files of slow tokenizers: the
//! same `tokenizer.json` that `transformers` makes of them.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";
/// Pieces that a text is taken apart into, as in every CLIP's `tokenizer.json`.
const PIECES: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// Text of the `tokenizer.json` that `vocab` and `merges`, the texts of the two files, come to.
///
/// # Errors
/// [`Error::Tokenizer`] for a vocabulary that is no map or lacks CLIP's start or end token, and for a
/// merge that is not two tokens.
pub fn json_of_vocabulary(vocab: &str, merges: &str) -> Result<String> {
    let broken = |file: &str, reason: String| Error::Tokenizer {
        file: file.into(),
        reason,
    };
    let vocab: Map<String, Value> =
        serde_json::from_str(vocab).map_err(|e| broken("vocab.json", e.to_string()))?;
    let id = |token: &str| match vocab.get(token).and_then(Value::as_u64) {
        Some(id) => Ok(id),
        None => Err(broken("vocab.json", format!("gives {token} no id"))),
    };
    let (start, end) = (id(START)?, id(END)?);
    let merges = merges
        .lines()
        .enumerate()
        .filter(|(number, line)| !(line.trim().is_empty() || *number == 0 && line.starts_with("#version")))
        .map(
            |(number, line)| match line.split_whitespace().collect::<Vec<_>>()[..] {
                [first, second] => Ok(json!([first, second])),
                _ => Err(broken(
                    "merges.txt",
                    format!("line {} is {line:?}, not two tokens", number + 1),
                )),
            },
        )
        .collect::<Result<Vec<Value>>>()?;
    let special = |id: u64, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": [special(start, START), special(end, END)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": PIECES}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        ]},
        "post_processor": {"type": "RobertaProcessing", "sep": [END, end], "cls": [START, start],
                           "trim_offsets": false, "add_prefix_space": false},
        "model": {"type": "BPE", "unk_token": END, "continuing_subword_prefix": "", "end_of_word_suffix": "</w>",
                  "vocab": vocab, "merges": merges},
    });
    Ok(tokenizer.to_string())
}

/// Text of the `tokenizer.json` of a BERT whose words are the lines of `vocab`, made lower case or not.
pub fn json_of_words(vocab: &str, lowercase: bool) -> String {
    let ids: Map<String, Value> = vocab
        .lines()
        .enumerate()
        .map(|(id, word)| (word.to_string(), id.into()))
        .collect();
    let id = |word: &str| ids.get(word).cloned().unwrap_or(Value::Null);
    let special = |word: &str| {
        json!({"id": id(word), "content": word, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    let specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let added: Vec<Value> = specials
        .iter()
        .filter(|word| ids.contains_key(**word))
        .map(|word| special(word))
        .collect();
    let tokenizer = json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": lowercase},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", id("[SEP]")], "cls": ["[CLS]", id("[CLS]")]},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": ids},
    });
    tokenizer.to_string()
}
