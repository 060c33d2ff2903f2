//! The API keys of a server, as digests: one key without a name, or several with names.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Keys, one of which clients must send; everybody is let in where there are none.
#[derive(Clone, Default)]
pub struct ApiKeys(Vec<ApiKey>);

/// A key's name and digest. Comparing digests takes as long whatever was sent, however long.
#[derive(Clone)]
struct ApiKey {
    name: String,
    digest: [u8; 32],
}

/// A key file that cannot be used. The message has no part of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// There is no key in it.
    #[error("the key is empty: give one, or none to let everybody in")]
    Empty,
    /// A line of a file of named keys has another form.
    #[error("line {0} of the key file is not \"NAME: KEY\", as its first line is")]
    Line(usize),
    /// Two keys have one name.
    #[error("line {0} of the key file names a key that an earlier line names")]
    Twice(usize),
}

impl ApiKeys {
    /// One key without a name.
    ///
    /// # Errors
    /// [`ApiKeyError::Empty`].
    pub fn single(key: &str) -> Result<Self, ApiKeyError> {
        match key.is_empty() {
            true => Err(ApiKeyError::Empty),
            false => Ok(Self(vec![ApiKey::new("", key)])),
        }
    }

    /// The keys of a file: lines `NAME: KEY`, of which empty ones and those that begin with `#` are passed over;
    /// or, where the first line has no name, that line alone is the key. A byte order mark is passed over.
    ///
    /// # Errors
    /// An [`ApiKeyError`] that names the line.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        let text = text.trim_start_matches('\u{feff}');
        let first = text.lines().next().unwrap_or_default().trim();
        let comment = |line: &str| line.is_empty() || line.starts_with('#');
        if !first.starts_with('#') && named(first).is_none() {
            return Self::single(first);
        }
        let mut keys: Vec<ApiKey> = Vec::new();
        for (i, line) in text
            .lines()
            .map(str::trim)
            .enumerate()
            .filter(|(_, line)| !comment(line))
        {
            let (name, key) = named(line).ok_or(ApiKeyError::Line(i + 1))?;
            if keys.iter().any(|other| other.name == name) {
                return Err(ApiKeyError::Twice(i + 1));
            }
            keys.push(ApiKey::new(name, key));
        }
        match keys.is_empty() {
            true => Err(ApiKeyError::Empty),
            false => Ok(Self(keys)),
        }
    }

    /// Returns true where no key is needed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The index of the key that was sent. Every key is compared, so that the time tells nothing.
    pub(crate) fn find(&self, sent: &[u8]) -> Option<usize> {
        let digest: [u8; 32] = Sha256::digest(sent).into();
        let mut found = None;
        for (i, key) in self.0.iter().enumerate() {
            if bool::from(digest.ct_eq(&key.digest)) {
                found = Some(i);
            }
        }
        found
    }

    /// The name of a key; empty where it has none.
    pub(crate) fn name(&self, index: usize) -> &str {
        self.0.get(index).map_or("", |key| &key.name)
    }

    /// Returns true where keys identify clients.
    pub(crate) fn are_named(&self) -> bool {
        self.0.len() > 1
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list()
            .entries(self.0.iter().map(|key| &key.name))
            .finish()
    }
}

impl ApiKey {
    fn new(name: &str, key: &str) -> Self {
        Self {
            name: name.into(),
            digest: Sha256::digest(key).into(),
        }
    }
}

/// The parts of a line `NAME: KEY`.
fn named(line: &str) -> Option<(&str, &str)> {
    let (name, key) = line.split_once(": ")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let key = key.trim();
    (!name.is_empty() && name.chars().all(plain) && !key.is_empty() && !key.contains(' '))
        .then_some((name, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_key_or_named_ones() {
        for text in [
            "sesame",
            "sesame\nnot the key\n",
            "\u{feff}sesame\r\n",
            "  sesame ",
        ] {
            let keys = ApiKeys::parse(text).unwrap();
            assert_eq!(keys.find(b"sesame"), Some(0), "{text:?}");
            assert_eq!(keys.find(b"not the key"), None);
            assert!(!keys.are_named());
        }
        let keys = ApiKeys::parse("\u{feff}# who may\nann: one\n\nbob: two:2\n").unwrap();
        assert_eq!(
            (keys.find(b"one"), keys.find(b"two:2"), keys.find(b"ann: one")),
            (Some(0), Some(1), None)
        );
        assert_eq!(keys.name(1), "bob");
        assert_eq!(format!("{keys:?}"), r#"["ann", "bob"]"#);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_refused_without_its_keys() {
        for (text, wanted) in [
            ("", ApiKeyError::Empty),
            ("\nsesame", ApiKeyError::Empty),
            ("# nobody", ApiKeyError::Empty),
            ("ann: one\ntwo", ApiKeyError::Line(2)),
            ("ann: one\n\nann: two", ApiKeyError::Twice(3)),
        ] {
            assert_eq!(ApiKeys::parse(text).err(), Some(wanted), "{text:?}");
        }
    }
}
