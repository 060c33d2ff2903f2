//! Rows that fail carry their error, and the rest go on.

use crate::support::*;

#[test]
fn each_fault_is_told_in_its_row() {
    let folder = Folder::with(1);
    folder.write("letter.jpg", "Dear sir or madam");
    let image = folder.path("0.png");
    let rows = [
        (format!("{{\"image\": {image:?}}}"), None),
        ("{\"image\": ".into(), Some("not a row in JSON")),
        ("{\"image\": 3}".into(), Some("integer `3`, expected a string")),
        ("{\"text\": \"\"}".into(), Some("the row has no image or text")),
        (
            format!("{{\"image\": {:?}}}", folder.path("letter.jpg")),
            Some("letter.jpg: this is not an image"),
        ),
        (
            format!("{{\"image\": {:?}}}", folder.path("none.png")),
            Some("none.png: No such file"),
        ),
        (
            format!("{{\"image\": {:?}}}", folder.path("")),
            Some("this is not a file"),
        ),
        (
            "{\"image\": \"https://example.org/a.png\"}".into(),
            Some("are fetched with --allow-url-images only"),
        ),
        (
            "{\"image\": \"data:image/png;base64,@@@@\"}".into(),
            Some("Invalid symbol"),
        ),
        (
            "{\"image\": \"data:image/png,abc\"}".into(),
            Some("data URI is not in base64"),
        ),
        ("{\"image\": \"/9j/abcd\"}".into(), Some("image: damaged JPEG")),
        ("\"\\u00\"".into(), Some("not a row in JSON")),
        (format!("{{\"image\": {image:?}, \"text\": \"a cat\"}}"), None),
    ];
    let mut input: Vec<u8> = rows
        .iter()
        .flat_map(|(row, _)| format!("{row}\n").into_bytes())
        .collect();
    input.extend(b"\xff\xfe\n");
    let output = run_on(&input, &["--batch-size", "3"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let answers = lines(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!(answers.len(), rows.len() + 1);
    for (number, ((row, expected), answer)) in rows.iter().zip(&answers).enumerate() {
        assert_eq!(answer["row"], number);
        match expected {
            Some(reason) => {
                let error = answer["error"].as_str().unwrap();
                assert!(error.contains(reason), "{row}: {error}");
                assert!(answer.get("image_features").is_none());
            }
            None => assert_eq!(numbers(&answer["image_features"]).len(), 320, "{row}"),
        }
    }
    assert!(answers[rows.len()]["error"].as_str().unwrap().contains("UTF-8"));
    assert!(
        said(&output).contains("14 rows") && said(&output).contains("12 failed"),
        "{}",
        said(&output)
    );
}

#[test]
fn a_row_of_csv_with_a_field_too_many() {
    let folder = Folder::with(1);
    let input = folder.write("rows.csv", "image\n0.png\n0.png,1.png\n\"\"\n0.png\n");
    let answers = answers(&[&input, "--root", &folder.path(""), "--labels", LABELS]);
    let errors: Vec<_> = answers
        .iter()
        .map(|answer| answer["error"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(
        errors,
        [
            "",
            "the row has 2 fields; the header has 1",
            "the row has no image",
            ""
        ]
    );
}

#[test]
fn so_many_errors_and_no_more() {
    let folder = Folder::with(2);
    let rows = "0.png\nnone.png\n1.png\nnone.png\n0.png\n";
    let input = folder.write("rows.txt", rows);
    let (root, output) = (folder.path(""), folder.path("out.jsonl"));
    let call = |most: &str| {
        run(&[
            &input,
            "--from",
            "paths",
            "--root",
            &root,
            "--labels",
            LABELS,
            "--batch-size",
            "1",
            "--max-errors",
            most,
            "-o",
            &output,
        ])
    };
    let stopped = call("1");
    assert_eq!(stopped.status.code(), Some(1));
    assert!(
        said(&stopped).contains("2 rows have failed; --max-errors allows 1"),
        "{}",
        said(&stopped)
    );
    assert!(
        !folder.at("out.jsonl").exists(),
        "an output that is there is complete"
    );
    let done = call("2");
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let answers = lines(&folder.read("out.jsonl"));
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.get("error").is_some())
            .count(),
        2
    );
    assert_eq!(answers.len(), 5);
}
