//! Labels and templates of `classify` and `batch`: every place they come from, and the warnings about them.

use std::path::Path;
use std::process::{Command, Output};

use image::{Rgb, RgbImage};
use serde_json::{Value, json};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cliplet"))
        .args(arguments)
        .output()
        .unwrap()
}

/// A folder with one red image, `red.png`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let image = RgbImage::from_pixel(64, 64, Rgb([225, 20, 20]));
    image.save(folder.path().join("red.png")).unwrap();
    folder
}

/// The answer of `classify --format jsonl` for the image, and standard error.
fn classify(folder: &Path, more: &[&str]) -> (Value, String) {
    let image = folder.join("red.png").display().to_string();
    let mut arguments = vec!["classify", "--format", "jsonl", &image];
    arguments.extend(more);
    let output = run(&arguments);
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{more:?}: {messages}");
    (serde_json::from_slice(&output.stdout).unwrap(), messages)
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[test]
fn labels_come_from_options_and_files() {
    let folder = folder();
    let folder = folder.path();
    let lines = write(folder, "labels.txt", "salt, pepper\n\n cat \n");
    let column = write(folder, "labels.csv", "id,label\n1,\"salt, pepper\"\n2,cat\n");
    let list = write(folder, "labels.json", "[\"salt, pepper\", \"cat\"]");
    for options in [
        &["--labels", "\"salt, pepper\", cat"][..],
        &["--label", "salt, pepper", "--label", "cat"],
        &["--labels-file", &lines],
        &["--labels-file", &column],
        &["--labels-file", &list],
    ] {
        let (answer, messages) = classify(folder, options);
        assert_eq!(answer["labels"], json!(["salt, pepper", "cat"]), "{options:?}");
        assert!(answer.get("warnings").is_none(), "{answer}");
        assert!(!messages.contains("warning"), "{messages}");
    }
}

#[test]
fn labels_that_cannot_be_read_are_refused() {
    let folder = folder();
    let folder = folder.path();
    let image = folder.join("red.png").display().to_string();
    let broken = write(folder, "labels.json", "{\"a\": 1}");
    for (options, reason) in [
        (&[][..], "give --labels, --label or --labels-file"),
        (&["--labels", "\"cat, dog"], "never closed"),
        (&["--labels-file", &broken], "no JSON list of labels"),
    ] {
        let output = run(&[&["classify", &image], options].concat());
        let messages = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{options:?}: {messages}");
        assert!(messages.contains(reason), "{options:?}: {messages}");
    }
}

#[test]
fn repeated_and_truncated_labels_are_warned_about() {
    let folder = folder();
    let long = format!("a {}cat", "very ".repeat(90));
    let (answer, messages) = classify(
        folder.path(),
        &["--labels", "cat, Cat, dog, cat ", "--label", &long],
    );
    assert_eq!(answer["labels"], json!(["cat", "Cat", "dog", long]));
    let warnings: Vec<_> = answer["warnings"].as_array().unwrap().iter().collect();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for reason in ["differ in case alone", "is given twice", "its end is cut off"] {
        assert!(messages.contains(reason), "{messages}");
        assert!(warnings.iter().any(|one| one.as_str().unwrap().contains(reason)));
    }
}

#[test]
fn published_templates_go_with_classify_and_batch() {
    let folder = folder();
    let (one, _) = classify(folder.path(), &["--labels", "cat,dog"]);
    let set = ["--labels", "cat,dog", "--templates", "imagenet-7"];
    let (seven, _) = classify(folder.path(), &set);
    assert_ne!(one["logits"], seven["logits"]);
    let root = folder.path().display().to_string();
    let output = run(&[&["batch", &root][..], &set].concat());
    assert_eq!(output.status.code(), Some(0));
    let row: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (row, answer) = (
        row["probs"][0].as_f64().unwrap(),
        seven["probs"][0].as_f64().unwrap(),
    );
    assert!((row - answer).abs() < 1e-4, "{row} {answer}");
}

#[test]
fn a_folder_run_passes_over_and_counts_what_is_no_image() {
    let folder = folder();
    let within = folder.path().join("__MACOSX");
    std::fs::create_dir(&within).unwrap();
    for name in ["._red.png", "photo.heic", "notes.txt", "__MACOSX/red.png"] {
        std::fs::write(folder.path().join(name), "x").unwrap();
    }
    std::fs::copy(folder.path().join("red.png"), folder.path().join("red.qoi")).unwrap();
    let output = run(&[
        "batch",
        &folder.path().display().to_string(),
        "--labels",
        "red,blue",
    ]);
    let answers: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<_> = answers
        .iter()
        .map(|answer| answer["image"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["red.png", "red.qoi"]);
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(
        messages.contains("1 HEIC, 2 macOS metadata, 1 other files"),
        "{messages}"
    );
}

#[test]
fn texts_that_are_cut_off_are_named_by_embed() {
    let long = "very ".repeat(90);
    let output = run(&["embed", "--text", "a cat", &long]);
    assert_eq!(output.status.code(), Some(0));
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(
        messages.contains("is over 32 tokens: its end is cut off"),
        "{messages}"
    );
    let embeddings: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(embeddings["warnings"].as_array().unwrap().len(), 1);
    let short = run(&["embed", "--text", "a cat"]);
    let embeddings: Value = serde_json::from_slice(&short.stdout).unwrap();
    assert!(embeddings.get("warnings").is_none());
}

#[test]
fn published_templates_go_with_eval_and_serve_too() {
    let folder = folder();
    let class = folder.path().join("red");
    std::fs::create_dir(&class).unwrap();
    std::fs::rename(folder.path().join("red.png"), class.join("red.png")).unwrap();
    let data = folder.path().display().to_string();
    let output = run(&["eval", &data, "--templates", "imagenet-80", "--format", "json"]);
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["templates"].as_array().unwrap().len(), 80);
    // The server refuses a set that is not there before it loads the model.
    let output = run(&["serve", "--port", "0", "--templates", "imagenet-81"]);
    let messages = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(messages.contains("the sets are imagenet-80"), "{messages}");
}

#[test]
fn labels_that_are_judged_alone_have_matches_and_no_shares() {
    let folder = folder();
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/parity/models/siglip");
    let options = ["--model", model, "--labels", "a cat, a dog"];
    let (answer, _) = classify(folder.path(), &options);
    let (matches, logits) = (&answer["matches"], &answer["logits"]);
    for i in 0..2 {
        let (share, logit) = (matches[i].as_f64().unwrap(), logits[i].as_f64().unwrap());
        assert!((share - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-6, "{answer}");
    }
    assert!(answer.get("probs").is_none());
    let image = folder.path().join("red.png").display().to_string();
    let text = |format: &str| {
        let output = run(&[&["classify", "--format", format, &image], &options[..]].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(text("csv").starts_with("image,label,match,logit,error\n"));
    assert!(text("table").contains(" % match"));
}
