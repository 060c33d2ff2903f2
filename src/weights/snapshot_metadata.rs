//! A snapshot without its weights: the texts that a model file carries beside them.

use std::collections::HashMap;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::weights::About;
use crate::weights::config::{ClipConfig, Family, VisionConfig};
use crate::weights::gguf::compose::{self, TensorDecl};
use crate::weights::gguf::{ALIGNMENT, align};
use crate::weights::gguf::{Metadata, MetadataValue, keys, score_rule_key};
use crate::weights::image_settings::image_settings;
use crate::weights::join::join;
use crate::weights::layout::weight_specs;
use crate::weights::open_clip;
use crate::weights::quantize::Quant;
use crate::weights::sentence_transformers::SentenceTransformer;
use crate::weights::text_tower::translate_m_clip;
use crate::weights::tokenizer_files::tokenizer;

/// The small files of a snapshot, wherever they are.
pub trait SnapshotFiles {
    /// Contents of the file `name`, or `None` where there is no such file.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be read, and [`Error::Model`] where it is too long.
    fn contents(&self, name: &str) -> Result<Option<Vec<u8>>>;

    /// Path of the file `name`, as errors name it.
    fn path(&self, name: &str) -> String;

    /// Contents of the text file `name`, or `None` where there is no such file.
    ///
    /// # Errors
    /// As [`contents`](Self::contents), and [`Error::Model`] for a file that is no text.
    fn text(&self, name: &str) -> Result<Option<String>> {
        let bytes = self.contents(name)?.map(String::from_utf8).transpose();
        bytes.map_err(|e| Error::model(self.path(name), format!("is no text: {e}")))
    }
}

/// Files that were fetched, by their names.
impl SnapshotFiles for HashMap<String, Vec<u8>> {
    fn contents(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.get(name).cloned())
    }

    fn path(&self, name: &str) -> String {
        name.into()
    }
}

/// The files in one folder of others.
struct Folder<'a> {
    files: &'a dyn SnapshotFiles,
    /// Its name, with a slash at the end; nothing for the folder of all.
    name: &'a str,
}

impl SnapshotFiles for Folder<'_> {
    fn contents(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.files.contents(&format!("{}{name}", self.name))
    }

    fn path(&self, name: &str) -> String {
        self.files.path(&format!("{}{name}", self.name))
    }
}

/// Texts of a Hugging Face snapshot, its configuration checked.
#[derive(Clone, Debug)]
pub struct SnapshotMetadata {
    /// The checked configuration.
    pub config: ClipConfig,
    /// `config.json` as it is.
    pub config_json: String,
    /// `tokenizer.json` as it is.
    pub tokenizer_json: String,
    /// The image processor's settings in the form of `preprocessor_config.json`, or CLIP's defaults at the model's image size.
    pub preprocessor_json: String,
    /// Name, licence and origin, as far as the snapshot tells.
    pub about: About,
    /// Defaults that stand in for what the snapshot lacks, a sentence each.
    pub warnings: Vec<String>,
}

impl SnapshotMetadata {
    /// Puts the texts together. `config_json` is the text of `config.json`, or of an `open_clip_config.json`, which is
    /// translated. `preprocessor_json` is the text of `preprocessor_config.json`, or of a
    /// `processor_config.json` that has the field `image_processor`. `name` is used where `config_json` tells no hub id; `card` is the
    /// snapshot's `README.md`, which may tell the licence.
    pub fn new(
        name: &str,
        config_json: String,
        tokenizer_json: String,
        preprocessor_json: Option<String>,
        card: Option<&str>,
    ) -> Result<Self> {
        let (config_json, preprocessor_json) = match open_clip::is_config(&config_json) {
            true => open_clip::translate(&config_json, preprocessor_json)?,
            false => (
                translate_m_clip(&config_json)?.unwrap_or(config_json),
                preprocessor_json,
            ),
        };
        let config = ClipConfig::from_json(&config_json)?;
        let mut warnings = Vec::new();
        let preprocessor_json = match (image_settings(None, preprocessor_json)?, &config.vision) {
            (Some(settings), _) => settings,
            (None, None) => "{}".into(),
            (None, Some(vision)) => {
                let (settings, how) = default_settings(config.family, vision);
                warnings.push(format!("{WITHOUT_SETTINGS}; images are prepared with {how}"));
                settings
            }
        };
        let hub_id = hub_id(&config_json);
        let about = About {
            name: hub_id.clone().unwrap_or_else(|| name.into()),
            licence: card.and_then(|card| front_matter(card, "license")),
            origin: hub_id.as_deref().map(hub_address),
            languages: card.map(languages).unwrap_or_default(),
        };
        Ok(Self {
            config,
            config_json,
            tokenizer_json,
            preprocessor_json,
            about,
            warnings,
        })
    }

