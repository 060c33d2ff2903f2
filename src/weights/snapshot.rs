//! A Hugging Face snapshot directory: `config.json`, safetensors (one file, or shards with an
//! index), `tokenizer.json` and `preprocessor_config.json`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::weights::config::ClipConfig;
use crate::weights::layout::{Part, slots};
use crate::weights::safetensors::SafetensorsFile;
use crate::weights::store::{Assembler, Placement};
use crate::weights::values::Values;
use crate::weights::{About, ModelFile, OnProgress, report};

/// Longest JSON or model card read, in bytes (the largest real one, a tokenizer, is under 4 MB).
const MAX_TEXT_FILE: u64 = 64 << 20;

/// An open snapshot: its texts in memory, its tensors on disk.
pub struct Snapshot {
    name: String,
    /// The checked configuration.
    pub config: ClipConfig,
    /// `config.json` as it is.
    pub config_json: String,
    /// `tokenizer.json` as it is.
    pub tokenizer_json: String,
    /// `preprocessor_config.json` as it is, or CLIP's defaults at the model's image size.
    pub preprocessor_json: String,
    /// Name, licence and origin, as far as the snapshot tells.
    pub about: About,
    shards: Vec<SafetensorsFile>,
    shard_of: HashMap<String, usize>,
}

impl Snapshot {
    /// Opens the snapshot at `path`: its directory, or the `.safetensors` file within it.
    pub fn open(path: &Path) -> Result<Self> {
        let single = path
            .extension()
            .is_some_and(|e| e == "safetensors")
            .then(|| path.to_path_buf());
        let dir = match &single {
            Some(file) => file.parent().unwrap_or(Path::new(".")),
            None => path,
        };
        let config_json = require_text(&dir.join("config.json"))?;
        let config = ClipConfig::from_json(&config_json)
            .map_err(|e| e.in_file(&dir.join("config.json").display().to_string()))?;
        let tokenizer_json = require_text(&dir.join("tokenizer.json"))?;
        let preprocessor_json = text(&dir.join("preprocessor_config.json"))?
            .unwrap_or_else(|| format!(r#"{{"crop_size": {0}, "size": {0}}}"#, config.vision.image_size));
        let card = text(&dir.join("README.md"))?.unwrap_or_default();
        let about = about(dir, &config_json, &card);

        let files = match single {
            Some(file) => vec![file],
            None => weight_files(dir)?,
        };
        let mut shards = Vec::new();
        let mut shard_of = HashMap::new();
        for (i, file) in files.iter().enumerate() {
            let shard = SafetensorsFile::open(file)?;
            shard_of.extend(shard.tensor_names().into_iter().map(|name| (name, i)));
            shards.push(shard);
        }
        let name = path.display().to_string();
        Ok(Self {
            name,
            config,
            config_json,
            tokenizer_json,
            preprocessor_json,
            about,
            shards,
            shard_of,
        })
    }

    /// Path of the snapshot, as errors name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads all weights, converted to the placement's type.
    pub fn load(&mut self, placement: Placement, progress: OnProgress) -> Result<ModelFile> {
        let parts: Vec<Part> = slots(&self.config)
            .into_iter()
            .flat_map(|slot| slot.parts)
            .collect();
        let total = parts.iter().map(Part::values).sum::<usize>() as u64 * 4;
        let quantization = placement.dtype.as_str();
        let mut assembler = Assembler::new(&self.config, placement);
        let mut done = 0;
        for part in &parts {
            report(progress, done, total)?;
            assembler.accept(&part.name, Values::Dense(self.read(part)?))?;
            done += part.values() as u64 * 4;
        }
        report(progress, done, total)?;
        let weights = assembler.finish()?;
        Ok(ModelFile {
            weights,
            tokenizer_json: self.tokenizer_json.clone(),
            preprocessor_json: self.preprocessor_json.clone(),
            about: self.about.clone(),
            quantization: quantization.into(),
            bytes: self.shards.iter().map(SafetensorsFile::bytes).sum(),
        })
    }

    /// Values of one published tensor, whose shape must be the configuration's.
    pub fn read(&mut self, part: &Part) -> Result<Vec<f32>> {
        let malformed = |file: &str, reason: String| Error::Model {
            file: file.into(),
            reason,
        };
        let Some(&index) = self.shard_of.get(&part.name) else {
            return Err(malformed(&self.name, format!("tensor {} is missing", part.name)));
        };
        let shard = &mut self.shards[index];
        let shape = shard.shape(&part.name).unwrap_or_default();
        if shape != part.shape {
            let reason = format!(
                "tensor {} is {shape:?} but config.json makes it {:?}",
                part.name, part.shape
            );
            return Err(malformed(shard.name(), reason));
        }
        shard.read(&part.name)
    }
}

/// The single weights file, or the shards that the index names.
fn weight_files(dir: &Path) -> Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let single = dir.join("model.safetensors");
    if single.exists() {
        return Ok(vec![single]);
    }
    let index_path = dir.join("model.safetensors.index.json");
    let malformed = |path: &Path, reason: String| Error::Model {
        file: path.display().to_string(),
        reason,
    };
    let Some(json) = text(&index_path)? else {
        let reason = if dir.join("pytorch_model.bin").exists() {
            "has pytorch_model.bin but no model.safetensors; save it with safe_serialization=True"
        } else {
            "holds no model.safetensors"
        };
        return Err(malformed(dir, reason.into()));
    };
    let index: Index = serde_json::from_str(&json).map_err(|e| malformed(&index_path, e.to_string()))?;
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
            format!("shard {name:?} is not a file name"),
        ));
    }
    Ok(names.iter().map(|name| dir.join(name)).collect())
}

