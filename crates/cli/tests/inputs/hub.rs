//! Models by their id on the Hub, which here is a server on loopback.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::*;

/// A Hub that has one model, `test/tiny`.
fn hub() -> WebServer {
    WebServer::start(|request| {
        let folder = root().join("tests/parity/tiny");
        if request.path.starts_with("/api/models/test/tiny") {
            let files = [
                "config.json",
                "model.safetensors",
                "preprocessor_config.json",
                "tokenizer.json",
            ];
            let siblings = files.map(|file| serde_json::json!({ "rfilename": file }));
            let info = serde_json::json!({ "sha": "0123abc", "siblings": siblings });
            return Reply::ok(info.to_string().into_bytes());
        }
        let file = request.path.strip_prefix("/test/tiny/resolve/main/");
        match file.map(|file| std::fs::read(folder.join(file))) {
            Some(Ok(bytes)) => part(bytes, request),
            _ => Reply {
                status: "404 Not Found",
                headers: String::new(),
                body: vec![],
            },
        }
    })
}

/// The part of a file that a request asks for.
fn part(bytes: Vec<u8>, request: &Request) -> Reply {
    let range = request.headers["range"].trim_start_matches("bytes=").to_string();
    let (start, end) = range.split_once('-').unwrap();
    let start: usize = start.parse().unwrap();
    let end = end.parse().unwrap_or(bytes.len() - 1).min(bytes.len() - 1);
    let total = bytes.len();
    Reply {
        status: "206 Partial Content",
        headers: format!(
            "content-range: bytes {start}-{end}/{total}\r\nx-repo-commit: 0123abc\r\netag: \"{total:x}\"\r\n"
        ),
        body: bytes[start..=end].to_vec(),
    }
}

/// Runs the command with `address` as the Hub and its cache in `home`.
fn run_at(address: &str, home: &Path, arguments: &[&str]) -> Output {
    let mut command = cliplet(arguments);
    command.env("HF_ENDPOINT", address).env("HF_HOME", home);
    command.output().unwrap()
}

#[test]
fn a_model_of_the_hub_is_downloaded_once() {
    let (hub, home) = (hub(), tempfile::tempdir().unwrap());
    let info = ["info", "--format", "json", "--model", "test/tiny"];
    let first = run_at(&hub.address, home.path(), &info);
    assert_eq!(first.status.code(), Some(0), "{}", messages(&first));
    let said = messages(&first);
    assert!(
        said.contains("downloading test/tiny") && said.contains(home.path().to_str().unwrap()),
        "{said}"
    );
    let properties: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(properties["quantization"], "f32");

    // Nobody listens any more where the Hub was.
    let second = run_at("http://127.0.0.1:9", home.path(), &info);
    assert_eq!(second.status.code(), Some(0), "{}", messages(&second));
    assert_eq!(second.stdout, first.stdout);
    assert!(!messages(&second).contains("downloading"));

    let file = home.path().join("tiny.gguf");
    let convert = ["convert", "test/tiny", "-o", file.to_str().unwrap()];
    let converted = run_at("http://127.0.0.1:9", home.path(), &convert);
    assert_eq!(converted.status.code(), Some(0), "{}", messages(&converted));
    assert!(file.exists());
}

#[test]
fn a_model_that_the_hub_does_not_give_is_named() {
    let (hub, home) = (hub(), tempfile::tempdir().unwrap());
    let missing = run_at(&hub.address, home.path(), &["info", "--model", "test/none"]);
    assert_eq!(missing.status.code(), Some(1));
    let said = messages(&missing);
    assert!(said.contains("test/none") && said.contains("the Hub"), "{said}");
    let offline = run_at(
        "http://127.0.0.1:9",
        home.path(),
        &["info", "--model", "test/tiny"],
    );
    assert_eq!(offline.status.code(), Some(1));
    assert!(messages(&offline).contains("test/tiny"), "{}", messages(&offline));
}
