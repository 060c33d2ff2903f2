//! Labels and templates, and the cache that embeds each pair once.

use std::collections::{HashMap, HashSet};

use crate::embedding::{Embedding, UnitEmbedding};
use crate::error::{Error, Result};

/// The template used when none is given.
pub const DEFAULT_TEMPLATE: &str = "a photo of a {}";

/// The place of the label in a template.
const PLACEHOLDER: &str = "{}";

/// A prompt template: text with `{}` where the label goes, such as `a photo of a {}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PromptTemplate(String);

impl PromptTemplate {
    /// Takes a template.
    ///
    /// # Errors
    /// [`Error::Input`] where `{}` is missing.
    pub fn new(text: &str) -> Result<Self> {
        if text.contains(PLACEHOLDER) {
            Ok(Self(text.to_string()))
        } else {
            Err(Error::Input(format!(
                "the template \"{text}\" has no {{}} where the label goes: write one, as in \"{DEFAULT_TEMPLATE}\""
            )))
        }
    }

    /// Takes several, as an ensemble.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn list(texts: &[String]) -> Result<Vec<Self>> {
        texts.iter().map(|text| Self::new(text)).collect()
    }

    /// The prompt of a label.
    pub fn prompt(&self, label: &str) -> String {
        self.0.replace(PLACEHOLDER, label)
    }

    /// The template's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for PromptTemplate {
    fn default() -> Self {
        Self(DEFAULT_TEMPLATE.to_string())
    }
}

/// Labels from text as a person types them: separated by commas or line breaks, trimmed, each once.
pub fn parse_labels(text: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let labels = text
        .split([',', '\n', '\r'])
        .map(str::trim)
        .filter(|label| !label.is_empty());
    labels
        .filter(|label| seen.insert(*label))
        .map(str::to_string)
        .collect()
}

/// Labels to choose from, each under one or more names, and the templates they go through.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LabelSet {
    /// Shown for each label, in the caller's order.
    labels: Vec<String>,
    /// The names whose prompts make up each label's embedding.
    names: Vec<Vec<String>>,
    templates: Vec<PromptTemplate>,
}

impl LabelSet {
    /// Labels that go by one name each.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no label or no template.
    pub fn new(labels: Vec<String>, templates: Vec<PromptTemplate>) -> Result<Self> {
        let named = labels
            .into_iter()
            .map(|label| (label.clone(), vec![label]))
            .collect();
        Self::with_names(named, templates)
    }

    /// Labels with the synonyms whose ensemble stands for each.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no label, a label without a name, or no template.
    pub fn with_names(labels: Vec<(String, Vec<String>)>, templates: Vec<PromptTemplate>) -> Result<Self> {
        if labels.is_empty() {
            return Err(Error::Input(
                "there are no labels: give at least one, separated by commas".into(),
            ));
        }
        if templates.is_empty() {
            return Err(Error::Input(format!(
                "there is no template: give one such as \"{DEFAULT_TEMPLATE}\""
            )));
        }
        if let Some((label, _)) = labels.iter().find(|(_, names)| names.is_empty()) {
            return Err(Error::Input(format!(
                "the label \"{label}\" has no name to make a prompt of"
            )));
        }
        let (labels, names) = labels.into_iter().unzip();
        Ok(Self {
            labels,
            names,
            templates,
        })
    }

    /// Replaces the templates.
    ///
    /// # Errors
    /// [`Error::Input`] where there is no template.
    pub fn with_templates(self, templates: Vec<PromptTemplate>) -> Result<Self> {
        Self::with_names(self.labels.into_iter().zip(self.names).collect(), templates)
    }

    /// The labels in the caller's order.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The prompts of one label: every name through every template.
    fn prompts(&self, label: usize) -> impl Iterator<Item = String> + '_ {
        let names = self.names[label].iter();
        names.flat_map(|name| self.templates.iter().map(move |template| template.prompt(name)))
    }
}

/// Normalized embeddings of prompts, computed once each for as long as the cache lives.
///
/// One cache belongs to one model.
#[derive(Debug, Default)]
pub struct LabelCache {
    prompts: HashMap<String, UnitEmbedding>,
    computed: usize,
}

