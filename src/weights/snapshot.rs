//! A Hugging Face snapshot directory: `config.json`, safetensors (one file, or shards with an
//! index), the tokenizer and the image processor's settings.

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::weights::layout::{TensorSpec, weight_specs};
use crate::weights::safetensors::file::SafetensorsFile;
use crate::weights::snapshot_files::{
    directory_of_model, require_text, settings, text, tokenizer, weight_files,
};
use crate::weights::store::{Assembler, Placement};
use crate::weights::values::Values;
use crate::weights::{ModelFile, OnProgress, SnapshotMetadata, report};

/// An open snapshot: its texts in memory, its tensors on disk.
pub struct Snapshot {
    name: String,
    /// Everything but the weights.
    pub texts: SnapshotMetadata,
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
            Some(file) => file.parent().unwrap_or(Path::new(".")).to_path_buf(),
            None => directory_of_model(path)?,
        };
        let dir = dir.as_path();
        let directory = dir.canonicalize().ok();
        let directory = directory.as_deref().and_then(|d| d.file_name()?.to_str());
        let texts = SnapshotMetadata::new(
            directory.unwrap_or("clip"),
            require_text(&dir.join("config.json"))?,
            tokenizer(dir)?,
            settings(dir)?,
            text(&dir.join("README.md"))?.as_deref(),
        )
        .map_err(|e| e.in_file(&dir.join("config.json").display().to_string()))?;

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
            texts,
            shards,
            shard_of,
        })
    }

    /// A warning about the snapshot at `path`, where a file is absent and a default stands in for it.
    ///
    /// # Errors
    /// Those of reading its settings.
    pub fn warning(path: &Path) -> Result<Option<String>> {
        let dir = match path.is_dir() {
            true => directory_of_model(path)?,
            false if path.extension().is_some_and(|e| e == "safetensors") => {
                path.parent().unwrap_or(Path::new(".")).to_path_buf()
            }
            false => return Ok(None),
        };
        Ok(settings(&dir)?.is_none().then(|| {
            format!(
                "{}: neither processor_config.json nor preprocessor_config.json is there; images are \
                 prepared with CLIP's defaults (mean, deviation, bicubic resize, center crop)",
                dir.display()
            )
        }))
    }

    /// Path of the snapshot, as errors name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads all weights, converted to the placement's type.
    pub fn load(&mut self, placement: Placement, progress: OnProgress) -> Result<ModelFile> {
        let parts: Vec<TensorSpec> = weight_specs(&self.texts.config)
            .into_iter()
            .flat_map(|spec| spec.parts)
            .collect();
        let total = parts.iter().map(TensorSpec::values).sum::<usize>() as u64 * 4;
        let quantization = placement.dtype.as_str();
        let mut assembler = Assembler::new(&self.texts.config, placement);
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
            tokenizer_json: self.texts.tokenizer_json.clone(),
            preprocessor_json: self.texts.preprocessor_json.clone(),
            about: self.texts.about.clone(),
            quantization: quantization.into(),
            bytes: self.shards.iter().map(SafetensorsFile::bytes).sum(),
            checksum: None,
        })
    }

    /// Values of one published tensor, whose shape must be the configuration's.
    pub fn read(&mut self, part: &TensorSpec) -> Result<Vec<f32>> {
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
