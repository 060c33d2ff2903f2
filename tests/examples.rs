//! The programs in `examples/`, run as a user would.
#![cfg(not(target_family = "wasm"))]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The built example: cargo builds examples before tests, into a folder beside theirs.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples").join(name)
}

fn output(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(example(name))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn classify_names_the_best_label() {
    let answer = output(
        "classify",
        &["red circle, blue square", "docs/circle.png", "Cargo.toml"],
    );
    assert!(answer.contains("docs/circle.png: red circle"), "{answer}");
    assert!(!answer.contains("Cargo.toml"), "{answer}");
}

#[test]
fn search_puts_the_fitting_image_first() {
    let answer = output("search", &["a red circle", "docs"]);
    assert!(answer.lines().next().unwrap().contains("circle.png"), "{answer}");
}

#[test]
fn batch_embed_gives_each_image_a_line() {
    let answer = output("batch_embed", &["docs/circle.png", "missing.png"]);
    let lines: Vec<serde_json::Value> = answer
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let values = lines[0]["embedding"].as_array().unwrap();
    let length: f64 = values.iter().map(|x| x.as_f64().unwrap().powi(2)).sum();
    assert!((length - 1.0).abs() < 1e-4);
    assert!(lines[1]["error"].as_str().unwrap().contains("missing.png"));
}
