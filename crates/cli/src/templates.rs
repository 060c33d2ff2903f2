//! Prompt templates: published sets, files, and those of a data set.

use std::path::Path;

use cliplet::Error;
use cliplet::zero_shot::PromptTemplate;

use super::eval::beside;

/// The file in which a data set brings its templates, one a line, as CLIP_benchmark's sets do.
const FILE: &str = "zeroshot_classification_templates.txt";
/// The place for the label in such files.
const PLACEHOLDER: &str = "{c}";

/// Templates that CLIP's authors have published, by name.
struct Set {
    name: &'static str,
    /// One a line.
    templates: &'static str,
    /// Names of data sets that these templates are for. A data set is one of them where its name has all the words of
    /// one of these.
    data: &'static [&'static str],
}

/// The set of the file that has its name, for data sets of that name and of others.
macro_rules! set {
    ($name:literal $(, $data:literal)*) => {
        Set {
            name: $name,
            templates: include_str!(concat!("templates/", $name, ".txt")),
            data: &[$name $(, $data)*],
        }
    };
}

/// The 80 for ImageNet and the 7 best of them are those of the notebook
/// "Prompt Engineering for ImageNet" in github.com/openai/CLIP; the others are the lists of its
/// data/prompts.md, with which the paper's zero-shot scores were made. MIT licence, copyright 2021 OpenAI.
/// None is published for SVHN, which takes MNIST's.
const SETS: &[Set] = &[
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
    set!("aircraft", "fgvcaircraft"),
    set!("birdsnap"),
    set!("caltech101", "caltech-101"),
    set!("cifar10", "cifar-10"),
    // CIFAR-10 and CIFAR-100 share a list.
    Set {
        name: "cifar100",
        templates: include_str!("templates/cifar10.txt"),
        data: &["cifar100", "cifar-100"],
    },
    set!("clevr-counts", "clevr-count", "clevrcounts"),
    set!("country211", "country-211"),
    set!("dtd", "describable-textures", "describabletextures"),
    set!("eurosat"),
    set!("fer2013", "fer-2013"),
    set!("flowers102", "flowers", "102flowers"),
    set!("food101", "food"),
    set!("gtsrb"),
    set!("hateful-memes", "hatefulmemes"),
    set!("kinetics700", "kinetics"),
    set!("kitti"),
    set!("mnist", "svhn"),
    set!("pcam", "patch-camelyon", "patchcamelyon"),
    set!("pets", "pet", "oxfordpets"),
    set!("rendered-sst2", "renderedsst2", "sst2"),
    set!("resisc45"),
    set!("stanford-cars", "cars", "stanfordcars"),
    set!("stl10", "stl-10"),
    set!("sun397", "sun-397"),
    set!("ucf101", "ucf-101"),
    set!("voc2007", "voc-2007", "pascalvoc2007"),
];

/// The templates of the data set at `data`: those given; those of the set or file `named`; those it
/// brings; those published for one of its name; else the usual one.
///
/// # Errors
/// [`Error::Io`] where a file cannot be read, [`Error::Input`] where a template has no place for the
/// label.
pub fn templates(given: &[String], named: Option<&str>, data: &Path) -> Result<Vec<PromptTemplate>, Error> {
    if !given.is_empty() {
        return PromptTemplate::list(given);
    }
    if let Some(name) = named {
        return self::named(name);
    }
    match (beside(data, FILE), published(data)) {
        (Some(file), _) => read(&file),
        (None, Some(set)) => set.list(),
        (None, None) => Ok(vec![PromptTemplate::default()]),
    }
}

/// The published set of this name, or the templates of the file at this path.
///
/// # Errors
/// As [`templates`].
pub fn named(name: &str) -> Result<Vec<PromptTemplate>, Error> {
    match SETS.iter().find(|set| set.name == name) {
        Some(set) => set.list(),
        None if Path::new(name).exists() => read(Path::new(name)),
        None => {
            let sets: Vec<_> = SETS.iter().map(|set| set.name).collect();
            let sets = sets.join(", ");
            let reason =
                format!("there is no such file, nor a published set of that name; the sets are {sets}");
            Err(crate::not_found(name, reason))
        }
    }
}

impl Set {
    fn list(&self) -> Result<Vec<PromptTemplate>, Error> {
        list(self.templates)
    }
}

/// The set for a data set of this name.
fn published(data: &Path) -> Option<&'static Set> {
    let name = data.file_stem()?.to_string_lossy().to_lowercase();
    let has: Vec<_> = words(&name).collect();
    let fits = |data: &&str| words(data).all(|word| has.contains(&word));
    SETS.iter().find(|set| set.data.iter().any(fits))
}

fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c: char| !c.is_alphanumeric())
}

fn read(file: &Path) -> Result<Vec<PromptTemplate>, Error> {
    let text = std::fs::read_to_string(file).map_err(Error::io(file))?;
    list(&text).map_err(|error| Error::Input(format!("{}: {error}", file.display())))
}

