//! Models of the Hugging Face Hub: downloaded once, into the cache that all of its tools share.

use std::path::{Path, PathBuf};

use cliplet::Error;
use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};

use super::terminal;

/// The branch that is taken where none is named.
const MAIN: &str = "main";
/// Files of weights, of which the first that is there is taken.
const WEIGHTS: [Weights; 7] = [
    Weights::Single("model.safetensors"),
    Weights::Sharded("model", "safetensors"),
    Weights::Single("pytorch_model.bin"),
    Weights::Sharded("pytorch_model", "bin"),
    Weights::Single("open_clip_model.safetensors"),
    Weights::Single("open_clip_pytorch_model.bin"),
    Weights::Apples,
];
/// Files with the configuration, one of which a snapshot has.
const CONFIGS: [&str; 2] = ["config.json", "open_clip_config.json"];
/// Files beside the weights and the configuration that a snapshot may have.
const OPTIONAL_FILES: [&str; 15] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "spiece.model",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "processor_config.json",
    "preprocessor_config.json",
    "README.md",
    // The parts of a text tower of sentence-transformers.
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "2_Dense/config.json",
    "2_Dense/model.safetensors",
    "2_Dense/pytorch_model.bin",
];
/// Folder of a sentence-transformers repository that holds its CLIP.
const SENTENCE_TRANSFORMERS: &str = "0_CLIPModel/";
/// Branches with the Hub's own conversion to safetensors, of repositories whose main branch has none. They are taken
/// before main.
const CONVERTED: [(&str, &str); 1] = [("openai/clip-vit-base-patch32", "refs/pr/15")];

/// The id of a model, `owner/name` or `owner/name@revision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelId {
    name: String,
    revision: Option<String>,
}

impl ModelId {
    /// Parses an id; none for text that cannot be one, such as the path of a GGUF file.
    pub fn parse(text: &str) -> Option<Self> {
        // As open_clip and the page write it.
        let prefixes = ["hf-hub:", "hf:"];
        let id = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
        let text = id.unwrap_or(text);
        let (name, revision) = match text.split_once('@') {
            Some((name, revision)) => (name, Some(revision.to_string())),
            None => (text, None),
        };
        let is_part = |part: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !part.is_empty() && !part.starts_with('.') && part.chars().all(allowed)
        };
        let (owner, model) = name.split_once('/')?;
        let is_file = [".gguf", ".safetensors", ".bin"]
            .iter()
            .any(|end| model.ends_with(end));
        (is_part(owner) && is_part(model) && !is_file).then(|| Self {
            name: name.to_string(),
            revision,
        })
    }

    /// The folder of the model's snapshot, which is downloaded unless the cache has all of it.
    ///
    /// # Errors
    /// [`Error::Model`] where the Hub does not answer, has no such model, or has no weights that are read.
    pub fn snapshot(&self) -> Result<PathBuf, Error> {
        match self.cached() {
            Some(folder) => Ok(folder),
            None => self.download(),
        }
    }

    /// The repository at `revision`.
    fn repo(&self, revision: &str) -> Repo {
        Repo::with_revision(self.name.clone(), RepoType::Model, revision.to_string())
    }

    /// The branches that may hold the weights, in the order in which they are looked at.
    fn revisions(&self) -> Vec<&str> {
        let converted = CONVERTED.iter().find(|(name, _)| *name == self.name);
        match (&self.revision, converted) {
            (Some(revision), _) => vec![revision],
            (None, Some((_, converted))) => vec![converted, MAIN],
            (None, None) => vec![MAIN],
        }
    }

    /// The folder of a snapshot in the cache that has its configuration and all weights.
    fn cached(&self) -> Option<PathBuf> {
        let cache = Cache::from_env();
        self.revisions().into_iter().find_map(|revision| {
            let repo = cache.repo(self.repo(revision));
            ["", SENTENCE_TRANSFORMERS].into_iter().find_map(|folder| {
                let mut configs = CONFIGS
                    .iter()
                    .filter_map(|name| repo.get(&format!("{folder}{name}")));
                let config = configs.next()?;
                let directory = config.parent()?;
                has_all_weights(directory).then(|| directory.to_path_buf())
            })
        })
    }

    fn download(&self) -> Result<PathBuf, Error> {
        let failed = |error: ApiError| self.error(format!("the Hub: {error}"));
        let hub = ApiBuilder::from_env()
            .with_progress(true)
            .build()
            .map_err(failed)?;
        let mut outcome = Err(self.error(format!(
            "it has no weights that are read; a revision that has them is named as {}@REVISION",
            self.name
        )));
        for revision in self.revisions() {
            let repo = hub.repo(self.repo(revision));
            let files = match file_names(&repo) {
                Ok(files) => files,
                Err(error) => {
                    outcome = Err(failed(error));
                    continue;
                }
            };
            let Some(weights) = weight_files(&files) else {
                continue;
            };
            let cache = Cache::from_env();
            let cache = cache.path().display();
            terminal::message(format_args!("downloading {} of the Hub to {cache}", self.name));
            return download_files(&repo, &files, &weights).map_err(failed);
        }
        outcome
    }

    fn error(&self, reason: String) -> Error {
        Error::model(&self.name, reason)
    }
}

