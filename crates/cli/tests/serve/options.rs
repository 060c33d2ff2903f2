//! The options of `cliplet serve` that keep it safe, from the command line to the refusal.

use serde_json::{Value, json};

use super::command::Process;
use super::support::*;

fn frame(image: &str, text: &str) -> Value {
    json!({"input_data": {"columns": ["image", "text"], "data": [[image, text]]}})
}

#[tokio::test]
async fn no_image_is_fetched_without_the_option_and_none_of_this_machine_with_it() {
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
async fn the_key_is_required_however_it_was_given() {
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

/// The status of an embedding request with a key.
async fn with_key(process: &Process, key: &str) -> u16 {
    let server = &process.running;
    let call = server.client.post(server.url("/v1/embeddings")).bearer_auth(key);
    Running::send(call.json(&json!({"input": "a cat"}))).await.status
}

#[cfg(unix)]
#[tokio::test]
async fn a_hangup_reads_the_key_file_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    std::fs::write(&file, "\u{feff}ann: one\nbob: two\n").unwrap();
    let path = file.display().to_string();
    let process = Process::start(&["--api-key-file", &path]);
    assert_eq!(
        (with_key(&process, "one").await, with_key(&process, "two").await),
        (200, 200)
    );
    // A file that cannot be used changes nothing.
    for (content, one, three) in [("ann: one\nbroken\n", 200, 401), ("ann: three\n", 401, 200)] {
        std::fs::write(&file, content).unwrap();
        process.signal("-HUP");
        let mut statuses = (0, 0);
        for _ in 0..100 {
            statuses = (with_key(&process, "one").await, with_key(&process, "three").await);
            if statuses == (one, three) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(statuses, (one, three), "{content}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_hangup_does_not_end_a_server_without_a_key_file() {
    let process = Process::start(&[]);
    process.signal("-HUP");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(process.running.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn hosts_origins_and_proxies_are_those_of_the_options() {
    let arguments = [
        "--allowed-hosts",
        "clip.example",
        "--cors-origin",
        "https://app.example",
    ];
    let process = Process::start(&arguments);
    let server = &process.running;
    let status = async |name: &str, value: &str| {
        Running::send(server.client.get(server.url("/v2")).header(name, value))
            .await
            .status
    };
    assert_eq!(status("Host", "clip.example").await, 200);
    assert_eq!(status("Host", "evil.example").await, 421);
    assert_eq!(status("Origin", "https://app.example").await, 200);
    assert_eq!(status("Origin", "https://evil.example").await, 403);

    let process = Process::start(&["--log", "json", "--trusted-proxy", "127.0.0.1"]);
    let call = process.running.client.get(process.running.url("/v2"));
    let answer = Running::send(call.header("Forwarded", "for=192.0.2.7")).await;
    assert_eq!(answer.status, 200);
    process.terminate();
    assert!(process.end().1.contains(r#""client":"192.0.2.7""#));
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_without_file_descriptors_says_so_and_goes_on() {
    use std::process::Command;
    use tokio::net::TcpStream;

    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 48 && exec \"$0\" serve --port 0"]);
    limited
        .arg(env!("CARGO_BIN_EXE_cliplet"))
        .stdin(std::process::Stdio::null());
    let process = Process::start_as(&mut limited);
    let mut flood = Vec::new();
    for _ in 0..100 {
        flood.push(TcpStream::connect(process.running.address).await.unwrap());
    }
    // Idle connections make room for those that ask.
    assert_eq!(process.running.get("/healthz").await.status, 200);
    drop(flood);
    process
        .running
        .answer("/v1/embeddings", &json!({"input": "a cat"}))
        .await;
    process.terminate();
    let (code, log) = process.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("a connection could not be accepted") && !log.contains("panic"),
        "{log}"
    );
}
