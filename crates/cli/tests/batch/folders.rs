//! Folders: images by content where names tell nothing, and folders that cannot be listed.

use std::path::PathBuf;

use crate::support::*;

#[test]
fn images_without_an_extension_are_read_by_their_content() {
    let folder = Folder::with(0);
    folder.write("in/photo", square(1));
    folder.write("in/letter", "Dear sir or madam");
    folder.write("in/wrong.jpg", square(2));
    let output = run(&[&folder.path("in"), "--labels", LABELS]);
    let answers = lines(std::str::from_utf8(&output.stdout).unwrap());
    let names: Vec<_> = answers
        .iter()
        .map(|answer| answer["image"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["photo", "wrong.jpg"]);
    assert!(answers.iter().all(|answer| answer["probs"].is_array()));
    assert!(said(&output).contains("1 other files"), "{}", said(&output));
}

/// Makes a folder within `folder` whose path is longer than the system takes, so that it cannot be listed by whoever
/// runs the tests. It is put together of two that are shorter.
#[cfg(target_os = "linux")]
fn make_unlistable(folder: &Folder) {
    let name = "d".repeat(250);
    let chain = |start: PathBuf| (0..10).fold(start, |path, _| path.join(&name));
    let upper = chain(folder.at("in"));
    let lower = folder.at("lower");
    std::fs::create_dir_all(&upper).unwrap();
    std::fs::create_dir_all(chain(lower.clone())).unwrap();
    std::fs::rename(lower, upper.join("lower")).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_listed_costs_its_rows_alone() {
    let folder = Folder::with(0);
    folder.write("in/a.png", square(1));
    folder.write("in/z.png", square(2));
    make_unlistable(&folder);
    let output = run(&[&folder.path("in"), "--labels", LABELS]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let answers = lines(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!(answers.len(), 3);
    assert!(answers[0]["probs"].is_array() && answers[2]["probs"].is_array());
    let error = answers[1]["error"].as_str().unwrap();
    assert!(
        error.contains("name too long") && error.contains("ddd"),
        "{error}"
    );
    assert!(
        said(&output).contains("3 rows") && said(&output).contains("1 failed"),
        "{}",
        said(&output)
    );
}
