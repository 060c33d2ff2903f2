//! The `cliplet` command as a shell sees it: answers in every format, exit codes, and messages that
//! name the file.
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const RED: [u8; 3] = [225, 20, 20];
const BLUE: [u8; 3] = [20, 40, 225];

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cliplet"));
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(arguments);
    command.output().unwrap()
}

/// Standard output of a call that must succeed.
fn answer(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&answer(arguments)).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Standard error of a call that must fail with `code` and without a panic.
fn failure(arguments: &[&str], code: i32) -> String {
    let output = run(arguments);
    let message = said(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
    assert!(!message.contains("panicked"), "{message}");
    message
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|number| number.as_f64().unwrap()).collect()
}

/// A folder of drawn images: a red disc, a blue square, and a letter that calls itself an image.
struct Images(TempDir);

impl Images {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        disc(RED).save(folder.path().join("circle.png")).unwrap();
        square(BLUE).save(folder.path().join("square.png")).unwrap();
        std::fs::write(folder.path().join("letter.jpg"), "Dear sir or madam").unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

fn disc(color: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(96, 96, |x, y| {
        let (dx, dy) = (f64::from(x) - 47.5, f64::from(y) - 47.5);
        Rgb(if dx * dx + dy * dy < 900.0 {
            color
        } else {
            [255; 3]
        })
    })
}

fn square(color: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(96, 96, |x, y| {
        Rgb(if (20..76).contains(&x) && (20..76).contains(&y) {
            color
        } else {
            [255; 3]
        })
    })
}

#[test]
fn classify_gives_labels_in_their_order_as_json() {
    let images = Images::new();
    let (circle, square) = (images.path("circle.png"), images.path("square.png"));
    let labels = "blue square, red circle, cat";
    let answers = json(&[
        "classify", "--labels", labels, "--format", "json", &circle, &square,
    ]);
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 2);
    for (answer, path) in answers.iter().zip([&circle, &square]) {
        assert_eq!(answer["image"], **path);
        assert_eq!(
            answer["labels"],
            serde_json::json!(["blue square", "red circle", "cat"])
        );
        let (probs, logits) = (numbers(&answer["probs"]), numbers(&answer["logits"]));
        assert!((probs.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        let softmax = |i: usize| logits[i].exp() / logits.iter().map(|x| x.exp()).sum::<f64>();
        assert!((0..3).all(|i| (probs[i] - softmax(i)).abs() < 1e-5));
    }
    assert_ne!(answers[0]["logits"], answers[1]["logits"]);
}

#[test]
fn what_is_drawn_is_what_is_answered() {
    let images = Images::new();
    for (file, best) in [("circle.png", "red circle"), ("square.png", "blue square")] {
        let labels = [
            "classify",
            "--labels",
            "blue square\nred circle",
            "--template",
            "a {}",
        ];
        let path = images.path(file);
        let answers = json(&[&labels[..], &["--top-k", "1", "--format", "json", &path]].concat());
        assert_eq!(answers[0]["labels"], serde_json::json!([best]), "{file}");
    }
}

#[test]
fn classify_has_four_formats() {
    let images = Images::new();
    let (circle, square) = (images.path("circle.png"), images.path("square.png"));
    let call = |format: &str| {
        answer(&[
            "classify",
            "--labels",
            "red, \"\"\"quoted\"\"\", blue",
            "--format",
            format,
            &circle,
            &square,
        ])
    };
    let lines = call("jsonl");
    assert_eq!(lines.lines().count(), 2);
    let list: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(serde_json::from_str::<Vec<Value>>(&call("json")).unwrap(), list);
    let table = call("table");
    assert!(table.contains("circle.png") && table.contains('%') && table.contains("blue"));
    let csv = call("csv");
    assert!(csv.lines().next().unwrap().starts_with("image,"), "{csv}");
    assert!(csv.contains("\"\"quoted\"\""), "{csv}");
}

#[test]
fn templates_make_an_ensemble() {
    let images = Images::new();
    let circle = images.path("circle.png");
    let logits = |templates: &[&str]| {
        let mut call = vec!["classify", "--labels", "red circle, cat", "--format", "json"];
        call.extend(templates.iter().flat_map(|template| ["--template", template]));
        call.push(&circle);
        numbers(&json(&call)[0]["logits"])
    };
    let (one, other, both) = (
        logits(&["a {}"]),
        logits(&["it is {}"]),
        logits(&["a {}", "it is {}"]),
    );
    assert_ne!(one, other);
    assert!(both != one && both != other);
    failure(
        &["classify", "--labels", "cat", "--template", "no place", &circle],
        2,
    );
}

#[test]
fn a_file_that_is_no_image_is_named_and_the_others_go_on() {
    let images = Images::new();
    let (letter, circle, none) = (
        images.path("letter.jpg"),
        images.path("circle.png"),
        images.path("none.png"),
    );
    let output = run(&[
        "classify",
        "--labels",
        "red, blue",
        "--format",
        "jsonl",
        &letter,
        &none,
        &circle,
    ]);
    assert_eq!(output.status.code(), Some(1));
    let message = said(&output);
    assert!(
        message.contains("letter.jpg") && message.contains("none.png"),
        "{message}"
    );
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(answers[0]["error"].as_str().unwrap().contains("letter.jpg"));
    assert!(answers[1]["error"].is_string() && answers[2]["probs"].is_array());
}

#[test]
fn embeddings_are_of_unit_length_only_when_asked() {
    let images = Images::new();
    let circle = images.path("circle.png");
    let norms = |more: &[&str]| {
        let call = [&["embed", "--image", &circle, "--text", "a cat", "a dog"], more].concat();
        let features = json(&call);
        let (images, texts) = (&features["image_features"], &features["text_features"]);
        assert_eq!(
            (images.as_array().unwrap().len(), texts.as_array().unwrap().len()),
            (1, 2)
        );
        [&images[0], &texts[0], &texts[1]].map(|x| numbers(x).iter().map(|x| x * x).sum::<f64>().sqrt())
    };
    assert!(
        norms(&["--normalize"])
            .iter()
            .all(|norm| (norm - 1.0).abs() < 1e-5)
    );
    assert!(norms(&[]).iter().all(|norm| (norm - 1.0).abs() > 1e-3));
    let csv = answer(&["embed", "--text", "a, b", "--format", "csv"]);
    assert!(csv.starts_with("\"a, b\","), "{csv}");
}

#[test]
fn a_snapshot_converts_to_a_file_that_answers_alike() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .join("tests/parity/tiny")
        .display()
        .to_string();
    let features = |model: &str| {
        numbers(&json(&["embed", "--model", model, "--text", "abc", "--normalize"])["text_features"][0])
    };
    let exact = features(&snapshot);
    let mut sizes = Vec::new();
    for (quant, least) in [("f16", 0.9999), ("q8", 0.998), ("q4", 0.95)] {
        let file = folder.path().join(format!("{quant}.gguf")).display().to_string();
        answer(&["convert", &snapshot, "-o", &file, "--quant", quant]);
        let cosine: f64 = features(&file).iter().zip(&exact).map(|(a, b)| a * b).sum();
        assert!(cosine > least, "{quant}: {cosine}");
        let info = json(&["info", "--model", &file, "--format", "json"]);
        assert_eq!(info["quantization"], quant);
        sizes.push(info["bytes"].as_u64().unwrap());
        assert_eq!(
            sizes.last().copied(),
            Some(std::fs::metadata(&file).unwrap().len())
        );
    }
    assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    assert!(answer(&["info", "--model", &snapshot]).contains("f32"));
}

/// Class folders `red` and `blue`, three images each, written through `save`.
fn classes(mut save: impl FnMut(&str, Vec<u8>)) {
    for (class, color) in [("red", RED), ("blue", BLUE)] {
        for i in 0..3 {
            let mut bytes = std::io::Cursor::new(Vec::new());
            let image = if i == 1 { square(color) } else { disc(color) };
            image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
            save(&format!("{class}/{i}.png"), bytes.into_inner());
        }
    }
    save("red/letter.jpg", b"Dear sir or madam".to_vec());
}

fn class_folders(root: &Path) -> PathBuf {
    classes(|name, bytes| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    });
    root.to_path_buf()
}

