//! The tokenizer of a snapshot, as the text of a `tokenizer.json`, whichever files it is published in.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::tokenizer::{clean_first, json_of_sentencepiece, json_of_vocabulary, json_of_words};
use crate::weights::TextConfig;
use crate::weights::snapshot_metadata::SnapshotFiles;

/// A longer tokenizer is written again without the spaces and line breaks that most of it may be.
const COMPACT_FROM: usize = 8 << 20;
/// The tokenizer of most models.
const FILE: &str = "tokenizer.json";

/// The tokenizer of a model of this configuration, as the text of a `tokenizer.json`: that file, or the same made of the
/// files of slow tokenizers, which are `spiece.model`, `vocab.txt`, or `vocab.json` and `merges.txt`.
pub(super) fn tokenizer(files: &dyn SnapshotFiles, config: &TextConfig) -> Result<String> {
    let json = published_tokenizer(files, config)?;
    let Some(cleaning) = config.cleaning else {
        return Ok(json);
    };
    let mut parsed: Value =
        serde_json::from_str(&json).map_err(|e| malformed(files, FILE, &e.to_string()))?;
    clean_first(&mut parsed, cleaning);
    Ok(parsed.to_string())
}

/// The same without cleaning before it.
fn published_tokenizer(files: &dyn SnapshotFiles, config: &TextConfig) -> Result<String> {
    if config.is_padded() {
        return padded_tokenizer(files, config.cleaning.is_some());
    }
    if let Some(json) = files.text(FILE)? {
        // One that gets cleaning steps is written again anyway.
        return match json.len() < COMPACT_FROM || config.cleaning.is_some() {
            true => Ok(json),
            false => compact(&json).map_err(|e| malformed(files, FILE, &e.to_string())),
        };
    }
    if config.bert.is_some() {
        return match files.text("vocab.txt")? {
            Some(list) => Ok(json_of_words(
                &list,
                tokenizer_config(files)?.do_lower_case.unwrap_or(true),
            )),
            None => Err(malformed(
                files,
                FILE,
                "file is missing, and so is vocab.txt, which would do in its place",
            )),
        };
    }
    let (vocab, merges) = ("vocab.json", "merges.txt");
    match (files.text(vocab)?, files.text(merges)?) {
        (Some(vocab), Some(merges)) => json_of_vocabulary(&vocab, &merges),
        (None, None) => Err(malformed(
            files,
            FILE,
            "file is missing, and so are vocab.json and merges.txt, which would do in its place; models with CLIP's \
             vocabulary can take the tokenizer.json of openai/clip-vit-base-patch32",
        )),
        (None, _) => Err(malformed(files, vocab, "file is missing beside merges.txt")),
        (_, None) => Err(malformed(files, merges, "file is missing beside vocab.json")),
    }
}

fn compact(json: &str) -> serde_json::Result<String> {
    serde_json::from_str::<Value>(json).map(|json| json.to_string())
}

/// The tokenizer of a SigLIP. `transformers` reads `spiece.model` where it is there, and takes the padding of others
/// from `tokenizer_config.json`; `of_open_clip`, whose class is another, `tokenizer.json` comes first.
fn padded_tokenizer(files: &dyn SnapshotFiles, of_open_clip: bool) -> Result<String> {
    let config = tokenizer_config(files)?;
    let pieces = "spiece.model";
    let first = if of_open_clip { files.text(FILE)? } else { None };
    if first.is_none()
        && let Some(bytes) = files.contents(pieces)?
    {
        let json = json_of_sentencepiece(&bytes, config.do_lower_case.unwrap_or(true));
        return json.map_err(|e| e.in_file(&files.path(pieces)));
    }
    let json = match first {
        Some(json) => Some(json),
        None => files.text(FILE)?,
    };
    let Some(json) = json else {
        return Err(malformed(
            files,
            FILE,
            "file is missing, and so is spiece.model, which would do in its place",
        ));
    };
    let mut parsed: Value =
        serde_json::from_str(&json).map_err(|e| malformed(files, FILE, &e.to_string()))?;
    let changes = [
        ("padding", padding(&config, &parsed)),
        ("post_processor", ends(&config, &parsed)),
    ];
    let Some(fields) = parsed.as_object_mut() else {
        return Ok(json);
    };
    for (name, value) in changes {
        if let Some(value) = value {
            fields.insert(name.into(), value);
        }
    }
    Ok(parsed.to_string())
}

