//! The options of `cliplet serve` that keep it safe, from the command line to what is refused.

use serde_json::{Value, json};

use super::command::Process;
use super::support::*;

fn frame(image: &str, text: &str) -> Value {
    json!({"input_data": {"columns": ["image", "text"], "data": [[image, text]]}})
}

#[tokio::test]
async fn no_picture_is_fetched_without_the_option_and_none_of_this_machine_with_it() {
    for (arguments, status, wanted) in [
        (&[][..], 400, "--allow-url-images"),
        (&["--allow-url-images"], 422, "public address"),
    ] {
        let process = Process::start(arguments);
        let own = process.running.url("/healthz");
        let answer = process.running.post("/score", &frame(&own, "a, b")).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.message().contains(wanted), "{answer:?}");
    }
}

#[tokio::test]
async fn the_key_is_wanted_however_it_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "sesame\nnot the key\n").unwrap();
    let file = file.display().to_string();
    for arguments in [["--api-key", "sesame"], ["--api-key-file", &file]] {
        let process = Process::start(&arguments);
        let server = &process.running;
        let with = async |key: &str| {
            let call = server.client.post(server.url("/v1/embeddings")).bearer_auth(key);
            Running::send(call.json(&json!({"input": "a cat"}))).await.status
        };
        let without = server.post("/v1/embeddings", &json!({"input": "a cat"})).await;
        assert_eq!(without.status, 401, "{arguments:?}");
        assert_eq!(with("not the key").await, 401, "{arguments:?}");
        assert_eq!(with("sesame").await, 200, "{arguments:?}");
    }
}

#[tokio::test]
async fn limits_are_those_of_the_options() {
    let process = Process::start(&[
        "--max-body-mb",
        "1",
        "--max-rows",
        "2",
        "--max-labels",
        "3",
        "--max-megapixels",
        "1",
    ]);
    let server = &process.running;
    let red = base64(&disc(RED));
    let mut large = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(1001, 1000)
        .write_to(&mut large, image::ImageFormat::Png)
        .unwrap();
    let large = base64(&large.into_inner());
    for (path, body, status, wanted) in [
        ("/score", frame(&"A".repeat(1 << 20), ""), 413, "--max-body-mb"),
        (
            "/v1/embeddings",
            json!({"input": ["a", "b", "c"]}),
            422,
            "limit of 2",
        ),
        ("/score", frame(&red, "a, b, c, d"), 422, "limit of 3"),
        ("/score", frame(&large, ""), 422, "1001x1000 pixels"),
    ] {
        let answer = server.post(path, &body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.message().contains(wanted), "{answer:?}");
    }
    server.answer("/score", &frame(&red, "a, b, c")).await;
}
