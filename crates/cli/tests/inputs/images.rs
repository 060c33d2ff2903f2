//! Images from standard input and from http(s) addresses.

use serde_json::Value;

use crate::support::*;

const LABELS: [&str; 2] = ["--labels", "red, blue"];

/// The answer of `classify --format jsonl` for one image, or its error.
fn classify(input: &[u8], image: &str) -> (i32, Value) {
    let output = run_on(
        input,
        &[&["classify", "--format", "jsonl", image], &LABELS[..]].concat(),
    );
    let code = output.status.code().unwrap();
    assert!(code < 2, "{}", messages(&output));
    (code, serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn one_image_from_a_file_from_standard_input_and_from_an_address() {
    let red = png([225, 20, 20]);
    let file = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
    std::fs::write(file.path(), &red).unwrap();
    let (code, expected) = classify(b"", file.path().to_str().unwrap());
    assert_eq!(code, 0);

    let body = red.clone();
    let server = WebServer::start(move |request| match request.path.as_str() {
        "/red.png" => Reply::ok(body.clone()),
        "/moved" => Reply {
            status: "302 Found",
            headers: "location: /red.png\r\n".into(),
            body: vec![],
        },
        _ => Reply {
            status: "404 Not Found",
            headers: String::new(),
            body: vec![],
        },
    });
    let addresses = ["red.png", "moved"].map(|path| format!("{}/{path}", server.address));
    for (input, image) in [(&red[..], "-"), (b"", &addresses[0]), (b"", &addresses[1])] {
        let (code, answer) = classify(input, image);
        assert_eq!(code, 0, "{image}: {answer}");
        assert_eq!(answer["image"], image);
        assert_eq!(answer["logits"], expected["logits"], "{image}");
    }
    let embed = run_on(&red, &["embed", "--image", "-", &addresses[0]]);
    assert_eq!(embed.status.code(), Some(0), "{}", messages(&embed));
    let embeddings: Value = serde_json::from_slice(&embed.stdout).unwrap();
    let embeddings = &embeddings["image_features"];
    assert!(embeddings[0].is_array() && embeddings[0] == embeddings[1]);
}

#[test]
fn addresses_that_give_no_image_are_named_with_the_reason() {
    let server = WebServer::start(|request| match request.path.as_str() {
        "/letter" => Reply::ok(b"Dear sir or madam".to_vec()),
        "/huge" => Reply {
            status: "200 OK",
            headers: "content-length: 200000000\r\n".into(),
            body: vec![0; 10],
        },
        "/short" => Reply {
            status: "200 OK",
            headers: "content-length: 1000\r\n".into(),
            body: vec![0; 10],
        },
        "/round" => Reply {
            status: "302 Found",
            headers: "location: /round\r\n".into(),
            body: vec![],
        },
        _ => Reply {
            status: "404 Not Found",
            headers: String::new(),
            body: vec![],
        },
    });
    for (path, reason) in [
        ("letter", "this is not an image"),
        ("huge", "over the limit of 104857600"),
        ("short", "could not be read to its end"),
        ("round", "redirects more than 10 times"),
        ("none", "answered 404"),
    ] {
        let url = format!("{}/{path}", server.address);
        let (code, answer) = classify(b"", &url);
        let error = answer["error"].as_str().unwrap();
        assert_eq!(code, 1);
        assert!(error.contains(&url) && error.contains(reason), "{path}: {error}");
    }
    // Port 9 is not listened to.
    let (code, answer) = classify(b"", "http://127.0.0.1:9/a.png");
    assert_eq!(code, 1);
    assert!(answer["error"].as_str().unwrap().contains("could not be reached"));
}

#[test]
fn rows_reach_no_host_of_this_machine() {
    let server = WebServer::start(|_| Reply::ok(png([1, 2, 3])));
    let row = format!("{{\"image\": \"{}/a.png\"}}\n", server.address);
    for (options, reason) in [
        (&[][..], "fetched with --allow-url-images only"),
        (&["--allow-url-images"], "not at a public address"),
    ] {
        let output = run_on(row.as_bytes(), &[&["batch"], &LABELS[..], options].concat());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = answer["error"].as_str().unwrap();
        assert!(
            error.contains(&server.address) && error.contains(reason),
            "{error}"
        );
    }
    assert_eq!(server.requests(), 0);
}

#[test]
fn lines_are_printed_before_the_last_image_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("red.png");
    std::fs::write(&file, png([225, 20, 20])).unwrap();
    let file = file.to_str().unwrap();
    let mut arguments = vec!["classify", "--format", "jsonl", "--labels", "red, blue"];
    arguments.extend([file; 8]);
    arguments.push("-");
    // The last image comes from standard input, which ends only after the first lines were read.
    let mut child = cliplet(&arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    for _ in 0..8 {
        let answer: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["image"], file);
    }
    drop(child.stdin.take());
    assert!(lines.next().unwrap().unwrap().contains("the file is empty"));
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
