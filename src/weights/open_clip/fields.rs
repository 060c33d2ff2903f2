//! Fields of an object in `open_clip_config.json`, taken out one by one; those that are left are refused.

use serde_json::{Map, Value};

use super::{malformed, unsupported};
use crate::error::Result;

/// Fields that have not been looked at.
pub struct Fields {
    section: String,
    fields: Map<String, Value>,
}

impl Fields {
    /// The fields of the object that errors call `section`.
    pub fn new(section: &str, fields: Map<String, Value>) -> Self {
        Self {
            section: section.into(),
            fields,
        }
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Returns true if the field is there, `null` or not.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Takes a field out; `None` where it is absent or `null`.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    /// Returns true if the field is there and `null`.
    pub fn is_null(&self, name: &str) -> bool {
        self.fields.get(name) == Some(&Value::Null)
    }

    /// Renames the field `older` to `name`, unless both are there and contradict each other.
    pub fn replaces(&mut self, name: &str, older: &str) -> Result<()> {
        let Some(given) = self.fields.remove(older) else {
            return Ok(());
        };
        match self.fields.get(name) {
            Some(other) if *other != given => Err(malformed(format!(
                "{}.{name} is {other}, but {older}, an earlier name of it, is {given}",
                self.section
            ))),
            _ => {
                self.fields.insert(name.into(), given);
                Ok(())
            }
        }
    }

    /// Takes the cleaning out that texts get before a tokenizer of `transformers`, which models that name one have, as
    /// `has_tokenizer` says that this one does. Those without have CLIP's tokenizer, which makes texts clean by itself.
    pub fn cleaning(&mut self, has_tokenizer: bool) -> Result<Option<String>> {
        let named = self.take("hf_tokenizer_name");
        let has_tokenizer = has_tokenizer || named.is_some_and(|name| name != "");
        let default = has_tokenizer.then_some("whitespace");
        let Some(mut kwargs) = self.object("tokenizer_kwargs")? else {
            return Ok(default.map(str::to_string));
        };
        let known = ["whitespace", "lower", "canonicalize"];
        let clean = kwargs.one_of("clean", default.unwrap_or("lower"), &known)?;
        kwargs.finish()?;
        Ok(Some(clean))
    }

    /// Takes an object out.
    pub fn object(&mut self, name: &str) -> Result<Option<Self>> {
        let section = format!("{}.{name}", self.section);
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self { section, fields })),
            Some(_) => Err(malformed(format!("{section} is not a JSON object"))),
        }
    }

    /// Takes a whole number out, `default` where it is absent.
    pub fn count(&mut self, name: &str, default: u64) -> Result<u64> {
        match self.take(name) {
            None => Ok(default),
            Some(value) => value
                .as_u64()
                .ok_or_else(|| self.wrong(name, &value, "a whole number")),
        }
    }

    /// Takes a number out, `default` where it is absent.
    pub fn number(&mut self, name: &str, default: f64) -> Result<f64> {
        match self.take(name) {
            None => Ok(default),
            Some(value) => value.as_f64().ok_or_else(|| self.wrong(name, &value, "a number")),
        }
    }

    /// Takes a truth value out, false where it is absent.
    pub fn flag(&mut self, name: &str) -> Result<bool> {
        match self.take(name) {
            None => Ok(false),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.wrong(name, &value, "true or false")),
        }
    }

    /// Takes a text out, `default` where it is absent, that must be one of `known`.
    pub fn one_of(&mut self, name: &str, default: &str, known: &[&str]) -> Result<String> {
        let Some(value) = self.take(name) else {
            return Ok(default.into());
        };
        match value.as_str() {
            Some(text) if known.contains(&text) => Ok(text.into()),
            _ => Err(unsupported(format!(
                "{}.{name} is {value}; supported: {}",
                self.section,
                known.join(", ")
            ))),
        }
    }

    /// Takes all fields that are left.
    pub fn into_map(self) -> Map<String, Value> {
        self.fields
    }

    /// Drops fields that change nothing of what a trained model computes.
    pub fn ignore(&mut self, names: &[&str]) {
        self.fields.retain(|name, _| !names.contains(&name.as_str()));
    }

    /// Refuses the fields that are left, unless they switch something off.
    pub fn finish(self) -> Result<()> {
        let is_off = |value: &Value| matches!(value, Value::Null | Value::Bool(false));
        match self.fields.iter().find(|(_, value)| !is_off(value)) {
            Some((name, value)) => Err(unsupported(format!(
                "{}.{name} is {value}, which is not supported",
                self.section
            ))),
            None => Ok(()),
        }
    }

    fn wrong(&self, name: &str, value: &Value, expected: &str) -> crate::error::Error {
        malformed(format!("{}.{name} is {value}; expected {expected}", self.section))
    }
}
