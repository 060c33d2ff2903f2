//! The files of a snapshot on disk: the directory they lie in, their texts and their weights.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::tokenizer::{json_of_sentencepiece, json_of_vocabulary, json_of_words};
use crate::weights::TextConfig;
use crate::weights::image_settings::image_settings;
use crate::weights::open_clip;

/// Longest JSON or model card read, in bytes; a tokenizer of 900,000 tokens, one a line, takes about 60 MB.
const MAX_TEXT_FILE: u64 = 128 << 20;
/// A longer tokenizer is written again without the spaces and line breaks that most of it may be.
const COMPACT_FROM: usize = 8 << 20;
/// Files of settings, one of which a snapshot has.
const CONFIGS: [&str; 2] = ["config.json", open_clip::CONFIG];
/// Files that hold all weights, or list those that do: the first that is there is taken.
const WEIGHTS: [&str; 6] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
];
/// Where sentence-transformers puts the CLIP of a model.
const SENTENCE_TRANSFORMERS: &str = "0_CLIPModel";

/// The directory that holds the configuration, for a path that may be one level or two above it: a model
/// of sentence-transformers, or a repository in the Hub's cache.
pub(super) fn directory_of_model(path: &Path) -> Result<PathBuf> {
    let has_config = |dir: &Path| CONFIGS.iter().any(|config| dir.join(config).exists());
    let within = |dir: &Path| {
        let inner = dir.join(SENTENCE_TRANSFORMERS);
        (!has_config(dir) && has_config(&inner)).then_some(inner)
    };
    let dir = match path.join("snapshots") {
        snapshots if !has_config(path) && snapshots.is_dir() => revision(path, &snapshots)?,
        _ => path.to_path_buf(),
    };
    Ok(within(&dir).unwrap_or(dir))
}

/// The snapshot of a repository in the Hub's cache: that of its branch `main`, or the only one.
fn revision(repository: &Path, snapshots: &Path) -> Result<PathBuf> {
    if let Some(commit) = text(&repository.join("refs").join("main"))? {
        let commit = commit.trim();
        let dir = snapshots.join(commit);
        // A commit is a name of hexadecimal digits, never a path that leads elsewhere.
        if !commit.is_empty() && commit.bytes().all(|b| b.is_ascii_hexdigit()) && dir.is_dir() {
            return Ok(dir);
        }
    }
    let entries = std::fs::read_dir(snapshots).map_err(|source| Error::Io {
        file: snapshots.display().to_string(),
        source,
    })?;
    let mut found = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir());
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(malformed(
            snapshots,
            "holds no snapshot; download the model again",
        )),
        _ => Err(malformed(
            snapshots,
            "holds several snapshots; name one of its directories",
        )),
    }
}

/// The image processor's settings of the snapshot in `dir`, or `None` where no file has any.
pub(super) fn settings(dir: &Path) -> Result<Option<String>> {
    let processor = dir.join("processor_config.json");
    image_settings(
        text(&processor)?.as_deref(),
        text(&dir.join("preprocessor_config.json"))?,
    )
    .map_err(|error| error.in_file(&processor.display().to_string()))
}

/// The tokenizer of a model of this configuration, as the text of a `tokenizer.json`: that file, or the same made of the
/// files of slow tokenizers, which are `spiece.model`, `vocab.txt`, or `vocab.json` and `merges.txt`.
pub(super) fn tokenizer(dir: &Path, config: &TextConfig) -> Result<String> {
    if config.is_padded() {
        return padded_tokenizer(dir);
    }
    let file = dir.join("tokenizer.json");
    if let Some(json) = text(&file)? {
        return match json.len() < COMPACT_FROM {
            true => Ok(json),
            false => compact(&json).map_err(|e| malformed(&file, &e.to_string())),
        };
    }
    if config.bert.is_some() {
        let words = dir.join("vocab.txt");
        return match text(&words)? {
            Some(list) => Ok(json_of_words(
                &list,
                tokenizer_config(dir)?.do_lower_case.unwrap_or(true),
            )),
            None => Err(malformed(
                &file,
                "file is missing, and so is vocab.txt, which would do in its place",
            )),
        };
    }
    let (vocab, merges) = (dir.join("vocab.json"), dir.join("merges.txt"));
    match (text(&vocab)?, text(&merges)?) {
        (Some(vocab), Some(merges)) => json_of_vocabulary(&vocab, &merges),
        (None, None) => Err(malformed(
            &file,
            "file is missing, and so are vocab.json and merges.txt, which would do in its place; models with CLIP's \
             vocabulary can take the tokenizer.json of openai/clip-vit-base-patch32",
        )),
        (None, _) => Err(malformed(&vocab, "file is missing beside merges.txt")),
        (_, None) => Err(malformed(&merges, "file is missing beside vocab.json")),
    }
}