/// Name and origin from `config.json` or the directory, licence from the model card's front matter.
fn about(dir: &Path, config_json: &str, card: &str) -> About {
    #[derive(Default, Deserialize)]
    struct Named {
        #[serde(rename = "_name_or_path")]
        path: Option<String>,
    }
    let named: Named = serde_json::from_str(config_json).unwrap_or_default();
    // A hub id is `owner/model`; anything else is a path on somebody's disk.
    let hub_id = named
        .path
        .filter(|p| p.split('/').count() == 2 && !p.starts_with(['.', '/', '~']));
    let directory = dir
        .canonicalize()
        .ok()
        .and_then(|d| Some(d.file_name()?.to_str()?.to_string()));
    About {
        name: hub_id.clone().or(directory).unwrap_or_else(|| "clip".into()),
        licence: front_matter(card, "license"),
        origin: hub_id.map(|id| format!("https://huggingface.co/{id}")),
    }
}

/// Value of a top-level `key: value` of a model card's front matter.
fn front_matter(card: &str, key: &str) -> Option<String> {
    let (header, _) = card.strip_prefix("---")?.split_once("\n---")?;
    let value = header
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let value = value.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_string())
}

fn require_text(path: &Path) -> Result<String> {
    text(path)?.ok_or_else(|| Error::Model {
        file: path.display().to_string(),
        reason: "file is missing".into(),
    })
}

/// Contents of a text file, or `None` where there is no such file.
fn text(path: &Path) -> Result<Option<String>> {
    let io = |source| Error::Io {
        file: path.display().to_string(),
        source,
    };
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io(e)),
        Ok(meta) if meta.len() > MAX_TEXT_FILE => Err(Error::Model {
            file: path.display().to_string(),
            reason: format!("is {} bytes; at most {MAX_TEXT_FILE} are read", meta.len()),
        }),
        Ok(_) => std::fs::read_to_string(path).map(Some).map_err(io),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licence_comes_from_the_front_matter_only() {
        let card = "---\ntags:\n- vision\nlicense: \"mit\"\n---\n\nlicense: other\n";
        assert_eq!(front_matter(card, "license").as_deref(), Some("mit"));
        assert_eq!(front_matter("license: mit", "license"), None);
        assert_eq!(front_matter("---\nlicense:\n---", "license"), None);
    }

    #[test]
    fn only_a_hub_id_counts_as_origin() {
        let of = |path: &str| about(Path::new("."), &format!(r#"{{"_name_or_path": "{path}"}}"#), "").origin;
        assert_eq!(
            of("openai/clip-vit-base-patch32").unwrap(),
            "https://huggingface.co/openai/clip-vit-base-patch32"
        );
        assert_eq!(of("/home/me"), None);
        assert_eq!(of("./out"), None);
    }
}