    /// Reads the texts of a snapshot. `name` is used where its configuration tells no hub id, and tells the configuration of
    /// some models that have none; the weights `of_open_clip`
    /// go with the settings of that library, where they are there. The files may be those of a text tower of
    /// sentence-transformers, by their paths in its folder.
    ///
    /// # Errors
    /// [`Error::Model`], [`Error::Tokenizer`] and [`Error::Unsupported`] for a file that is missing, malformed or of
    /// another kind of model, by its path.
    pub fn read(name: &str, files: &dyn SnapshotFiles, of_open_clip: bool) -> Result<Self> {
        if let Some(tower) = SentenceTransformer::open(files)? {
            let tokenizer = Folder {
                files,
                name: &tower.transformer,
            };
            return Self::with_config(name, files, (CONFIG, tower.config_json), &tokenizer);
        }
        let theirs = match of_open_clip {
            true => files.text(open_clip::CONFIG)?,
            false => None,
        };
        let (file, config) = match theirs {
            Some(theirs) => (open_clip::CONFIG, Some(theirs)),
            None => (CONFIG, files.text(CONFIG)?),
        };
        let config = config.or_else(|| open_clip::published_settings(name));
        let config = config.ok_or_else(|| Error::model(files.path(file), "file is missing"))?;
        Self::with_config(name, files, (file, config), files)
    }

    /// Reads the texts of a snapshot but for its configuration, which is given with the name of the file that it is from;
    /// the tokenizer may lie elsewhere.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn with_config(
        name: &str,
        files: &dyn SnapshotFiles,
        (file, config): (&str, String),
        tokenizer_files: &dyn SnapshotFiles,
    ) -> Result<Self> {
        let settings = image_settings(
            files.text(PROCESSOR)?.as_deref(),
            files.text("preprocessor_config.json")?,
        )
        .map_err(|error| error.in_file(&files.path(PROCESSOR)))?;
        let card = files.text("README.md")?;
        let mut texts = Self::new(name, config, String::new(), settings, card.as_deref())
            .map_err(|error| error.in_file(&files.path(file)))?;
        if let Some(config) = &texts.config.text {
            texts.tokenizer_json = tokenizer(tokenizer_files, config)?;
        }
        Ok(texts)
    }

    /// The texts of a model of this text tower and the image tower of `image`, a CLIP, whose logit scale it takes.
    ///
    /// # Errors
    /// [`Error::Input`] for towers that do not go together.
    pub fn with_image_tower(mut self, image: &Self) -> Result<Self> {
        self.config_json = join(
            (&self.config_json, &self.config),
            (&image.config_json, &image.config),
        )?;
        self.config = ClipConfig::from_json(&self.config_json)?;
        self.preprocessor_json.clone_from(&image.preprocessor_json);
        self.warnings.extend(image.warnings.iter().cloned());
        Ok(self)
    }

    /// Size in bytes that a model file of these weights at `quant` has.
    pub fn file_bytes(&self, quant: Quant) -> u64 {
        let mut tensors: Vec<TensorDecl> = Vec::new();
        for spec in weight_specs(&self.config) {
            let encoding = quant.encoding(&spec);
            tensors.extend(
                spec.parts
                    .iter()
                    .flat_map(|part| compose::declare(part, encoding)),
            );
        }
        let blank = vec![0; tensors.len()];
        let (header, _) = compose::header(&self.metadata(quant), &tensors, &blank);
        let header = align(header.len() as u64, ALIGNMENT as u64);
        header
            + tensors
                .iter()
                .fold(0, |end, tensor| align(end, ALIGNMENT as u64) + tensor.bytes())
    }

    /// Marks the texts as those of the hub's repository `id`.
    pub fn from_hub(mut self, id: &str) -> Self {
        self.about.name = id.into();
        self.about.origin = Some(hub_address(id));
        self
    }

    /// Metadata of a model file of these weights at `quant`.
    pub(super) fn metadata(&self, quant: Quant) -> Metadata {
        let text = |text: &str| MetadataValue::Text(text.to_string());
        let (about, family) = (&self.about, self.config.family);
        let mut out = vec![
            (keys::ARCHITECTURE, text(family.name())),
            (keys::NAME, text(&about.name)),
        ];
        out.extend(
            about
                .licence
                .as_deref()
                .map(|licence| (keys::LICENCE, text(licence))),
        );
        out.extend(about.origin.as_deref().map(|origin| (keys::ORIGIN, text(origin))));
        if !about.languages.is_empty() {
            out.push((keys::LANGUAGES, MetadataValue::Texts(about.languages.clone())));
        }
        out.push((score_rule_key(family), text(family.score_rule().name())));
        out.push((keys::QUANTIZATION, text(quant.name())));
        out.push((keys::CONFIG, text(&self.config_json)));
        out.push((keys::PREPROCESSOR, text(&self.preprocessor_json)));
        out.push((keys::TOKENIZER, text(&self.tokenizer_json)));
        out
    }
}