fn compact(json: &str) -> serde_json::Result<String> {
    serde_json::from_str::<Value>(json).map(|json| json.to_string())
}

/// The tokenizer of a SigLIP. `transformers` reads `spiece.model` where it is there, and takes the padding of others
/// from `tokenizer_config.json`.
fn padded_tokenizer(dir: &Path) -> Result<String> {
    let config = tokenizer_config(dir)?;
    let pieces = dir.join("spiece.model");
    if let Some(bytes) = contents(&pieces)? {
        let json = json_of_sentencepiece(&bytes, config.do_lower_case.unwrap_or(true));
        return json.map_err(|e| e.in_file(&pieces.display().to_string()));
    }
    let file = dir.join("tokenizer.json");
    let Some(json) = text(&file)? else {
        return Err(malformed(
            &file,
            "file is missing, and so is spiece.model, which would do in its place",
        ));
    };
    let mut parsed: Value = serde_json::from_str(&json).map_err(|e| malformed(&file, &e.to_string()))?;
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

/// The settings of the tokenizer in `dir`; none where there is no file of them.
fn tokenizer_config(dir: &Path) -> Result<TokenizerConfig> {
    let path = dir.join("tokenizer_config.json");
    match text(&path)? {
        Some(json) => serde_json::from_str(&json).map_err(|e| malformed(&path, &e.to_string())),
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

/// The single weights file, or the shards that the index names.
pub(super) fn weight_files(dir: &Path) -> Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    if !CONFIGS.iter().any(|config| dir.join(config).exists()) {
        return Err(malformed(&dir.join(CONFIGS[0]), "file is missing"));
    }
    // Weights that open_clip wrote are read by its own settings.
    let has_settings = |name: &&&str| !name.starts_with("open_clip") || dir.join(open_clip::CONFIG).exists();
    let found = WEIGHTS
        .iter()
        .filter(has_settings)
        .find(|name| dir.join(name).exists());
    let Some(found) = found else {
        let reason = format!("holds no {}, nor any of {}", WEIGHTS[0], WEIGHTS[1..].join(", "));
        return Err(malformed(dir, &reason));
    };
    let index_path = dir.join(found);
    if !found.ends_with(".json") {
        return Ok(vec![index_path]);
    }
    let json = require_text(&index_path)?;
    let index: Index = serde_json::from_str(&json).map_err(|e| malformed(&index_path, &e.to_string()))?;
    let mut names: Vec<String> = index.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    // A shard lies beside its index; a path that leads elsewhere is not one.
    if let Some(name) = names
        .iter()
        .find(|name| Path::new(name).components().count() != 1 || *name == "..")
    {
        return Err(malformed(
            &index_path,
            &format!("shard {name:?} is not a file name"),
        ));
    }
    Ok(names.iter().map(|name| dir.join(name)).collect())
}

/// Contents of a text file that a snapshot cannot be without.
pub(super) fn require_text(path: &Path) -> Result<String> {
    text(path)?.ok_or_else(|| malformed(path, "file is missing"))
}

/// Contents of a text file, or `None` where there is no such file.
pub(super) fn text(path: &Path) -> Result<Option<String>> {
    let bytes = contents(path)?.map(String::from_utf8).transpose();
    bytes.map_err(|e| malformed(path, &format!("is no text: {e}")))
}

/// Contents of a small file, or `None` where there is no such file.
fn contents(path: &Path) -> Result<Option<Vec<u8>>> {
    let io = |source| Error::Io {
        file: path.display().to_string(),
        source,
    };
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io(e)),
        Ok(meta) if meta.len() > MAX_TEXT_FILE => Err(malformed(
            path,
            &format!("is {} bytes; at most {MAX_TEXT_FILE} are read", meta.len()),
        )),
        Ok(_) => std::fs::read(path).map(Some).map_err(io),
    }
}

fn malformed(path: &Path, reason: &str) -> Error {
    Error::Model {
        file: path.display().to_string(),
        reason: reason.into(),
    }
}