impl LabelCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of prompts that have been embedded so far.
    pub fn computed(&self) -> usize {
        self.computed
    }

    /// One embedding for each label of `set`. `embed` is called at most once, with the
    /// prompts that are not in the cache yet.
    ///
    /// # Errors
    /// Those of `embed`.
    pub fn embeddings(
        &mut self,
        set: &LabelSet,
        embed: impl FnOnce(&[&str]) -> Result<Vec<Embedding>>,
    ) -> Result<Vec<UnitEmbedding>> {
        let missing = self.missing(set);
        if !missing.is_empty() {
            let texts: Vec<&str> = missing.iter().map(String::as_str).collect();
            let embeddings = embed(&texts)?;
            self.add(missing, embeddings);
        }
        Ok(self.ensembles(set))
    }

    /// The prompts of `set` that are not in the cache yet, each once.
    pub fn missing(&self, set: &LabelSet) -> Vec<String> {
        let mut wanted = HashSet::new();
        let prompts = (0..set.labels.len()).flat_map(|label| set.prompts(label));
        prompts
            .filter(|prompt| !self.prompts.contains_key(prompt) && wanted.insert(prompt.clone()))
            .collect()
    }

    /// Adds the embeddings of prompts.
    pub fn add(&mut self, prompts: Vec<String>, embeddings: Vec<Embedding>) {
        self.computed += prompts.len();
        let units = embeddings.into_iter().map(Embedding::normalize);
        self.prompts.extend(prompts.into_iter().zip(units));
    }

    /// One embedding for each label of `set`, of whose prompts none is [missing](Self::missing).
    pub fn ensembles(&self, set: &LabelSet) -> Vec<UnitEmbedding> {
        (0..set.labels.len())
            .map(|label| {
                let prompts = set.prompts(label);
                UnitEmbedding::mean(prompts.filter_map(|prompt| self.prompts.get(&prompt)))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Embeds a text as its length and its number of spaces.
    fn toy(texts: &[&str]) -> Result<Vec<Embedding>> {
        let embed = |text: &&str| vec![text.len() as f32, text.matches(' ').count() as f32].into();
        Ok(texts.iter().map(embed).collect())
    }

    fn set(labels: &[&str], templates: &[&str]) -> LabelSet {
        let templates = templates
            .iter()
            .map(|t| PromptTemplate::new(t).unwrap())
            .collect();
        LabelSet::new(labels.iter().map(|l| l.to_string()).collect(), templates).unwrap()
    }

    #[test]
    fn labels_are_split_trimmed_and_kept_once() {
        assert_eq!(
            parse_labels(" cat, dog\r\nred car,,cat\n"),
            ["cat", "dog", "red car"]
        );
        assert!(parse_labels(" ,\n").is_empty());
    }

    #[test]
    fn a_template_wants_its_placeholder() {
        assert_eq!(PromptTemplate::default().prompt("cat"), "a photo of a cat");
        assert!(
            PromptTemplate::new("a photo")
                .unwrap_err()
                .to_string()
                .contains("\"a photo\"")
        );
    }

    #[test]
    fn nothing_to_tell_apart_is_an_error() {
        assert!(LabelSet::new(vec![], vec![PromptTemplate::default()]).is_err());
        assert!(LabelSet::new(vec!["cat".into()], vec![]).is_err());
        assert!(LabelSet::with_names(vec![("cat".into(), vec![])], vec![PromptTemplate::default()]).is_err());
    }

    #[test]
    fn only_new_prompts_are_embedded() {
        let mut cache = LabelCache::new();
        let first = cache
            .embeddings(&set(&["cat", "dog"], &["a {}", "the {}"]), toy)
            .unwrap();
        assert_eq!(cache.computed(), 4);
        let second = cache.embeddings(&set(&["dog", "horse"], &["a {}", "the {}"]), |texts| {
            assert_eq!(texts, ["a horse", "the horse"]);
            toy(texts)
        });
        assert_eq!(second.unwrap()[0], first[1]);
        assert_eq!(cache.computed(), 6);
    }

    #[test]
    fn an_ensemble_is_the_normalized_mean() {
        let mut cache = LabelCache::new();
        let got = cache.embeddings(&set(&["x"], &["{}", "{} y"]), toy).unwrap();
        let [x, y] = [0, 1].map(|i| toy(&["x", "x y"]).unwrap().swap_remove(i).normalize());
        let sum: Vec<f32> = x.iter().zip(y.iter()).map(|(x, y)| x + y).collect();
        let want = Embedding::from(sum).normalize();
        assert_eq!(got[0], want);
    }
}