/// Name of the file with the configuration.
pub(super) const CONFIG: &str = "config.json";
const PROCESSOR: &str = "processor_config.json";

/// Warning where no file tells how images are prepared.
const WITHOUT_SETTINGS: &str = "neither processor_config.json nor preprocessor_config.json is there";

/// The image processor's settings of a family's published models, and a description of them.
fn default_settings(family: Family, vision: &VisionConfig) -> (String, &'static str) {
    let size = vision.image_size();
    match family {
        Family::Siglip if vision.keeps_proportions() => (
            format!(
                r#"{{"image_processor_type": "Siglip2ImageProcessor", "patch_size": {}}}"#,
                vision.patch_size().unwrap_or_default()
            ),
            "SigLIP 2's defaults (mean and deviation of a half, bilinear resize to at most 256 patches)",
        ),
        Family::Clip => (
            format!(r#"{{"crop_size": {size}, "size": {size}}}"#),
            "CLIP's defaults (mean, deviation, bicubic resize, center crop)",
        ),
        Family::Siglip => (
            format!(
                r#"{{"image_processor_type": "SiglipImageProcessor", "size": {{"height": {size}, "width": {size}}}}}"#
            ),
            "SigLIP's defaults (mean and deviation of a half, bicubic resize to the square)",
        ),
    }
}

fn hub_address(id: &str) -> String {
    format!("https://huggingface.co/{id}")
}

/// The hub id in `config.json`, `owner/model`; anything else there is a path on somebody's disk.
fn hub_id(config_json: &str) -> Option<String> {
    #[derive(Default, Deserialize)]
    struct Named {
        #[serde(rename = "_name_or_path")]
        path: Option<String>,
    }
    let named: Named = serde_json::from_str(config_json).unwrap_or_default();
    named
        .path
        .filter(|p| p.split('/').count() == 2 && !p.starts_with(['.', '/', '~']))
}

/// Most languages read of a card.
const MAX_LANGUAGES: usize = 1024;

/// Value of a top-level `key: value` of a model card's front matter.
fn front_matter(card: &str, key: &str) -> Option<String> {
    let (header, _) = card.strip_prefix("---")?.split_once("\n---")?;
    let value = header
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    unquoted(value)
}

fn unquoted(value: &str) -> Option<String> {
    let value = value.trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| value.to_string())
}

/// The languages that a model card's front matter gives: `language: en`, `language: [en, de]` or a line each.
fn languages(card: &str) -> Vec<String> {
    let Some((header, _)) = card.strip_prefix("---").and_then(|card| card.split_once("\n---")) else {
        return Vec::new();
    };
    let mut lines = header.lines().skip_while(|line| !line.starts_with("language:"));
    let first = lines.next().and_then(|line| line.strip_prefix("language:"));
    let first = first.unwrap_or_default().trim().trim_matches(['[', ']']);
    let listed = lines.map_while(|line| line.trim_start().strip_prefix("- "));
    let all = first.split(',').chain(listed).filter_map(unquoted);
    all.take(MAX_LANGUAGES).collect()
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
    fn languages_come_on_one_line_or_on_several() {
        for card in [
            "---\nlanguage: [en, \"de\"]\n---",
            "---\ntags:\n- x\nlanguage:\n- en\n  - de\nlicense: mit\n---",
        ] {
            assert_eq!(languages(card), ["en", "de"], "{card}");
        }
        assert_eq!(languages("---\nlanguage: en\n---\n- de"), ["en"]);
        assert!(languages("language: en").is_empty() && languages("---\ntags:\n- x\n---").is_empty());
    }

    #[test]
    fn only_a_hub_id_counts_as_origin() {
        let of = |path: &str| {
            let config = format!(r#"{{"_name_or_path": "{path}"}}"#);
            let texts = SnapshotMetadata::new("here", config, String::new(), None, None).unwrap();
            (texts.about.name, texts.about.origin)
        };
        let id = "openai/clip-vit-base-patch32";
        let address = Some(format!("https://huggingface.co/{id}"));
        assert_eq!(of(id), (id.into(), address));
        for path in ["/home/me", "./out"] {
            assert_eq!(of(path), ("here".into(), None));
        }
    }
}
