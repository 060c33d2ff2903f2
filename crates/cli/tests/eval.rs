//! `cliplet eval` on tars, on what data sets bring with them, and on several data sets at once.
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{Rgb, RgbImage};
use serde_json::{Value, json};
use tempfile::TempDir;

const NAMES: [&str; 3] = ["blue square", "green square", "red square"];
const COLORS: [[u8; 3]; 3] = [[20, 40, 225], [20, 190, 40], [225, 20, 20]];
/// As CLIP_benchmark writes them.
const TEMPLATES: &str = "a {c}\n\na drawing of a {c}.\n";

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cliplet"));
    command.arg("eval").args(arguments).output().unwrap()
}

fn answer(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn figures(arguments: &[&str]) -> Value {
    serde_json::from_str(&answer(&[arguments, &["--format", "json"]].concat())).unwrap()
}

fn failure(arguments: &[&str], code: i32) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// An image of a class: a square or, each third, a frame.
fn image(class: usize, number: u32) -> Vec<u8> {
    let hollow = number % 3 == 2;
    let image = RgbImage::from_fn(64, 64, |x, y| {
        let within = |margin: u32| (margin..64 - margin).contains(&x) && (margin..64 - margin).contains(&y);
        Rgb(if within(8 + number) && !(hollow && within(20)) {
            COLORS[class]
        } else {
            [255; 3]
        })
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Files in a tar, in their order.
fn tar(path: &Path, files: &[(&str, &[u8])]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut builder = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.finish().unwrap();
}

/// One set of images as class folders, a tar of those, and webdataset shards with labels and templates.
struct Sets {
    folder: TempDir,
}

impl Sets {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut in_folders = Vec::new();
        let mut shards = [Vec::new(), Vec::new()];
        for (class, name) in NAMES.iter().enumerate() {
            for number in 0..3 {
                let bytes = image(class, number);
                let path = folder.path().join(format!("folders/{name}/{number}.png"));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, &bytes).unwrap();
                in_folders.push((format!("./root/{name}/{number}.v1.png"), bytes.clone()));
                let shard = &mut shards[number as usize % 2];
                let key = format!("s{:07}", shard.len() / 2);
                shard.push((format!("{key}.cls"), format!("{class}\n").into_bytes()));
                shard.push((format!("{key}.png"), bytes));
            }
        }
        let named = |files: &[(String, Vec<u8>)], path: PathBuf| {
            let files: Vec<_> = files.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
            tar(&path, &files);
        };
        named(&in_folders, folder.path().join("folders.tar"));
        named(&shards[0], folder.path().join("shards/test/0.tar"));
        named(&shards[1], folder.path().join("shards/test/1.tar"));
        let labels = format!("{}\nyellow square\n", NAMES.join("\n"));
        std::fs::write(folder.path().join("shards/classnames.txt"), labels).unwrap();
        let templates = folder.path().join("shards/zeroshot_classification_templates.txt");
        std::fs::write(templates, TEMPLATES).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, content: &str) -> String {
        std::fs::write(self.folder.path().join(name), content).unwrap();
        self.path(name)
    }
}

/// The figures that do not depend on the names of classes.
fn rates(figures: &Value) -> Vec<Value> {
    let fields = [
        "images",
        "top1",
        "top5",
        "mean_per_class",
        "unreadable",
        "templates",
    ];
    fields.map(|field| figures[field].clone()).to_vec()
}

#[test]
fn tars_of_folders_count_as_their_folders() {
    let sets = Sets::new();
    let of = |name: &str| figures(&[&sets.path(name), "--template", "a {}"]);
    let (folders, tar) = (of("folders"), of("folders.tar"));
    assert_eq!(folders["images"], 9);
    assert_eq!(folders, tar);
}

#[test]
fn webdataset_shards_bring_labels_and_templates() {
    let sets = Sets::new();
    let shards = figures(&[&sets.path("shards")]);
    assert_eq!(shards["templates"], json!(["a {}", "a drawing of a {}."]));
    let labels: Vec<_> = shards["per_class"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["label"])
        .collect();
    assert_eq!(
        labels,
        ["blue square", "green square", "red square", "yellow square"]
    );
    assert_eq!(
        shards["per_class"][3]["images"], 0,
        "a label without images is still one to choose"
    );
    assert_eq!(shards["images"], 9);

    // Labels and templates given by hand, on a single shard and on all.
    let names = sets.write(
        "names.json",
        r#"["blue square", "green square", "red square", "yellow square"]"#,
    );
    let by_number = r#"{"0": "blue square", "1": "green square", "2": "red square", "3": "yellow square"}"#;
    let numbers = sets.write("numbers.json", by_number);
    let templates = sets.write("templates.txt", "a {}\na drawing of a {}.\n");
    for names in [&names, &numbers] {
        let given = figures(&[
            &sets.path("shards/test"),
            "--names",
            names,
            "--templates",
            &templates,
        ]);
        assert_eq!(rates(&given), rates(&shards));
    }
    let first = figures(&[&sets.path("shards/test/0.tar")]);
    assert_eq!(
        (&first["images"], &first["templates"]),
        (&json!(6), &shards["templates"])
    );
    let one = figures(&[&sets.path("shards"), "--template", "a {}"]);
    assert_eq!(one["templates"], json!(["a {}"]));
}

#[test]
fn published_templates_go_by_their_name_or_the_data_sets() {
    let sets = Sets::new();
    let named = figures(&[&sets.path("folders"), "--templates", "imagenet-80"]);
    let eighty: Vec<_> = named["templates"].as_array().unwrap().iter().collect();
    let page =
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("www/app/labels/template-lists.js");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, page) = page.split_once("ALL_80").unwrap();
    let of_page: Vec<Value> = page
        .lines()
        .filter_map(|line| serde_json::from_str(line.trim().strip_suffix(',')?).ok())
        .collect();
    assert_eq!(
        eighty,
        of_page.iter().collect::<Vec<_>>(),
        "the page has the same"
    );

    std::fs::rename(sets.path("folders"), sets.path("my-pets")).unwrap();
    let pets = sets.path("my-pets");
    let own = json!(["a photo of a {}, a type of pet."]);
    assert_eq!(figures(&[&pets])["templates"], own);
    assert_eq!(
        figures(&[&pets, "--template", "a {}"])["templates"],
        json!(["a {}"])
    );
    assert!(failure(&[&pets, "--templates", "imagenet-81"], 1).contains("imagenet-81"));
}

#[test]
fn several_data_sets_make_a_table() {
    let sets = Sets::new();
    let (folders, shards) = (sets.path("folders"), sets.path("shards"));
    let together = figures(&[&folders, &shards]);
    for (figures, path) in together.as_array().unwrap().iter().zip([&folders, &shards]) {
        assert_eq!(*figures, self::figures(&[path]), "each as it is alone");
    }
    let csv = answer(&[&folders, &shards, "--format", "csv"]);
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "dataset,images,top1,top5,mean_per_class,unreadable");
    assert!(
        lines[1].starts_with("folders,9,") && lines[2].starts_with("shards,9,"),
        "{csv}"
    );
    let table = answer(&[&folders, &shards]);
    let words: Vec<_> = table.lines().nth(2).unwrap().split_whitespace().collect();
    assert_eq!(words[..3], ["shards", "9", "2"], "{table}");
    assert!(
        table.starts_with("dataset") && table.contains("mean per class"),
        "{table}"
    );
    assert_eq!(
        answer(&[&folders, &shards, "--format", "jsonl"]).lines().count(),
        2
    );
}