#[test]
fn eval_counts_every_image_in_folders_and_zips_alike() {
    let folder = tempfile::tempdir().unwrap();
    let data = class_folders(&folder.path().join("data")).display().to_string();
    let archive = folder.path().join("data.zip");
    let mut zip = ZipWriter::new(std::fs::File::create(&archive).unwrap());
    classes(|name, bytes| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(&bytes).unwrap();
    });
    zip.finish().unwrap();
    let names = folder.path().join("names.json");
    std::fs::write(
        &names,
        r#"{"red": ["red shape", "red thing"], "blue": "blue shape"}"#,
    )
    .unwrap();
    let names = names.display().to_string();

    let call = |data: &str| {
        json(&[
            "eval",
            data,
            "--names",
            &names,
            "--template",
            "a {}",
            "--format",
            "json",
        ])
    };
    let figures = call(&data);
    assert_eq!(figures, call(&archive.display().to_string()));
    assert_eq!(
        (figures["images"].as_u64(), figures["unreadable"].as_u64()),
        (Some(6), Some(1))
    );
    assert_eq!(figures["top5"], 1.0, "there are but two classes");
    let (top1, per_class) = (
        figures["top1"].as_f64().unwrap(),
        figures["per_class"].as_array().unwrap(),
    );
    let confused: u64 = figures["confusions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["count"].as_u64().unwrap())
        .sum();
    assert!((top1 - (6 - confused) as f64 / 6.0).abs() < 1e-9);
    assert_eq!(per_class.len(), 2);
    assert_eq!(per_class[0]["label"], "blue shape");
    let table = run(&["eval", &data]);
    assert!(said(&table).contains("letter.jpg"));
    assert!(String::from_utf8_lossy(&table.stdout).contains("red"));
}

