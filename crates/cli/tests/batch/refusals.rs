//! Requests that cannot be fulfilled are refused before any work.

use crate::support::*;

#[test]
fn misuse_is_told_in_a_sentence() {
    let folder = Folder::with(1);
    let rows = folder.write("rows.csv", "image\n0.png\n");
    let partial = folder.write("rest.csv.partial", "image\n0.png\n");
    let table = folder.write("table.csv", "photo,caption\n0.png,x\n");
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
                &partial,
                "--from",
                "csv",
                "-o",
                &folder.path("rest.csv"),
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
        (&[&table], "there are photo, caption"),
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
fn an_input_that_ends_in_the_middle_of_a_row_is_an_error_after_its_rows() {
    let folder = Folder::with(2);
    let root = folder.path("");
    for (name, text, reason) in [
        (
            "quote.csv",
            "image\n0.png\n\"1.png\n2.png\n",
            "a quotation mark is never closed",
        ),
        (
            "field.csv",
            "image,id\n0.png,a\n1.p",
            "it has 1 fields; the header has 2",
        ),
        (
            "rows.jsonl",
            "{\"image\": \"0.png\"}\n{\"image\": \"1.p",
            "EOF while parsing a string",
        ),
        (
            "utf8.jsonl",
            "{\"image\": \"0.png\"}\n{\"image\": \"\u{e9}",
            "EOF while parsing a string",
        ),
    ] {
        let rows = folder.write(name, text);
        let output = run(&[&rows, "--root", &root, "--batch-size", "1"]);
        let message = said(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {message}");
        assert!(
            message.contains(name) && message.contains("in the middle of row 1") && message.contains(reason),
            "{name}: {message}"
        );
        let answers = lines(std::str::from_utf8(&output.stdout).unwrap());
        assert_eq!(answers.len(), 1, "{name}");
        assert!(answers[0]["image_features"].is_array(), "{name}");
    }
    // The last row may lack its line break, but nothing else.
    let rows = folder.write("whole.csv", "image,id\n0.png,a\n1.png,b");
    assert_eq!(answers(&[&rows, "--root", &root]).len(), 2);
    let header = folder.write("header.csv", "image,\"te");
    assert!(failure(&[&header], 1).contains("in the middle of its header"));
}

#[test]
fn an_input_that_was_cut_short_goes_on_where_it_was() {
    let folder = Folder::with(2);
    let (root, output) = (folder.path(""), folder.path("out.jsonl"));
    let whole = "image,id\n0.png,a\n1.png,b\n";
    let rows = folder.write("rows.csv", &whole[..whole.len() - 5]);
    let call = [&rows[..], "--root", &root, "-o", &output];
    assert!(failure(&call, 1).contains("complete it and give the command again"));
    folder.write("rows.csv", whole);
    let done = run(&call);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert!(
        said(&done).contains("1 of them by an earlier run"),
        "{}",
        said(&done)
    );
    assert_eq!(lines(&folder.read("out.jsonl")).len(), 2);
}
