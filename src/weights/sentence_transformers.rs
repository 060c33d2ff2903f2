//! Text towers in folders of sentence-transformers: a transformer, its pooling and a linear map, each in a folder of
//! its own, which `modules.json` lists.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::weights::snapshot_files::{require_text, text};
use crate::weights::text_tower::config_json;

/// File that lists the parts of a model.
pub const MODULES: &str = "modules.json";
/// Names of fields in `transformers`' DistilBERT, and those of BERT.
const DISTILBERT_FIELDS: [(&str, &str); 5] = [
    ("dim", "hidden_size"),
    ("hidden_dim", "intermediate_size"),
    ("n_layers", "num_hidden_layers"),
    ("n_heads", "num_attention_heads"),
    ("activation", "hidden_act"),
];

/// A text tower in such a folder.
pub struct SentenceTransformer {
    /// Folder of the transformer and its tokenizer.
    pub transformer: PathBuf,
    /// File of the linear map's weights.
    pub dense: PathBuf,
    /// Text of a `config.json` of the tower.
    pub config_json: String,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    class: String,
}

impl SentenceTransformer {
    /// The text tower in `dir`; `None` where there is none, or a whole CLIP.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for parts that are not known, and [`Error::Model`] for some that do not fit each other.
    pub fn open(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(MODULES);
        let Some(json) = text(&path)? else {
            return Ok(None);
        };
        let modules: Vec<Module> =
            serde_json::from_str(&json).map_err(|e| malformed(&path, e.to_string()))?;
        let classes: Vec<&str> = modules.iter().map(Module::class).collect();
        if classes == ["CLIPModel"] {
            return Ok(None);
        }
        let ["Transformer", "Pooling", "Dense"] = classes[..] else {
            let listed = classes.join(", ");
            return Err(unsupported(
                &path,
                format!(
                    "lists {listed}; a Transformer, a Pooling and a Dense are supported, and a CLIPModel"
                ),
            ));
        };
        let folders = modules.iter().map(|module| module.folder(dir, &path));
        let folders: Vec<PathBuf> = folders.collect::<Result<_>>()?;
        let (transformer, dense) = (&folders[0], &folders[2]);
        let mut tower = tower(transformer)?;
        tower.insert("pooling".into(), pooling(&folders[1])?.into());
        let projection_dim = projection(dense, &mut tower)?;
        Ok(Some(Self {
            dense: dense_weights(dense)?,
            config_json: config_json(Value::Object(tower), &projection_dim),
            transformer: transformer.clone(),
        }))
    }
}

impl Module {
    /// Name of its class, without the modules that it lies in.
    fn class(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or_default()
    }

    /// Its folder, which is `dir` or one in it.
    fn folder(&self, dir: &Path, list: &Path) -> Result<PathBuf> {
        let name = self.path.trim_end_matches('/');
        if name.is_empty() {
            return Ok(dir.to_path_buf());
        }
        if name == ".." || name == "." || name.contains(['/', '\\']) {
            return Err(malformed(
                list,
                format!("the path {name:?} is not a folder's name"),
            ));
        }
        Ok(dir.join(name))
    }
}

/// Fields of the `text_config` that the transformer in `folder` comes to.
fn tower(folder: &Path) -> Result<Map<String, Value>> {
    let path = folder.join("config.json");
    let mut tower = object(&path)?;
    let kind = tower.get("model_type").cloned().unwrap_or_default();
    match kind.as_str() {
        Some("distilbert") => {
            for (theirs, ours) in DISTILBERT_FIELDS {
                if let Some(value) = tower.remove(theirs) {
                    tower.insert(ours.into(), value);
                }
            }
        }
        Some("bert" | "xlm-roberta") => {}
        _ => {
            return Err(unsupported(
                &path,
                format!(
                    "model_type is {kind}; of sentence-transformers, \"distilbert\", \"bert\" and \"xlm-roberta\" are supported"
                ),
            ));
        }
    }
    if let Some(longest) = longest(folder)? {
        tower.insert("max_length".into(), longest.into());
    }
    Ok(tower)
}

