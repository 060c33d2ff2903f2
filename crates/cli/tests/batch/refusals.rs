//! What cannot be done is said before anything is.

use crate::support::*;

#[test]
fn misuse_is_told_in_a_sentence() {
    let folder = Folder::with(1);
    let rows = folder.write("rows.csv", "image\n0.png\n");
    let kept = folder.write("kept.csv.partial", "image\n0.png\n");
    let table = folder.write("table.csv", "picture,caption\n0.png,x\n");
    let bad = folder.write("bad.jsonl", "{\n");
    let texts = folder.write("texts.jsonl", "{\"text\": \"a\"}\n");
    for (arguments, reason) in [
        (
            &["--to", "parquet"][..],
            "Parquet cannot be written to standard output",
        ),
        (&["--from", "parquet"], "cannot be read from standard input"),
        (&["--from", "folder"], "cannot be read from standard input"),
        (&[&rows, "-o", &rows], "would replace the input"),
        (
            &[
                &kept,
                "--from",
                "csv",
                "-o",
                &folder.path("kept.csv"),
                "--restart",
            ],
            "would replace the input",
        ),
        (&[&rows, "-o", &folder.path("")], "say --to"),
        (
            &[&rows, "--to", "csv", "-o", &folder.path("")],
            "this is a folder",
        ),
        (&[&rows, "-o", &folder.path("out.txt")], "say --to"),
        (&[&folder.path("0.png")], "say --from"),
        (&[&table], "the header has picture, caption"),
        (&[&bad], "the first row does not tell what to do"),
        (&[&texts, "--task", "zero-shot"], "give --labels"),
        (
            &[&rows, "--task", "embeddings", "--labels", "a"],
            "--labels are for",
        ),
        (&[&rows, "--labels", " , "], "there are no labels"),
        (&[&rows, "--labels", "a", "--template", "none"], "\"none\""),
        (&[&rows, "--batch-size", "0"], "0 is not in"),
        (&[&rows, "--top-k", "0"], "0 is not in"),
    ] {
        let message = failure(arguments, 2);
        assert!(message.contains(reason), "{arguments:?}: {message}");
    }
    assert!(failure(&[&folder.path("none.csv")], 1).contains("none.csv"));
    assert!(failure(&[&rows, "-o", &folder.path("no/such/out.csv")], 1).contains("out.csv.partial"));
}

#[test]
fn a_quote_that_is_never_closed_does_not_take_the_rest_unsaid() {
    let folder = Folder::with(1);
    let rows = folder.write("rows.csv", "image\n0.png\n\"0.png\n1.png\n");
    let answers = answers(&[&rows, "--root", &folder.path("")]);
    assert_eq!(answers.len(), 2);
    assert!(answers[1]["error"].as_str().unwrap().contains("No such file"));
}
