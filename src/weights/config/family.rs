//! The families of models that there are, and how the scores of each come about.

use std::fmt;

use serde_json::{Map, Value};

use super::fields::{malformed, unsupported};
use crate::error::{Error, Result};

/// A kind of model, as `model_type` in `config.json` and `general.architecture` in our files name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// OpenAI's CLIP and all that has its layout, MetaCLIP 2 and Chinese-CLIP among it.
    #[default]
    Clip,
    /// SigLIP, and SigLIP 2 at fixed resolution and NaFlex.
    Siglip,
}

/// Rule by which logits become scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScoreRule {
    /// Labels share one hundred percent: the softmax of their logits.
    #[default]
    Softmax,
    /// Each label is judged alone: the sigmoid of its logit.
    Sigmoid,
}

impl Family {
    /// All families.
    pub const ALL: [Self; 2] = [Self::Clip, Self::Siglip];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clip => "clip",
            Self::Siglip => "siglip",
        }
    }

    /// The family of this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }

    /// Rule by which logits of such models become scores.
    pub fn score_rule(self) -> ScoreRule {
        match self {
            Self::Clip => ScoreRule::Softmax,
            Self::Siglip => ScoreRule::Sigmoid,
        }
    }
}

impl ScoreRule {
    /// Its name in files and in descriptions of models.
    pub fn name(self) -> &'static str {
        match self {
            Self::Softmax => "softmax",
            Self::Sigmoid => "sigmoid",
        }
    }
}

impl fmt::Display for ScoreRule {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for ScoreRule {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Self::Softmax, Self::Sigmoid]
            .into_iter()
            .find(|rule| rule.name() == name)
            .ok_or_else(|| {
                Error::Input(format!(
                    "no score rule is called {name:?}: softmax and sigmoid are"
                ))
            })
    }
}

/// Classes of `transformers`, and the `model_type` of their configurations.
const CLASSES: [(&str, &str); 7] = [
    ("CLIPModel", "clip"),
    ("MetaClip2Model", "metaclip_2"),
    ("ChineseCLIPModel", "chinese_clip"),
    ("SiglipModel", "siglip"),
    ("Siglip2Model", "siglip2"),
    ("CLIPTextModelWithProjection", "clip_text_model"),
    ("CLIPVisionModelWithProjection", "clip_vision_model"),
];

/// The `model_type` of a configuration; where it has none, that of the class in `architectures`, or else CLIP's.
///
/// # Errors
/// [`Error::Model`] where both are known and contradict each other, and [`Error::Unsupported`] for a class that is not
/// known and has no `model_type` beside it.
pub(super) fn model_type(fields: &Map<String, Value>) -> Result<&str> {
    let classes = fields.get("architectures");
    let class = classes.and_then(|classes| classes.get(0)?.as_str());
    let known = CLASSES.iter().find(|(known, _)| class == Some(known));
    match (fields.get("model_type").and_then(Value::as_str), class, known) {
        (Some(given), Some(class), Some((_, own))) if given != *own => Err(malformed(format!(
            "model_type is {given:?}, but architectures has {class:?}, whose model_type is {own:?}"
        ))),
        (Some(given), ..) => Ok(given),
        (None, _, Some((_, own))) => Ok(own),
        (None, Some(class), None) => Err(unsupported(refusal("architectures", class))),
        (None, None, None) => Ok("clip"),
    }
}

/// The sentence that refuses the value of a field that tells the kind of model, with the kinds that there are.
pub(super) fn refusal(field: &str, model_type: &str) -> String {
    let known = "\"clip\", \"metaclip_2\", \"chinese_clip\", \"siglip\", \"siglip2\", the towers \"clip_text_model\", \
                 \"clip_vision_model\" and \"M-CLIP\", and models of open_clip with their open_clip_config.json";
    let advice = match model_type {
        "distilbert" | "bert" | "xlm-roberta" => {
            "; as a text tower it needs the modules.json, the pooling and the linear map of sentence-transformers beside it"
        }
        _ => "",
    };
    format!("{field} is {model_type:?}; supported are {known}{advice}")
}