#[test]
fn eval_refuses_before_it_works() {
    let folder = tempfile::tempdir().unwrap();
    let data = class_folders(&folder.path().join("data"));
    let path = data.display().to_string();
    let names = folder.path().join("names.json").display().to_string();
    for (content, wanted) in [
        (r#"{"red": "red"}"#, "blue"),
        (r#"{"red": "a", "blue": "b", "green": "c"}"#, "green"),
        ("[", "names.json"),
    ] {
        std::fs::write(&names, content).unwrap();
        let message = failure(&["eval", &path, "--names", &names], 2);
        assert!(message.contains(wanted), "{content}: {message}");
    }
    std::fs::create_dir(data.join("green")).unwrap();
    assert!(failure(&["eval", &path], 2).contains("green"));
    failure(&["eval", &folder.path().join("none").display().to_string()], 1);

    let archive = folder.path().join("empty.zip");
    let mut zip = ZipWriter::new(std::fs::File::create(&archive).unwrap());
    zip.add_directory("root/", SimpleFileOptions::default()).unwrap();
    zip.add_directory("root/green/", SimpleFileOptions::default())
        .unwrap();
    zip.finish().unwrap();
    assert!(failure(&["eval", &archive.display().to_string()], 2).contains("green"));
}

#[test]
fn misuse_and_failure_have_codes_and_words() {
    let images = Images::new();
    let (circle, letter) = (images.path("circle.png"), images.path("letter.jpg"));
    failure(&[], 2);
    failure(&["classify", &circle], 2);
    failure(&["classify", "--labels", " , ", &circle], 2);
    failure(&["classify", "--labels", "cat", "--top-k", "0", &circle], 2);
    failure(&["embed"], 2);
    failure(
        &["convert", "no-such-directory", "-o", &images.path("out.gguf")],
        2,
    );
    assert!(failure(&["info", "--model", &letter], 1).contains("letter.jpg"));
    assert!(failure(&["info", "--model", &images.path("none.gguf")], 1).contains("none.gguf"));
    let cut = images.path("cut.gguf");
    let model = std::fs::read(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join("tests/parity/tiny-q8.gguf"),
    )
    .unwrap();
    std::fs::write(&cut, &model[..model.len() / 3]).unwrap();
    let message = failure(&["classify", "--model", &cut, "--labels", "cat", &circle], 1);
    assert!(message.contains("cut.gguf"), "{message}");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let images = Images::new();
    let circle = images.path("circle.png");
    let mut child = Command::new(env!("CARGO_BIN_EXE_cliplet"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(["classify", "--labels", "red, blue", "--format", "jsonl", &circle])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}