/// Weights as one file, or as shards with an index: the start of their names and their extension.
enum Weights {
    Single(&'static str),
    Sharded(&'static str, &'static str),
    /// The file of one of Apple's MobileCLIPs, such as `mobileclip_s0.pt`, whose name tells its settings.
    Apples,
}

impl Weights {
    /// These weights among the files of a folder: one file, or the index and all shards; none where they are not there
    /// or shards are missing.
    fn find(&self, folder: &str, files: &[String]) -> Option<Vec<String>> {
        let has = |name: String| files.contains(&name).then_some(name);
        match self {
            Self::Single(name) => Some(vec![has(format!("{folder}{name}"))?]),
            Self::Apples => {
                let is_apples = |file: &&String| file.starts_with("mobileclip") && file.ends_with(".pt");
                Some(vec![files.iter().find(is_apples)?.clone()])
            }
            Self::Sharded(stem, extension) => {
                let index = has(format!("{folder}{stem}.{extension}.index.json"))?;
                let (start, end) = (format!("{folder}{stem}-"), format!(".{extension}"));
                let is_shard = |file: &&String| file.starts_with(&start) && file.ends_with(&end);
                let shards: Vec<_> = files.iter().filter(is_shard).cloned().collect();
                let count = shards.first()?.strip_suffix(&end)?.rsplit("-of-").next()?;
                let is_complete = count.parse() == Ok(shards.len());
                is_complete.then(|| std::iter::once(index).chain(shards).collect())
            }
        }
    }
}

/// Downloads the weights and the files beside them, and returns their folder.
fn download_files(repo: &ApiRepo, files: &[String], weights: &[String]) -> Result<PathBuf, ApiError> {
    let folder = model_folder(files);
    for file in CONFIGS.iter().chain(&OPTIONAL_FILES) {
        let file = format!("{folder}{file}");
        if files.contains(&file) {
            repo.get(&file)?;
        }
    }
    let mut directory = PathBuf::new();
    for file in weights {
        let path = repo.get(file)?;
        directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
    }
    Ok(directory)
}

/// Names of a repository's files, with their folders.
fn file_names(repo: &ApiRepo) -> Result<Vec<String>, ApiError> {
    let files = repo.info()?.siblings;
    Ok(files.into_iter().map(|file| file.rfilename).collect())
}

/// The folder that holds the model among `files`: none, or that of sentence-transformers, with a slash.
fn model_folder(files: &[String]) -> &'static str {
    let has_config = |folder: &str| {
        let mut configs = CONFIGS.iter().map(|config| format!("{folder}{config}"));
        configs.any(|config| files.contains(&config))
    };
    match has_config("") || !has_config(SENTENCE_TRANSFORMERS) {
        true => "",
        false => SENTENCE_TRANSFORMERS,
    }
}

/// The files that hold the weights among `files`.
fn weight_files(files: &[String]) -> Option<Vec<String>> {
    let folder = model_folder(files);
    WEIGHTS.iter().find_map(|weights| weights.find(folder, files))
}

/// Returns whether a snapshot's folder has all of its weights.
fn has_all_weights(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
    WEIGHTS.iter().any(|weights| weights.find("", &names).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_paths() {
        let id = ModelId::parse("openai/clip-vit-base-patch32@refs/pr/15").unwrap();
        assert_eq!(id.revision.as_deref(), Some("refs/pr/15"));
        let laions = ModelId::parse("laion/CLIP-ViT-B-32-laion2B-s34B-b79K");
        assert!(laions.is_some());
        for prefix in ["hf:", "hf-hub:"] {
            let prefixed = format!("{prefix}laion/CLIP-ViT-B-32-laion2B-s34B-b79K");
            assert_eq!(ModelId::parse(&prefixed), laions);
        }
        for path in [
            "clip",
            "./clip",
            "../a",
            "/a/b",
            "a/b/c",
            "models/x.gguf",
            "a/",
            "a b/c",
        ] {
            assert_eq!(ModelId::parse(path), None, "{path}");
        }
    }

    #[test]
    fn weights_are_found_in_one_file_in_shards_and_in_a_folder() {
        let list = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        let found = |names: &[&str]| weight_files(&list(names));
        let (single, index) = ("model.safetensors", "model.safetensors.index.json");
        assert_eq!(found(&["config.json", index, single]), Some(list(&[single])));
        let shards = [
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ];
        let sharded = ["config.json", shards[0], shards[1], index, "other.safetensors"];
        assert_eq!(found(&sharded), Some(list(&[index, shards[0], shards[1]])));
        assert_eq!(
            found(&["config.json", shards[0], index]),
            None,
            "a shard is missing"
        );
        let inner = [
            "modules.json",
            "0_CLIPModel/config.json",
            "0_CLIPModel/model.safetensors",
        ];
        assert_eq!(found(&inner), Some(list(&["0_CLIPModel/model.safetensors"])));
        let pickled = ["config.json", "pytorch_model.bin"];
        assert_eq!(found(&pickled), Some(list(&["pytorch_model.bin"])));
        let open_clip = ["open_clip_config.json", "open_clip_model.safetensors"];
        assert_eq!(found(&open_clip), Some(list(&["open_clip_model.safetensors"])));
        let apples = ["README.md", "mobileclip2_s0.pt"];
        assert_eq!(found(&apples), Some(list(&["mobileclip2_s0.pt"])));
        assert_eq!(found(&["config.json", "flax_model.msgpack"]), None);
    }
}