#[test]
fn a_tar_that_is_no_data_set_is_refused() {
    let sets = Sets::new();
    let png = image(0, 0);
    let path = sets.folder.path().join("bad/bad.tar");
    let bad = path.display().to_string();
    tar(&path, &[("a.png", &png), ("a.cls", b"0"), ("b.png", &png)]);
    assert!(failure(&[&bad], 2).contains("b.png has no .cls"));
    tar(&path, &[("a.png", &png), ("a.cls", b"cat")]);
    assert!(failure(&[&bad], 2).contains("\"cat\" is not the number of a class"));
    tar(&path, &[("a.png", &png), ("a.cls", b"99999999999")]);
    assert!(failure(&[&bad], 2).contains("is not the number of a class"));
    tar(&path, &[("a.png", &png), ("a.cls", b"2")]);
    assert!(failure(&[&bad], 2).contains("its classes are numbers"));
    let two = sets.write("two.txt", "cat\ndog\n");
    assert!(failure(&[&bad, "--names", &two], 2).contains("2 labels but there are 3 classes"));
    tar(&path, &[("a.png", &png)]);
    assert!(failure(&[&bad], 2).contains("no class folders"));
    std::fs::write(&path, [0x1f, 0x8b, 8, 0]).unwrap();
    assert!(failure(&[&bad], 2).contains("compressed"));
    let whole = std::fs::read(sets.path("folders.tar")).unwrap();
    std::fs::write(&path, &whole[..700]).unwrap();
    assert!(failure(&[&bad], 2).contains("cut short at root/blue square/0.v1.png"));

    let empty = sets.write("empty.txt", "\n");
    assert!(failure(&[&sets.path("folders"), "--templates", &empty], 2).contains("no template"));
    let placeless = sets.write("placeless.txt", "a photo\n");
    assert!(failure(&[&sets.path("folders"), "--templates", &placeless], 2).contains("placeless.txt"));
}

