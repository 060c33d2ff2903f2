//! Parquet in and out.

use std::fs::File;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::Field;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;

use crate::support::*;

/// Writes rows of an optional 64-bit id and optional byte columns under `schema`, whose first column is
/// the id; `levels` is the definition level of a value that is there, for each byte column.
fn write(path: &str, schema: &str, rows: &[(i64, &[Option<Vec<u8>>])], levels: &[i16]) {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer =
        SerializedFileWriter::new(File::create(path).unwrap(), schema, Default::default()).unwrap();
    let half = rows.len().div_ceil(2);
    for rows in rows.chunks(half) {
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
        column.typed::<Int64Type>().write_batch(&ids, None, None).unwrap();
        column.close().unwrap();
        for (i, level) in levels.iter().enumerate() {
            let mut column = group.next_column().unwrap().unwrap();
            let defined: Vec<i16> = rows
                .iter()
                .map(|row| match (&row.1[i], row.1.iter().any(Option::is_some)) {
                    (Some(_), _) => *level,
                    // The structure is there, this part of it is not.
                    (None, true) => level - 1,
                    (None, false) => 0,
                })
                .collect();
            let values: Vec<ByteArray> = rows
                .iter()
                .filter_map(|row| row.1[i].clone())
                .map(ByteArray::from)
                .collect();
            column
                .typed::<ByteArrayType>()
                .write_batch(&values, Some(&defined), None)
                .unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// A row as JSON.
fn json(columns: Vec<(String, Field)>) -> Value {
    let value = |field: &Field| match field {
        Field::Long(number) => Value::from(*number),
        Field::Float(number) => Value::from(*number),
        Field::Str(text) => Value::from(text.as_str()),
        Field::Null => Value::Null,
        other => panic!("{other} in an answer"),
    };
    let columns = columns.into_iter().map(|(name, field)| match &field {
        Field::ListInternal(list) => (name, list.elements().iter().map(value).collect()),
        field => (name, value(field)),
    });
    Value::Object(columns.collect())
}

fn text(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}

#[test]
fn images_as_paths_as_bytes_and_as_hugging_face_has_them() {
    let folder = Folder::with(3);
    let paths = folder.path("paths.parquet");
    write(
        &paths,
        "message rows { required int64 id; optional binary image (UTF8); optional binary text (UTF8); }",
        &[
            (5, &[text("0.png"), text(LABELS)]),
            (6, &[None, None]),
            (7, &[text("2.png"), None]),
        ],
        &[1, 1],
    );
    let bytes = folder.path("bytes.parquet");
    write(
        &bytes,
        "message rows { required int64 other; optional binary image; }",
        &[(5, &[Some(square(0))]), (6, &[None]), (7, &[Some(square(2))])],
        &[1],
    );
    let hugging_face = folder.path("hf.parquet");
    write(
        &hugging_face,
        "message rows { required int64 label; optional group image { optional binary bytes; optional binary path (UTF8); } }",
        &[
            (5, &[Some(square(0)), text("gone.png")]),
            (6, &[None, None]),
            (7, &[None, text("2.png")]),
        ],
        &[2, 2],
    );
    let root = folder.path("");
    let mut expected: Option<Vec<Value>> = None;
    for (input, labels) in [
        (&paths, &[][..]),
        (&bytes, &["--labels", LABELS]),
        (&hugging_face, &["--labels", LABELS]),
    ] {
        let answers = answers(&[&[input, "--root", &root], labels].concat());
        assert_eq!(answers.len(), 3, "{input}");
        assert!(answers[1]["error"].as_str().unwrap().contains("no image"));
        let expected = expected.get_or_insert_with(|| answers.clone());
        for row in [0, 2] {
            assert!(alike(&answers[row]["probs"], &expected[row]["probs"]), "{input}");
        }
    }
    let expected = expected.unwrap();
    assert_eq!(
        (&expected[2]["id"], &expected[2]["image"]),
        (&7.into(), &"2.png".into())
    );
    let classified = other(&[
        "classify",
        "--labels",
        LABELS,
        "--format",
        "jsonl",
        &folder.path("2.png"),
    ]);
    assert!(alike(&expected[2]["probs"], &classified[0]["probs"]));
}

#[test]
fn parquet_out_holds_what_jsonl_holds() {
    let folder = Folder::with(2);
    let rows = folder.write(
        "rows.csv",
        "id,image,text\nx,0.png,a cat\ny,none.png,\nz,,a dog\nv,1.png,\n",
    );
    let root = folder.path("");
    let output = folder.path("out.parquet");
    for task in [&["--task", "embeddings"][..], &["--labels", LABELS]] {
        let done = run(&[&[&rows, "--root", &root, "-o", &output], task].concat());
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
        let expected = answers(&[&[&rows, "--root", &root], task].concat());
        let reader = SerializedFileReader::new(File::open(&output).unwrap()).unwrap();
        let got: Vec<Value> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| json(row.unwrap().into_columns()))
            .collect();
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(&expected) {
            for field in ["row", "id", "image", "labels", "error"] {
                assert_eq!(
                    got[field],
                    *expected.get(field).unwrap_or(&Value::Null),
                    "{field}"
                );
            }
            for field in ["probs", "image_features", "text_features"] {
                match expected.get(field) {
                    Some(expected) => assert!(alike(&got[field], expected), "{field}"),
                    None => assert!(got[field].is_null(), "{field}"),
                }
            }
        }
    }
}

#[test]
fn columns_of_other_types_are_refused() {
    let folder = Folder::with(0);
    let path = folder.path("rows.parquet");
    let row: (i64, &[Option<Vec<u8>>]) = (1, &[text("x")]);
    write(
        &path,
        "message rows { required int64 image; optional binary text (UTF8); }",
        &[row],
        &[1],
    );
    assert!(failure(&[&path], 2).contains("the column image is of a type"));
    write(
        &path,
        "message rows { required int64 id; optional binary caption (UTF8); }",
        &[row],
        &[1],
    );
    assert!(failure(&[&path], 2).contains("there are id, caption"));
    folder.write("rows.parquet", "PAR1 and no more");
    assert!(failure(&[&path], 1).contains("rows.parquet"));
}

#[test]
fn a_damaged_file_is_told_and_nothing_panics() {
    let folder = Folder::with(1);
    let path = folder.path("rows.parquet");
    let rows: [(i64, &[Option<Vec<u8>>]); 2] =
        [(1, &[text("0.png"), text("a cat")]), (2, &[None, text("b")])];
    let schema =
        "message rows { required int64 id; optional binary image (UTF8); optional binary text (UTF8); }";
    write(&path, schema, &rows, &[1, 1]);
    let whole = std::fs::read(&path).unwrap();
    for i in 0..24 {
        // Spread over the pages and the footer, three bytes at a time.
        let mut damaged = whole.clone();
        let start = i * (whole.len() - 3) / 24;
        damaged[start..start + 3].fill(0xff - i as u8);
        std::fs::write(&path, damaged).unwrap();
        let output = run(&[&path, "--root", &folder.path(""), "--task", "embeddings"]);
        let message = said(&output);
        assert!(matches!(output.status.code(), Some(0..=2)), "{start}: {message}");
        assert!(!message.contains("panicked"), "{start}: {message}");
    }
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(failure(&[&path], 1).contains("rows.parquet"));
}

#[test]
fn metadata_of_billions_of_truth_values_are_refused_at_once() {
    let folder = Folder::with(0);
    let path = folder.path("rows.parquet");
    // A list of 2 to the power of 31, less one, truth values in a field that no reader knows, a thousand times.
    let list = [&[0x19, 0xf1][..], &[0xff; 4], &[7]].concat().repeat(1000);
    let metadata = [&list[..], &[0]].concat();
    let length = (metadata.len() as u32).to_le_bytes();
    std::fs::write(&path, [b"PAR1", &metadata[..], &length, b"PAR1"].concat()).unwrap();
    let start = std::time::Instant::now();
    let message = failure(&[&path], 1);
    assert!(
        message.contains("rows.parquet: ") && message.contains("malformed"),
        "{message}"
    );
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}