/// The padding of a `tokenizer.json` whose settings name the token for it.
fn padding(config: &TokenizerConfig, tokenizer: &Value) -> Option<Value> {
    let pad = config.pad_token.as_ref()?.text();
    let id = id_of(tokenizer, pad)?;
    let direction = match config.padding_side.as_deref() {
        Some("left") => "Left",
        _ => "Right",
    };
    Some(
        json!({"strategy": "BatchLongest", "direction": direction, "pad_to_multiple_of": null,
                "pad_id": id, "pad_type_id": 0, "pad_token": pad}),
    )
}

/// The step that puts tokens around a text, where the settings ask for an end token: they win over the step of the file.
fn ends(config: &TokenizerConfig, tokenizer: &Value) -> Option<Value> {
    let end = config
        .eos_token
        .as_ref()
        .filter(|_| config.add_eos_token == Some(true))?;
    let start = config
        .bos_token
        .as_ref()
        .filter(|_| config.add_bos_token == Some(true));
    let (mut single, mut special) = (Vec::new(), serde_json::Map::new());
    let mut add = |token: &TokenName, single: &mut Vec<Value>| {
        let (text, id) = (token.text(), id_of(tokenizer, token.text())?);
        single.push(json!({"SpecialToken": {"id": text, "type_id": 0}}));
        special.insert(text.into(), json!({"id": text, "ids": [id], "tokens": [text]}));
        Some(())
    };
    if let Some(start) = start {
        add(start, &mut single)?;
    }
    single.push(json!({"Sequence": {"id": "A", "type_id": 0}}));
    add(end, &mut single)?;
    Some(json!({"type": "TemplateProcessing", "single": single, "pair": [], "special_tokens": special}))
}

/// Id of a token in a `tokenizer.json`.
fn id_of(tokenizer: &Value, token: &str) -> Option<Value> {
    let added = tokenizer.get("added_tokens").and_then(Value::as_array);
    let mut added = added.into_iter().flatten();
    let found = added.find(|added| added.get("content").and_then(Value::as_str) == Some(token));
    let id = found.and_then(|added| added.get("id").cloned());
    id.or_else(|| tokenizer.get("model")?.get("vocab")?.get(token).cloned())
}

/// The settings of the tokenizer; none where there is no file of them.
fn tokenizer_config(files: &dyn SnapshotFiles) -> Result<TokenizerConfig> {
    let name = "tokenizer_config.json";
    match files.text(name)? {
        Some(json) => serde_json::from_str(&json).map_err(|e| malformed(files, name, &e.to_string())),
        None => Ok(TokenizerConfig::default()),
    }
}

/// The fields of `tokenizer_config.json` that matter here.
#[derive(Default, Deserialize)]
struct TokenizerConfig {
    bos_token: Option<TokenName>,
    eos_token: Option<TokenName>,
    pad_token: Option<TokenName>,
    add_bos_token: Option<bool>,
    add_eos_token: Option<bool>,
    padding_side: Option<String>,
    do_lower_case: Option<bool>,
}

/// A token, by its text or as an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum TokenName {
    Text(String),
    Object { content: String },
}

impl TokenName {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Object { content: text } => text,
        }
    }
}

fn malformed(files: &dyn SnapshotFiles, name: &str, reason: &str) -> Error {
    Error::model(files.path(name), reason)
}
