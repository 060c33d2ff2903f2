//! Tables whose columns have other names or another delimiter, and lists of paths.

use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

use crate::support::*;

/// Id and image name of each answer; an empty text where there is none.
fn named(answers: &[Value]) -> Vec<[&str; 2]> {
    let field = |answer, name| {
        Value::get(answer, name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let names = answers
        .iter()
        .map(|answer| [field(answer, "id"), field(answer, "image")]);
    names.collect()
}

/// An address and a name.
type Pair<'a> = (&'a str, &'a str);

/// A Parquet file with the columns `url` and `name`.
fn write_parquet(path: &str, rows: &[Pair]) {
    let schema = "message rows { required binary url (UTF8); required binary name (UTF8); }";
    let schema = std::sync::Arc::new(parse_message_type(schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let columns: [fn(&Pair) -> ByteArray; 2] = [|row| row.0.into(), |row| row.1.into()];
    for column in columns {
        let values: Vec<_> = rows.iter().map(column).collect();
        let mut writer = group.next_column().unwrap().unwrap();
        writer
            .typed::<ByteArrayType>()
            .write_batch(&values, None, None)
            .unwrap();
        writer.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn columns_of_every_format_may_have_other_names() {
    let folder = Folder::with(2);
    let parquet = folder.path("rows.parquet");
    write_parquet(&parquet, &[("0.png", "a"), ("1.png", "b")]);
    let csv = folder.write("rows.csv", "name;url\na;0.png\nb;1.png\n");
    let tsv = folder.write("rows.tsv", "name\turl\na\t0.png\nb\t1.png\n");
    let jsonl = folder.write(
        "rows.jsonl",
        "{\"name\": \"a\", \"url\": \"0.png\", \"image\": 5}\n{\"name\": \"b\", \"url\": \"1.png\"}\n",
    );
    let columns = ["--image-column", "url", "--id-column", "name"];
    for (input, more) in [
        (&csv, &["--delimiter", ";"][..]),
        (&tsv, &[]),
        (&tsv, &["--delimiter", "tab"]),
        (&jsonl, &[]),
        (&parquet, &[]),
    ] {
        let root = folder.path("");
        let arguments = [
            &[&input[..], "--root", &root, "--labels", LABELS],
            &columns[..],
            more,
        ]
        .concat();
        let answers = answers(&arguments);
        let expected = [["a", "0.png"], ["b", "1.png"]];
        assert_eq!(named(&answers), expected, "{input} {more:?}");
        assert!(answers.iter().all(|answer| answer["probs"].is_array()), "{input}");
    }
    let texts = folder.write("texts.csv", "caption\na cat\n");
    let answer = &answers(&[&texts, "--text-column", "caption"])[0];
    assert!(answer["text_features"].is_array());
}

#[test]
fn a_column_that_is_not_there_is_named_with_those_that_are() {
    let folder = Folder::with(1);
    let rows = folder.write("rows.csv", "image;text\n0.png;a\n");
    let plain = folder.write("plain.csv", "image,text\n0.png,a\n");
    for (arguments, reason) in [
        (
            &[&rows[..]][..],
            "another delimiter than a comma is given as --delimiter",
        ),
        (
            &[&plain, "--image-column", "url"],
            "there is no column url; there are image, text",
        ),
        (&[&plain, "--delimiter", "ab"], "give one ASCII character"),
        (&[&plain, "--delimiter", "\""], "cannot separate fields"),
        (&["--from", "jsonl", "--delimiter", ";"], "--delimiter is for CSV"),
    ] {
        let message = failure(arguments, 2);
        assert!(message.contains(reason), "{arguments:?}: {message}");
    }
}

#[test]
fn paths_may_end_with_zero_bytes() {
    let folder = Folder::with(1);
    folder.write("a\nb.png", square(1));
    let root = folder.path("");
    let options = ["--from", "paths0", "--root", &root, "--labels", LABELS];
    for input in ["0.png\0a\nb.png\0", "0.png\0a\nb.png"] {
        let answers = answers_on(input.as_bytes(), &options);
        assert_eq!(named(&answers), [["", "0.png"], ["", "a\nb.png"]]);
        assert!(answers.iter().all(|answer| answer["probs"].is_array()));
    }
}

#[cfg(unix)]
#[test]
fn paths_need_not_be_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::with(0);
    let name = std::ffi::OsStr::from_bytes(b"\xff.png");
    std::fs::write(folder.root().join(name), square(1)).unwrap();
    let root = folder.path("");
    for (format, input) in [("paths", b"\xff.png\n"), ("paths0", b"\xff.png\0")] {
        let answers = answers_on(input, &["--from", format, "--root", &root, "--labels", LABELS]);
        assert!(answers[0]["probs"].is_array(), "{format}: {}", answers[0]);
    }
}

#[test]
fn texts_and_labels_that_are_cut_off_or_repeated_are_warned_about() {
    let folder = Folder::with(1);
    let long = "very ".repeat(90);
    let texts = folder.write("texts.csv", format!("text\na cat\n{long}\n"));
    let output = run(&[&texts]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        said(&output).contains("1 texts are over 32 tokens"),
        "{}",
        said(&output)
    );
    assert!(said(&output).contains("that of row 1"), "{}", said(&output));
    let rows = folder.write(
        "rows.csv",
        format!("image,text\n0.png,\"cat, Cat, cat, {long}\"\n"),
    );
    let output = run(&[&rows, "--root", &folder.path("")]);
    for reason in ["differ in case alone", "is given twice", "its end is cut off"] {
        assert!(said(&output).contains(reason), "{}", said(&output));
    }
}
