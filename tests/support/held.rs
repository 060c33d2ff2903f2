//! Small snapshots of `parity/models`, on disk and in memory.

use std::collections::HashMap;
use std::path::Path;

use cliplet::weights::{SnapshotMetadata, WeightIndex};

use crate::support::tiny;
use crate::weights_in_memory::index;

/// A snapshot on disk, the same in memory, and the way in which it is read there.
pub struct Held {
    pub folder: tempfile::TempDir,
    pub name: String,
    small: HashMap<String, Vec<u8>>,
    files: Vec<(String, Vec<u8>)>,
    of_open_clip: bool,
}

impl Held {
    /// The model `name`, with the tokenizer that all CLIPs share where it has none, and its `files` of weights.
    pub fn new(name: &str, files: &[&str], of_open_clip: bool) -> Self {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/parity/models")
            .join(name);
        let folder = tempfile::tempdir().unwrap();
        let mut small = HashMap::new();
        let shared = tiny().join("tokenizer.json");
        small.insert("tokenizer.json".to_string(), std::fs::read(shared).unwrap());
        read_into(&dir, "", &mut small);
        for (path, bytes) in &small {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let weights = |file: &&str| (file.to_string(), small[*file].clone());
        Self {
            folder,
            name: name.into(),
            files: files.iter().map(weights).collect(),
            small,
            of_open_clip,
        }
    }

    pub fn texts(&self) -> SnapshotMetadata {
        SnapshotMetadata::read(&self.name, &self.small, self.of_open_clip).unwrap()
    }

    pub fn indexes(&self) -> Vec<WeightIndex> {
        let index_of =
            |(name, bytes): &(String, Vec<u8>)| index(name, bytes, Some(bytes.len() as u64)).unwrap();
        self.files.iter().map(index_of).collect()
    }

    pub fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.files.iter().map(|(_, bytes)| bytes.as_slice())
    }
}

/// Reads the files of a folder, and those of the folders in it, by their paths behind `prefix`.
fn read_into(dir: &Path, prefix: &str, files: &mut HashMap<String, Vec<u8>>) {
    for entry in dir.read_dir().unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        match path.is_dir() {
            true => read_into(&path, &format!("{name}/"), files),
            false => drop(files.insert(name, std::fs::read(path).unwrap())),
        }
    }
}
