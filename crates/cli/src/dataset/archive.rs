//! Classes of the files in an archive, by the folders in their names.

use std::path::Path;

use super::{ClassImages, Classes, Location};
use crate::terminal;

/// A file of an archive, or a folder without one, whose name ends in a slash and which has no location.
pub struct Entry {
    pub name: String,
    pub location: Option<Location>,
}

/// Sorts the files of an archive by class: by the first folder in their names, after those folders that hold all of
/// them. Files of the archive at `path` that lie beside the class folders are in no class: they are left out and counted
/// on standard error.
pub fn by_class(path: &Path, entries: Vec<Entry>) -> Classes {
    let names: Vec<Vec<&str>> = entries
        .iter()
        .map(|entry| entry.name.split('/').collect())
        .collect();
    let depth = shared_folders(&names);
    let classes: Vec<_> = names.iter().map(|parts| class(parts, depth)).collect();
    let mut sorted = Classes::new();
    let mut left_out = 0;
    for (class, entry) in classes.into_iter().zip(&entries) {
        let Some(class) = class else {
            left_out += 1;
            continue;
        };
        let images: &mut ClassImages = sorted.entry(class.to_string()).or_default();
        images.extend(
            entry
                .location
                .clone()
                .map(|location| (entry.name.clone(), location)),
        );
    }
    if left_out > 0 {
        let path = path.display();
        terminal::message(format_args!(
            "{path}: left out, being in no class folder: {left_out} files"
        ));
    }
    sorted
}

/// The part of a name that is its class, where `depth` folders hold all files.
fn class<'a>(parts: &[&'a str], depth: usize) -> Option<&'a str> {
    parts.get(depth).copied().filter(|_| parts.len() >= depth + 2)
}

/// The number of folders, one within the other, that hold all files in folders. The last of them holds class folders.
fn shared_folders(names: &[Vec<&str>]) -> usize {
    let mut depth = 0;
    loop {
        let mut folders = names.iter().filter_map(|parts| class(parts, depth));
        let Some(first) = folders.next() else {
            return depth;
        };
        let holds_folders = names.iter().any(|parts| class(parts, depth + 1).is_some());
        if !holds_folders || folders.any(|folder| folder != first) {
            return depth;
        }
        depth += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(names: &[&str]) -> Vec<(String, usize)> {
        let entry = |name: &&str| Entry {
            name: name.to_string(),
            location: (!name.ends_with('/')).then_some(Location::ZipEntry(0)),
        };
        let sorted = by_class(Path::new("test.zip"), names.iter().map(entry).collect());
        sorted
            .into_iter()
            .map(|(class, images)| (class, images.len()))
            .collect()
    }

    #[test]
    fn the_class_is_the_first_folder_that_not_all_files_share() {
        let expected = [("cat".to_string(), 2), ("dog".to_string(), 1)];
        assert_eq!(
            classes(&["cat/1.png", "cat/indoors/2.png", "dog/3.png"]),
            expected
        );
        let rooted = [
            "a/b/cat/1.png",
            "a/b/cat/in/2.png",
            "a/b/dog/3.png",
            "a/b/README",
            "LICENSE",
        ];
        assert_eq!(classes(&rooted), expected);
        assert_eq!(
            classes(&["cat/1.png", "cat/2.png", "dog/"]),
            [("cat".into(), 2), ("dog".into(), 0)]
        );
        assert_eq!(classes(&["root/green/"]), [("green".into(), 0)]);
        assert_eq!(classes(&["1.png"]), []);
    }
}
