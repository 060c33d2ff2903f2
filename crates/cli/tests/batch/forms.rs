//! Every kind of input and output gives the figures of `classify` and `embed`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::*;

fn classified(folder: &Folder, files: &[&str]) -> Vec<Value> {
    let paths: Vec<String> = files.iter().map(|file| folder.path(file)).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    other(&[&["classify", "--labels", LABELS, "--format", "jsonl"], &paths[..]].concat())
}

/// Rows in order, each with the probabilities that `classify` gives the file.
fn check_zero_shot(answers: &[Value], expected: &[Value]) {
    assert_eq!(answers.len(), expected.len());
    for (number, (answer, expected)) in answers.iter().zip(expected).enumerate() {
        assert_eq!(answer["row"], number);
        assert_eq!(answer["labels"], json!(LIST));
        assert!(alike(&answer["probs"], &expected["probs"]), "row {number}");
        assert!(answer.get("error").is_none() && answer.get("image_features").is_none());
    }
}

#[test]
fn csv_with_labels_in_the_first_row() {
    let folder = Folder::with(3);
    let table = "\u{feff}note,text,image,id\n\
        x,\"red square, blue square, cat\",0.png,first\n\
        y,\"not, looked at\",1.png,\"se\"\"cond\"\n\
        z,,2.png,\n";
    let input = folder.write("rows.csv", table);
    let root = folder.path("");
    let answers = answers(&[&input, "--root", &root]);
    check_zero_shot(&answers, &classified(&folder, &["0.png", "1.png", "2.png"]));
    assert_eq!(answers[0]["image"], "0.png");
    assert_eq!(answers[0]["id"], "first");
    assert_eq!(answers[1]["id"], "se\"cond");
    assert!(answers[2].get("id").is_none());
}

#[test]
fn lines_of_json_with_paths_data_uris_and_base64() {
    let folder = Folder::with(2);
    let encoded = STANDARD.encode(square(1));
    let rows = [
        json!({"image": folder.path("0.png"), "id": 7}),
        json!({"image": encoded, "more": [1]}),
        json!({"image": format!("data:image/png;base64,{encoded}")}),
        json!({"image": encoded.as_bytes().chunks(76).map(|c| std::str::from_utf8(c).unwrap()).collect::<Vec<_>>().join("\r\n")}),
    ];
    let input: String = rows.iter().map(|row| format!("{row}\n\n")).collect();
    let answers = answers_on(input.as_bytes(), &["--labels", LABELS]);
    check_zero_shot(
        &answers,
        &classified(&folder, &["0.png", "1.png", "1.png", "1.png"]),
    );
    assert_eq!(answers[0]["id"], 7);
    assert_eq!(answers[0]["image"], folder.path("0.png"));
    assert!(answers[1].get("image").is_none(), "base64 is not repeated");
}