/// The most tokens of a text, where the settings limit them: those of the tokenizer do where the others do not say.
fn longest(folder: &Path) -> Result<Option<u64>> {
    let path = folder.join("sentence_bert_config.json");
    let mut given = None;
    if path.exists() {
        let settings = object(&path)?;
        if settings.get("do_lower_case") == Some(&Value::Bool(true)) {
            return Err(unsupported(
                &path,
                "do_lower_case is true; false is supported".into(),
            ));
        }
        given = settings.get("max_seq_length").and_then(Value::as_u64);
    }
    let tokenizer = folder.join("tokenizer_config.json");
    if given.is_none() && tokenizer.exists() {
        // A tokenizer without a limit has one of many digits, which is no u64.
        given = object(&tokenizer)?
            .get("model_max_length")
            .and_then(Value::as_u64);
    }
    Ok(given)
}

/// `cls` or `mean`, or another word that is refused where it is read; older settings have a field for each.
fn pooling(folder: &Path) -> Result<String> {
    let path = folder.join("config.json");
    let settings = object(&path)?;
    if let Some(mode) = settings.get("pooling_mode") {
        return Ok(mode.as_str().map_or_else(|| mode.to_string(), str::to_string));
    }
    let chosen = settings.iter().filter(|(_, value)| **value == Value::Bool(true));
    let chosen: Vec<&str> = chosen
        .filter_map(|(name, _)| name.strip_prefix("pooling_mode_"))
        .collect();
    match chosen[..] {
        ["cls_token"] => Ok("cls".into()),
        ["mean_tokens"] => Ok("mean".into()),
        _ => Err(unsupported(
            &path,
            format!(
                "pools by {}; cls_token and mean_tokens are supported",
                chosen.join(" and ")
            ),
        )),
    }
}

/// Checks the linear map in `folder` against the `tower` before it, and gives the number of its outputs.
fn projection(folder: &Path, tower: &mut Map<String, Value>) -> Result<Value> {
    let path = folder.join("config.json");
    let settings = object(&path)?;
    let field = |name: &str| settings.get(name).cloned().unwrap_or_default();
    let activation = field("activation_function");
    if !activation
        .as_str()
        .is_some_and(|class| class.ends_with("Identity"))
    {
        return Err(unsupported(
            &path,
            format!("activation_function is {activation}; torch.nn.Identity is supported"),
        ));
    }
    if field("use_residual") == Value::Bool(true) {
        return Err(unsupported(
            &path,
            "use_residual is true; false is supported".into(),
        ));
    }
    let (inputs, width) = (
        field("in_features"),
        tower.get("hidden_size").cloned().unwrap_or(768.into()),
    );
    if inputs != width {
        return Err(malformed(
            &path,
            format!("in_features is {inputs}, but the transformer has the width {width}"),
        ));
    }
    tower.insert(
        "projection_bias".into(),
        field("bias").as_bool().unwrap_or(true).into(),
    );
    Ok(field("out_features"))
}

fn dense_weights(folder: &Path) -> Result<PathBuf> {
    let names = ["model.safetensors", "pytorch_model.bin"];
    let mut paths = names.iter().map(|name| folder.join(name));
    paths
        .find(|path| path.exists())
        .ok_or_else(|| malformed(folder, format!("holds neither {} nor {}", names[0], names[1])))
}

fn object(path: &Path) -> Result<Map<String, Value>> {
    serde_json::from_str(&require_text(path)?).map_err(|e| malformed(path, e.to_string()))
}

fn malformed(path: &Path, reason: String) -> Error {
    Error::model(path.display().to_string(), reason)
}

fn unsupported(path: &Path, reason: String) -> Error {
    Error::unsupported(path.display().to_string(), reason)
}
