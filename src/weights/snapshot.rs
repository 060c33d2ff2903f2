//! A snapshot directory: settings, tokenizer and weights, as `transformers` and `open_clip` save them.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use crate::error::{Error, Result};
use crate::weights::blocks;
use crate::weights::layout::{TEXT_TOWER, TensorSpec, weight_specs};
use crate::weights::naming::{Naming, TensorSource};
use crate::weights::reparameterize::{Recipe, TensorValues, recipes};
use crate::weights::sentence_transformers::SentenceTransformer;
use crate::weights::snapshot_files::{Directory, directory_of_model, has_config, linear_map, weight_files};
use crate::weights::store::{Assembler, Placement};
use crate::weights::tensor_file::TensorFile;
use crate::weights::values::Values;
use crate::weights::{ModelFile, OnProgress, SnapshotMetadata, report};

/// An open snapshot: its texts in memory, its tensors on disk.
pub struct Snapshot {
    name: String,
    /// Everything but the weights.
    pub texts: SnapshotMetadata,
    files: Vec<TensorFile>,
    /// The file of each tensor, and its name there.
    file_of: HashMap<String, (usize, String)>,
    naming: Naming,
    /// Weights that are made of several tensors, by their names in the layout.
    recipes: HashMap<String, (Rc<Recipe>, usize)>,
    /// The model whose image tower and logit scale this one takes.
    image_tower: Option<Box<Self>>,
    /// The fused tensor that was read last, since its parts are asked for one after the other.
    fused: Option<(String, Vec<f32>)>,
}

impl Snapshot {
    /// Returns true for a path that [`Self::open`] takes: a directory, or a file of weights within one.
    pub fn is_snapshot(path: &Path) -> bool {
        path.is_dir() || TensorFile::is_named_so(path)
    }

    /// Opens the snapshot at `path`: its directory, or the file of weights within it.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read; [`Error::Model`], [`Error::Tokenizer`] and
    /// [`Error::Unsupported`] for one that is missing, malformed or of another kind of model.
    pub fn open(path: &Path) -> Result<Self> {
        let single = TensorFile::is_named_so(path) && !path.is_dir();
        let dir = match single {
            true => path.parent().unwrap_or(Path::new(".")).to_path_buf(),
            false => directory_of_model(path)?,
        };
        let text_tower = SentenceTransformer::open(&Directory(&dir))?;
        let mut paths = match (single, &text_tower) {
            (true, _) => vec![path.to_path_buf()],
            (false, Some(tower)) => weight_files(&dir.join(&tower.transformer))?,
            (false, None) => weight_files(&dir)?,
        };
        if let Some(tower) = &text_tower {
            paths.push(linear_map(&dir.join(tower.dense.trim_end_matches('/')))?);
        }
        let mut files = Vec::new();
        let mut file_of = HashMap::new();
        for (i, path) in paths.iter().enumerate() {
            let file = TensorFile::open(path)?;
            file_of.extend(
                file.tensor_names()
                    .into_iter()
                    .map(|name| (name.clone(), (i, name))),
            );
            files.push(file);
        }
        let naming = Naming::of_names(file_of.keys().map(String::as_str));
        // A file without settings may be known by its name.
        let named = if has_config(&dir) { &dir } else { &paths[0] };
        let texts = texts(&dir, named, naming)?;
        blocks::check(&texts.config, naming, &|name| file_of.contains_key(name))
            .map_err(|reason| Error::model(path.display().to_string(), reason))?;
        let mut by_name = HashMap::new();
        for recipe in recipes(&texts.config, &|name| file_of.contains_key(name)) {
            let recipe = Rc::new(recipe);
            by_name.extend(
                recipe
                    .names()
                    .enumerate()
                    .map(|(i, name)| (name, (recipe.clone(), i))),
            );
        }
        Ok(Self {
            name: path.display().to_string(),
            texts,
            recipes: by_name,
            files,
            file_of,
            naming,
            image_tower: None,
            fused: None,
        })
    }

    /// Puts the image tower of `image`, a CLIP, beside this text tower.
    ///
    /// # Errors
    /// [`Error::Input`] for towers that do not go together.
    pub fn with_image_tower(mut self, image: Self) -> Result<Self> {
        self.texts = self.texts.with_image_tower(&image.texts)?;
        self.image_tower = Some(Box::new(image));
        Ok(self)
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
            warnings: self.texts.warnings.clone(),
            quantization: quantization.into(),
            bytes: self.files.iter().map(TensorFile::bytes).sum(),
            checksum: None,
        })
    }

    /// Values of one tensor of the layout, whose shape must be the configuration's.
    pub fn read(&mut self, part: &TensorSpec) -> Result<Vec<f32>> {
        if let Some(image) = self
            .image_tower
            .as_mut()
            .filter(|_| !part.name.starts_with(TEXT_TOWER))
        {
            return image.read(part);
        }
        if let Some((recipe, index)) = self.recipes.get(&part.name).cloned() {
            let mut values = TensorValues::new();
            for source in &recipe.sources {
                let read = self.read_source(&TensorSource::whole(source.name.clone(), source))?;
                values.insert(source.name.clone(), read);
            }
            return Ok(recipe.make(&values).swap_remove(index));
        }
        let source = self.naming.source(part);
        if source.part.1 == 1 {
            return Ok(source.in_order(self.read_source(&source)?));
        }
        let values = match self.fused.take() {
            Some((name, values)) if name == source.name => values,
            _ => self.read_source(&source)?,
        };
        let part = source.extract_part(&values);
        self.fused = Some((source.name, values));
        Ok(part)
    }

    /// Values of a tensor of a file, whose shape must be that of `source`.
    fn read_source(&mut self, source: &TensorSource) -> Result<Vec<f32>> {
        let name = &source.name;
        let Some((index, name)) = self.file_of.get(name) else {
            return Err(Error::model(&self.name, format!("tensor {name} is missing")));
        };
        let file = &mut self.files[*index];
        let shape = file.shape(name)?;
        source
            .check_shape(shape)
            .map_err(|reason| Error::model(file.name(), reason))?;
        file.read(name)
    }
}

/// The texts of the snapshot in `dir`, whose weights are named by `naming` and which is called as `named` is.
fn texts(dir: &Path, named: &Path, naming: Naming) -> Result<SnapshotMetadata> {
    let name = named.canonicalize().ok();
    let name = name.and_then(|path| Some(path.file_name()?.to_str()?.to_string()));
    let name = name.unwrap_or_else(|| "clip".into());
    SnapshotMetadata::read(&name, &Directory(dir), matches!(naming, Naming::OpenClip(..)))
}
