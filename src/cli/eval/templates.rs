//! The prompt templates of a data set.

use std::path::Path;

use cliplet::Error;
use cliplet::classify::Template;

use super::beside;
use crate::cli::io_error;

/// The file in which a data set brings its templates, one a line, as CLIP_benchmark's sets do.
const FILE: &str = "zeroshot_classification_templates.txt";
/// What such files write for the label.
const PLACEHOLDER: &str = "{c}";

/// Templates that CLIP's authors have published, by name.
struct Set {
    name: &'static str,
    /// One a line.
    templates: &'static str,
    /// Words by which a data set's name tells that these are its own.
    data: &'static [&'static str],
}

/// The 80 for ImageNet and the 7 best of them are those of the notebook
/// "Prompt Engineering for ImageNet" in github.com/openai/CLIP; the others are those that section 3.1.4
/// of the paper (arXiv 2103.00020) describes.
const SETS: [Set; 7] = [
    Set {
        name: "imagenet-80",
        templates: include_str!("templates/imagenet.txt"),
        data: &["imagenet", "imagenet1k", "imagenetv2"],
    },
    Set {
        name: "imagenet-7",
        templates: "itap of a {}.\na bad photo of the {}.\na origami {}.\na photo of the large {}.\n\
            a {} in a video game.\nart of the {}.\na photo of the small {}.",
        data: &[],
    },
    Set {
        name: "pets",
        templates: "A photo of a {}, a type of pet.",
        data: &["pet", "pets"],
    },
    Set {
        name: "food",
        templates: "A photo of a {}, a type of food.",
        data: &["food", "food101"],
    },
    Set {
        name: "aircraft",
        templates: "A photo of a {}, a type of aircraft.",
        data: &["aircraft"],
    },
    Set {
        name: "satellite",
        templates: "a satellite photo of a {}.",
        data: &["eurosat", "resisc45"],
    },
    Set {
        name: "quoted",
        templates: "A photo of a \"{}\".",
        data: &["mnist", "svhn"],
    },
];

/// The templates of the data set at `data`: those given; those of the set or file `named`; those it
/// brings; those published for one of its name; else the usual one.
///
/// # Errors
/// [`Error::Io`] where a file cannot be read, [`Error::Input`] where a template has no place for the
/// label.
pub fn templates(given: &[String], named: Option<&str>, data: &Path) -> Result<Vec<Template>, Error> {
    if !given.is_empty() {
        return Template::list(given);
    }
    if let Some(name) = named {
        return match SETS.iter().find(|set| set.name == name) {
            Some(set) => set.list(),
            None => read(Path::new(name)),
        };
    }
    match (beside(data, FILE), published(data)) {
        (Some(file), _) => read(&file),
        (None, Some(set)) => set.list(),
        (None, None) => Ok(vec![Template::default()]),
    }
}

impl Set {
    fn list(&self) -> Result<Vec<Template>, Error> {
        list(self.templates)
    }
}

/// The set for a data set of this name.
fn published(data: &Path) -> Option<&'static Set> {
    let name = data.file_stem()?.to_string_lossy().to_lowercase();
    let words: Vec<_> = name.split(|c: char| !c.is_alphanumeric()).collect();
    let fits = |set: &&Set| set.data.iter().any(|word| words.contains(word));
    SETS.iter().find(fits)
}

fn read(file: &Path) -> Result<Vec<Template>, Error> {
    let text = std::fs::read_to_string(file).map_err(io_error(file))?;
    list(&text).map_err(|error| Error::Input(format!("{}: {error}", file.display())))
}

/// Templates, one a line.
fn list(text: &str) -> Result<Vec<Template>, Error> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let templates: Vec<String> = lines.map(|line| line.replace(PLACEHOLDER, "{}")).collect();
    match templates.is_empty() {
        true => Err(Error::Input("there is no template in it".into())),
        false => Template::list(&templates),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(named: Option<&str>, data: &str) -> Vec<String> {
        let templates = templates(&[], named, Path::new(data)).unwrap();
        templates.iter().map(|one| one.as_str().to_string()).collect()
    }

    #[test]
    fn a_data_set_known_by_its_name_has_its_own() {
        assert_eq!(texts(None, "wds_imagenet1k").len(), 80);
        for (data, template) in [
            ("oxford-iiit-pet", "A photo of a {}, a type of pet."),
            ("wds_vtab-pets", "A photo of a {}, a type of pet."),
            ("Food101.zip", "A photo of a {}, a type of food."),
            ("fgvc_aircraft", "A photo of a {}, a type of aircraft."),
            ("EuroSAT", "a satellite photo of a {}."),
            ("mnist", "A photo of a \"{}\"."),
            ("carpets", "a photo of a {}"),
        ] {
            assert_eq!(texts(None, data), [template], "{data}");
        }
        assert_eq!(texts(Some("satellite"), "mnist"), ["a satellite photo of a {}."]);
    }

    #[test]
    fn the_seven_best_are_among_the_eighty() {
        let all = texts(Some("imagenet-80"), "any");
        let best = texts(Some("imagenet-7"), "any");
        assert_eq!((all.len(), best.len()), (80, 7));
        assert!(best.iter().all(|one| all.contains(one)));
    }
}