/// Templates, one a line.
fn list(text: &str) -> Result<Vec<PromptTemplate>, Error> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let templates: Vec<String> = lines.map(|line| line.replace(PLACEHOLDER, "{}")).collect();
    match templates.is_empty() {
        true => Err(Error::Input("there is no template in it".into())),
        false => PromptTemplate::list(&templates),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn texts(named: Option<&str>, data: &str) -> Vec<String> {
        let templates = templates(&[], named, Path::new(data)).unwrap();
        templates.iter().map(|one| one.as_str().to_string()).collect()
    }

    #[test]
    fn a_data_set_known_by_its_name_has_its_own() {
        for (data, template) in [
            ("oxford-iiit-pet", "a photo of a {}, a type of pet."),
            ("Food101.zip", "a photo of {}, a type of food."),
            ("mnist", "a photo of the number: \"{}\"."),
            ("carpets", "a photo of a {}"),
        ] {
            assert_eq!(texts(None, data), [template], "{data}");
        }
        assert_eq!(texts(Some("kitti"), "mnist"), ["{}"]);
    }

    #[test]
    fn names_of_data_sets_tell_their_set() {
        for (set, data) in [
            (
                "imagenet-80",
                "wds_imagenet1k wds_imagenetv2 imagenet-r wds_imagenet_sketch",
            ),
            ("aircraft", "wds_fgvc_aircraft fgvc-aircraft-2013b FGVCAircraft"),
            ("birdsnap", "wds_birdsnap"),
            ("caltech101", "wds_vtab-caltech101 caltech-101.zip"),
            ("cifar10", "wds_vtab-cifar10 CIFAR10 cifar-10"),
            ("cifar100", "wds_vtab-cifar100 cifar-100-python"),
            (
                "clevr-counts",
                "wds_vtab-clevr_count_all CLEVRCounts clevr_counts",
            ),
            ("country211", "wds_country211"),
            ("dtd", "wds_vtab-dtd DescribableTextures"),
            ("eurosat", "wds_vtab-eurosat EuroSAT"),
            ("fer2013", "wds_fer2013 fer-2013"),
            ("flowers102", "wds_vtab-flowers flowers-102 102flowers"),
            ("food101", "wds_food101 food-101"),
            ("gtsrb", "wds_gtsrb"),
            ("hateful-memes", "hateful_memes HatefulMemes"),
            ("kinetics700", "kinetics700 kinetics-700"),
            ("kitti", "wds_vtab-kitti_closest_vehicle_distance"),
            ("mnist", "wds_mnist wds_vtab-svhn"),
            ("pcam", "wds_vtab-pcam patch_camelyon"),
            ("pets", "wds_vtab-pets oxford-iiit-pet OxfordPets"),
            ("rendered-sst2", "wds_renderedsst2 rendered-sst2"),
            ("resisc45", "wds_vtab-resisc45 NWPU-RESISC45"),
            ("stanford-cars", "wds_cars stanford_cars StanfordCars"),
            ("stl10", "wds_stl10 stl-10"),
            ("sun397", "wds_sun397"),
            ("ucf101", "ucf101 UCF-101"),
            ("voc2007", "wds_voc2007 PascalVOC2007"),
        ] {
            for data in data.split(' ') {
                assert_eq!(
                    published(Path::new(data)).map(|set| set.name),
                    Some(set),
                    "{data}"
                );
            }
        }
        for data in [
            "wds_vtab-clevr_closest_object_distance",
            "bird-count",
            "stanford-dogs",
            "caltech-256",
        ] {
            assert!(published(Path::new(data)).is_none(), "{data}");
        }
    }

    #[test]
    fn sets_are_as_long_as_published() {
        let lengths = SETS
            .iter()
            .map(|set| (set.name, texts(Some(set.name), "any").len()));
        let (several, single): (Vec<_>, Vec<_>) = lengths.partition(|(_, length)| *length > 1);
        let published = [
            ("imagenet-80", 80),
            ("imagenet-7", 7),
            ("aircraft", 2),
            ("caltech101", 34),
            ("cifar10", 18),
            ("cifar100", 18),
            ("country211", 5),
            ("dtd", 8),
            ("eurosat", 3),
            ("fer2013", 6),
            ("gtsrb", 3),
            ("kinetics700", 28),
            ("resisc45", 18),
            ("stanford-cars", 8),
            ("stl10", 2),
            ("sun397", 2),
            ("ucf101", 48),
        ];
        assert_eq!(several, published);
        assert_eq!(single.len(), 11);
    }

    #[test]
    fn each_template_of_a_set_is_there_once_and_has_one_place_for_the_label() {
        for set in SETS {
            let all = texts(Some(set.name), "any");
            let each: HashSet<_> = all.iter().collect();
            assert_eq!(each.len(), all.len(), "{}", set.name);
            assert_eq!(all, set.templates.lines().collect::<Vec<_>>(), "{}", set.name);
            assert!(
                all.iter().all(|one| one.matches("{}").count() == 1),
                "{}",
                set.name
            );
        }
    }

    #[test]
    fn the_seven_best_are_among_the_eighty() {
        let all = texts(Some("imagenet-80"), "any");
        let best = texts(Some("imagenet-7"), "any");
        assert_eq!((all.len(), best.len()), (80, 7));
        assert!(best.iter().all(|one| all.contains(one)));
    }
}