#[test]
fn a_folder_in_the_order_of_its_names() {
    let folder = Folder::with(2);
    folder.write("images/b/1.png", square(1));
    folder.write("images/a.PNG", square(0));
    folder.write("images/c.png", square(2));
    folder.write("images/notes.txt", "no image by its name");
    let input = folder.path("images");
    let answers = answers(&[&input, "--labels", LABELS]);
    let names: Vec<_> = answers
        .iter()
        .map(|answer| answer["image"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["a.PNG", "b/1.png", "c.png"]);
    let files = ["images/a.PNG", "images/b/1.png", "images/c.png"];
    check_zero_shot(&answers, &classified(&folder, &files));
}

#[test]
fn paths_one_a_line() {
    let folder = Folder::with(2);
    let input = format!("{}\n{}\n", folder.path("1.png"), folder.path("0.png"));
    let answers = answers_on(input.as_bytes(), &["--from", "paths", "--labels", LABELS]);
    check_zero_shot(&answers, &classified(&folder, &["1.png", "0.png"]));
}

#[test]
fn embeddings_of_images_texts_and_both() {
    let folder = Folder::with(1);
    let image = folder.path("0.png");
    let rows = format!(
        "{{\"image\": {image:?}, \"text\": \"\"}}\n{{\"text\": \"a cat\"}}\n{{\"image\": {image:?}, \"text\": \"a dog, a cat\"}}\n"
    );
    for unit in [&[][..], &["--normalize"]] {
        let call = [
            &["embed", "--image", &image, "--text", "a cat", "a dog, a cat"],
            unit,
        ]
        .concat();
        let expected = &other(&call)[0];
        let answers = answers_on(rows.as_bytes(), &[&["--task", "embeddings"], unit].concat());
        let (images, texts) = (&expected["image_features"], &expected["text_features"]);
        assert!(alike(&answers[0]["image_features"], &images[0]));
        assert!(answers[0].get("text_features").is_none());
        assert!(alike(&answers[1]["text_features"], &texts[0]));
        assert!(answers[1].get("image_features").is_none());
        assert!(alike(&answers[2]["image_features"], &images[0]));
        assert!(alike(&answers[2]["text_features"], &texts[1]));
    }
}

#[test]
fn the_first_row_tells_the_task() {
    let folder = Folder::with(1);
    let image = folder.path("0.png");
    let task = |row: &str| {
        let answer = answers_on(row.as_bytes(), &[]);
        ["probs", "image_features", "text_features"]
            .into_iter()
            .filter(|field| answer[0].get(field).is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        task(&format!("{{\"image\": {image:?}, \"text\": \"a, b\"}}")),
        ["probs"]
    );
    assert_eq!(task(&format!("{{\"image\": {image:?}}}")), ["image_features"]);
    assert_eq!(task("{\"text\": \"a, b\"}"), ["text_features"]);
}

#[test]
fn only_the_best_labels_where_so_many_are_asked_for() {
    let folder = Folder::with(1);
    let image = folder.path("0.png");
    let row = format!("{image}\n");
    let asked = [
        "--labels",
        LABELS,
        "--top-k",
        "2",
        "--template",
        "a {}",
        "--template",
        "{}",
    ];
    let answer = &answers_on(row.as_bytes(), &[&["--from", "paths"], &asked[..]].concat())[0];
    let expected = &other(&[&["classify"], &asked[..], &["--format", "jsonl", &image]].concat())[0];
    assert_eq!(answer["labels"], expected["labels"]);
    assert_eq!(answer["labels"].as_array().unwrap().len(), 2);
    assert!(alike(&answer["probs"], &expected["probs"]));
}

#[test]
fn csv_and_jsonl_files_hold_the_same_answers() {
    let folder = Folder::with(3);
    let rows = folder.write("rows.csv", "id,image\na,0.png\n\"b, c\",none.png\nd,2.png\n");
    let root = folder.path("");
    let (jsonl, csv) = (folder.path("out.jsonl"), folder.path("out.csv"));
    for output in [&jsonl, &csv] {
        let done = run(&[&rows, "--root", &root, "--labels", LABELS, "-o", output]);
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
        assert!(done.stdout.is_empty());
    }
    let streamed = run(&[&rows, "--root", &root, "--labels", LABELS, "--to", "csv"]);
    assert_eq!(folder.read("out.csv").as_bytes(), streamed.stdout);

    let lines = lines(&folder.read("out.jsonl"));
    let mut reader = csv::Reader::from_path(csv).unwrap();
    let header: Vec<String> = reader.headers().unwrap().iter().map(String::from).collect();
    let mut count = 0;
    for (record, line) in reader.records().zip(&lines) {
        count += 1;
        for (name, field) in header.iter().zip(record.unwrap().iter()) {
            let expected = line.get(name).map_or(String::new(), |value| {
                value.as_str().map_or_else(|| value.to_string(), String::from)
            });
            assert_eq!(field, expected, "{name}");
        }
    }
    assert_eq!((count, lines.len()), (3, 3));
    assert!(lines[1]["error"].as_str().unwrap().contains("none.png"));
    let left: Vec<_> = std::fs::read_dir(folder.root()).unwrap().flatten().collect();
    let names: Vec<_> = left
        .iter()
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert!(
        !names
            .iter()
            .any(|name| name.contains("partial") || name.contains("writing")),
        "{names:?}"
    );
}

#[test]
fn nothing_in_is_nothing_out() {
    let folder = Folder::with(0);
    assert!(answers(&[]).is_empty());
    let input = folder.write("rows.csv", "image,text\n");
    let output = folder.path("out.jsonl");
    assert!(run(&[&input, "-o", &output]).status.success());
    assert_eq!(folder.read("out.jsonl"), "");
}
