//! Messages say what to do next, and cannot take over a terminal.

use crate::support::*;

/// Standard error of a call that must fail with `code`.
fn failure(arguments: &[&str], code: i32) -> String {
    let output = run(arguments);
    let said = messages(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn every_message_says_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let image = folder.path().join("red.png");
    std::fs::write(&image, png([225, 20, 20])).unwrap();
    let image = image.to_str().unwrap();
    let labels = ["--labels", "red, blue"];
    for (arguments, code, advice) in [
        (
            &["batch", "nosuch"][..],
            1,
            "give a table (.csv, .tsv, .jsonl, .parquet), a folder of images",
        ),
        (
            &["batch", "https://example.org/rows.csv"],
            2,
            "curl -L https://example.org/rows.csv | cliplet batch",
        ),
        (
            &["batch", image],
            2,
            "a single image is answered by cliplet classify",
        ),
        (
            &["info", "--model", "nosuch"],
            1,
            "give a GGUF file, a snapshot folder or a hub id",
        ),
        (
            &["info", "--model", "no/such.gguf"],
            1,
            "there is no such file or folder",
        ),
        (
            &["convert", "nosuch", "-o", "x.gguf"],
            2,
            "neither a folder here nor a hub id",
        ),
        (&["classify", "-", "-", "--labels", "red"], 2, "give it once"),
        (
            &["classify", image, "--labels", "red", "--templates", "imagenet"],
            1,
            "the sets are imagenet-80, imagenet-7",
        ),
        (&["classify", image], 2, "give --labels, --label or --labels-file"),
        (
            &["info", "--model", path],
            1,
            "give the folder of a snapshot, or a GGUF file",
        ),
        (
            &["classify", "ftp://example.org/a.png", "--labels", "red"],
            1,
            "only addresses that begin with http:// or https:// are fetched",
        ),
        (&["eval", "nosuch"], 1, "give a folder of class folders"),
    ] {
        let said = failure(arguments, code);
        assert!(said.contains(advice), "{arguments:?}: {said}");
    }
    let said = failure(&[&["classify", path], &labels[..]].concat(), 1);
    assert!(
        said.contains(&format!("\"cliplet batch {path}\" answers every image in it")),
        "{said}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn names_with_control_characters_are_escaped_on_a_terminal_only() {
    let folder = tempfile::tempdir().unwrap();
    let name = "a\u{1b}[2Jb.png";
    std::fs::write(folder.path().join(name), png([225, 20, 20])).unwrap();
    std::fs::write(folder.path().join("c\u{1b}[31m.png"), "no image").unwrap();
    let program = env!("CARGO_BIN_EXE_cliplet");
    let command = format!("'{program}' classify --labels red,blue *.png");
    // `script` gives the command a terminal.
    let output = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let seen = String::from_utf8_lossy(&output.stdout);
    assert!(
        !seen.contains("\u{1b}[2J") && !seen.contains("\u{1b}[31m"),
        "{seen:?}"
    );
    assert!(
        seen.contains("a\\u{1b}[2Jb.png") && seen.contains("c\\u{1b}[31m.png"),
        "{seen:?}"
    );

    let output = cliplet(&["classify", "--labels", "red,blue", "--format", "csv", name])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains(name));
}
