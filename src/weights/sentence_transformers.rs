//! Text towers in folders of sentence-transformers: a transformer, its pooling and a linear map, each in a folder of
//! its own, which `modules.json` lists.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::weights::snapshot_metadata::{CONFIG, SnapshotFiles};
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

/// A text tower in such a folder. Folders within it are named with a slash at the end; that of nothing is the folder
/// itself.
pub struct SentenceTransformer {
    /// Folder of the transformer and its tokenizer.
    pub transformer: String,
    /// Folder of the linear map.
    #[cfg_attr(
        target_family = "wasm",
        expect(dead_code, reason = "a page finds the weights itself")
    )]
    pub dense: String,
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
    /// The text tower of which these are the small files; `None` where there is none, or a whole CLIP.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for parts that are not known, and [`Error::Model`] for some that do not fit each other.
    pub fn open(files: &dyn SnapshotFiles) -> Result<Option<Self>> {
        let Some(json) = files.text(MODULES)? else {
            return Ok(None);
        };
        let path = files.path(MODULES);
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
        let folders = modules.iter().map(|module| module.folder(&path));
        let folders: Vec<String> = folders.collect::<Result<_>>()?;
        let mut tower = tower(files, &folders[0])?;
        tower.insert("pooling".into(), pooling(files, &folders[1])?.into());
        let projection_dim = projection(files, &folders[2], &mut tower)?;
        Ok(Some(Self {
            config_json: config_json(Value::Object(tower), &projection_dim),
            transformer: folders[0].clone(),
            dense: folders[2].clone(),
        }))
    }
}

impl Module {
    /// Name of its class, without the modules that it lies in.
    fn class(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or_default()
    }

    /// Its folder, as `list` has it: that of the model or one in it.
    fn folder(&self, list: &str) -> Result<String> {
        let name = self.path.trim_end_matches('/');
        if name.is_empty() {
            return Ok(String::new());
        }
        if name == ".." || name == "." || name.contains(['/', '\\']) {
            return Err(malformed(
                list,
                format!("the path {name:?} is not a folder's name"),
            ));
        }
        Ok(format!("{name}/"))
    }
}

/// Fields of the `text_config` that the transformer in `folder` comes to.
fn tower(files: &dyn SnapshotFiles, folder: &str) -> Result<Map<String, Value>> {
    let (path, mut tower) = require_object(files, folder, CONFIG)?;
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
    if let Some(longest) = longest(files, folder)? {
        tower.insert("max_length".into(), longest.into());
    }
    Ok(tower)
}

/// The most tokens of a text, where the settings limit them: those of the tokenizer do where the others do not say.
fn longest(files: &dyn SnapshotFiles, folder: &str) -> Result<Option<u64>> {
    let mut given = None;
    if let Some((path, settings)) = object(files, folder, "sentence_bert_config.json")? {
        if settings.get("do_lower_case") == Some(&Value::Bool(true)) {
            return Err(unsupported(
                &path,
                "do_lower_case is true; false is supported".into(),
            ));
        }
        given = settings.get("max_seq_length").and_then(Value::as_u64);
    }
    if given.is_none()
        && let Some((_, settings)) = object(files, folder, "tokenizer_config.json")?
    {
        // A tokenizer without a limit has one of many digits, which is no u64.
        given = settings.get("model_max_length").and_then(Value::as_u64);
    }
    Ok(given)
}

/// `cls` or `mean`, or another word that is refused where it is read; older settings have a field for each.
fn pooling(files: &dyn SnapshotFiles, folder: &str) -> Result<String> {
    let (path, settings) = require_object(files, folder, CONFIG)?;
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
fn projection(files: &dyn SnapshotFiles, folder: &str, tower: &mut Map<String, Value>) -> Result<Value> {
    let (path, settings) = require_object(files, folder, CONFIG)?;
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

/// The object in the JSON file `name` of a folder, with the path of the file; `None` where there is no such file.
fn object(
    files: &dyn SnapshotFiles,
    folder: &str,
    name: &str,
) -> Result<Option<(String, Map<String, Value>)>> {
    let name = format!("{folder}{name}");
    let Some(json) = files.text(&name)? else {
        return Ok(None);
    };
    let path = files.path(&name);
    let object = serde_json::from_str(&json).map_err(|e| malformed(&path, e.to_string()))?;
    Ok(Some((path, object)))
}

/// As [`object`], of a file that must be there.
fn require_object(
    files: &dyn SnapshotFiles,
    folder: &str,
    name: &str,
) -> Result<(String, Map<String, Value>)> {
    let found = object(files, folder, name)?;
    found.ok_or_else(|| malformed(&files.path(&format!("{folder}{name}")), "file is missing".into()))
}

fn malformed(path: &str, reason: String) -> Error {
    Error::model(path, reason)
}

fn unsupported(path: &str, reason: String) -> Error {
    Error::unsupported(path, reason)
}