#[test]
fn a_damaged_image_is_counted_as_unreadable() {
    let sets = Sets::new();
    let path = sets.folder.path().join("folders.tar");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1024 - 512;
    bytes[last..].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let damaged = figures(&[&sets.path("folders.tar")]);
    assert_eq!(
        (&damaged["images"], &damaged["unreadable"]),
        (&json!(8), &json!(1))
    );
}

/// Standard error of a run that must succeed.
fn messages(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    said
}

#[test]
fn images_in_folders_within_a_class_count_in_folders_and_archives_alike() {
    let sets = Sets::new();
    let (red, blue) = (image(2, 0), image(0, 1));
    let files = [
        ("set/red/1.png", &red[..]),
        ("set/red/deep/er/2.png", &red),
        ("set/blue/3.png", &blue),
        ("set/cover.png", &blue),
    ];
    tar(&sets.folder.path().join("nested.tar"), &files);
    let zip = std::fs::File::create(sets.folder.path().join("nested.zip")).unwrap();
    let mut zip = zip::ZipWriter::new(zip);
    for (name, bytes) in &files {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(*name, options).unwrap();
        std::io::Write::write_all(&mut zip, bytes).unwrap();
        let path = sets
            .folder
            .path()
            .join("nested")
            .join(name.trim_start_matches("set/"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    zip.finish().unwrap();
    let of = |name: &str| figures(&[&sets.path(name)])["per_class"].clone();
    let expected = of("nested");
    assert_eq!(
        (&expected[0]["class"], &expected[0]["images"]),
        (&json!("blue"), &json!(1))
    );
    assert_eq!(
        (&expected[1]["class"], &expected[1]["images"]),
        (&json!("red"), &json!(2))
    );
    for archive in ["nested.tar", "nested.zip"] {
        assert_eq!(of(archive), expected, "{archive}");
        let said = messages(&[&sets.path(archive)]);
        assert!(said.contains("in no class folder: 1 files"), "{archive}: {said}");
    }
}

#[test]
fn labels_that_are_repeated_or_cut_off_are_warned_about() {
    let sets = Sets::new();
    let long = "very ".repeat(90);
    let names = sets.write("names.json", &json!(["Cat", "cat ", long]).to_string());
    let said = messages(&[&sets.path("folders"), "--names", &names]);
    assert!(
        said.contains("the classes blue square and green square have the same label"),
        "{said}"
    );
    assert!(said.contains("its end is cut off"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_listed_counts_as_an_image_that_cannot_be_read() {
    let sets = Sets::new();
    // A path that is longer than the system takes, put together of two that are shorter.
    let chain = |start: PathBuf| (0..10).fold(start, |path, _| path.join("d".repeat(250)));
    let (upper, lower) = (
        chain(sets.folder.path().join("folders/red square")),
        sets.folder.path().join("lower"),
    );
    std::fs::create_dir_all(&upper).unwrap();
    std::fs::create_dir_all(chain(lower.clone())).unwrap();
    std::fs::rename(lower, upper.join("lower")).unwrap();
    let output = run(&[&sets.path("folders"), "--format", "json"]);
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&figures["images"], &figures["unreadable"]),
        (&json!(9), &json!(1))
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("name too long"));
}
