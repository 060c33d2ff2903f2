//! `cliplet serve` as a process: its address, the page, the log, misuse.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::support::*;

/// `cliplet serve` on a free port.
pub fn serve_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cliplet"));
    command.args(["serve", "--port", "0"]).args(arguments);
    command
}

/// A running command. Dropping it ends the process.
pub struct Process {
    pub child: Child,
    pub running: Running,
}

impl Process {
    /// Starts `cliplet serve` in `folder` and waits for its address.
    pub fn start_in(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_as(serve_command(arguments).current_dir(folder))
    }

    /// Starts a command of [`serve_command`] and waits for its address.
    pub fn start_as(command: &mut Command) -> Self {
        Self::start_logging_to(command, Stdio::piped())
    }

    /// Starts a command of [`serve_command`] with its log in `log`, and waits for its address.
    pub fn start_logging_to(command: &mut Command, log: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("cliplet serves at http://")
            .and_then(|rest| rest.strip_suffix('/'));
        let address = address
            .unwrap_or_else(|| panic!("it said {line:?}"))
            .parse()
            .unwrap();
        let running = Running::at(address);
        Self { child, running }
    }

    pub fn start(arguments: &[&str]) -> Self {
        Self::start_in(&std::env::temp_dir(), arguments)
    }

    /// A figure of `/metrics`, 0 where it is not there yet.
    pub async fn metric(&self, name: &str) -> f64 {
        let Value::String(text) = self.running.get("/metrics").await.body else {
            panic!("the metrics are no text");
        };
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits until a figure is `wanted`.
    pub async fn until(&self, name: &str, wanted: f64) {
        for _ in 0..1000 {
            if self.metric(name).await == wanted {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{name} is {}, not {wanted}", self.metric(name).await);
    }

    /// Asks it to stop, as a service manager does.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits for its end; gives its exit code and its log.
    pub fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended cannot be ended again, which is no failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn it_listens_on_loopback_and_says_where() {
    let process = Process::start(&[]);
    assert!(process.running.address.ip().is_loopback());
    assert_eq!(process.running.get("/readyz").await.body, json!({"status": "ok"}));
}

#[tokio::test]
async fn its_numbers_are_those_of_the_command() {
    let process = Process::start(&[]);
    let embed = Command::new(env!("CARGO_BIN_EXE_cliplet"))
        .args(["embed", "--text", "a cat"])
        .output()
        .unwrap();
    let embed: Value = serde_json::from_slice(&embed.stdout).unwrap();
    let frame = json!({"columns": ["text"], "data": [["a cat"]]});
    let answer = process
        .running
        .answer("/score", &json!({ "input_data": frame }))
        .await;
    assert_eq!(
        numbers(&answer[0]["text_features"]),
        numbers(&embed["text_features"][0])
    );
}

#[tokio::test]
async fn the_page_is_served_and_nothing_outside_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dist = folder.path().join("dist");
    std::fs::create_dir_all(dist.join("cliplet")).unwrap();
    std::fs::write(dist.join("index.html"), "<!doctype html>the page").unwrap();
    std::fs::write(dist.join("cliplet/index.js"), "export {}").unwrap();
    std::fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    let process = Process::start_in(folder.path(), &[]);
    let page = process.running.get("/").await;
    assert_eq!((page.status, page.body), (200, json!("<!doctype html>the page")));
    assert_eq!(page.headers["cross-origin-opener-policy"], "same-origin");
    assert_eq!(page.headers["cross-origin-embedder-policy"], "require-corp");
    assert_eq!(page.headers["content-security-policy"], "frame-ancestors 'self'");
    assert_eq!(page.headers["x-frame-options"], "SAMEORIGIN");
    let script = process.running.get("/cliplet/index.js").await;
    assert_eq!(script.headers["content-type"], "text/javascript");
    for outside in ["/%2e%2e/secret.txt", "/..%2fsecret.txt", "/none.html"] {
        let answer = process.running.get(outside).await;
        assert!(
            answer.status >= 400 && !answer.body.to_string().contains("secret\""),
            "{outside}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_page_that_is_not_built_is_told_how() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start_in(folder.path(), &[]);
    let page = process.running.get("/").await;
    assert!(
        page.status == 200 && page.body.as_str().unwrap().contains("./build.sh dist"),
        "{page:?}"
    );
}

#[tokio::test]
async fn the_log_has_requests_by_their_id_and_no_images() {
    let process = Process::start(&["--log", "json"]);
    let red = base64(&disc(RED));
    let frame = json!({"columns": ["image", "text"], "data": [[red, "private label"]]});
    let answer = process
        .running
        .post("/score", &json!({ "input_data": frame }))
        .await;
    assert_eq!(answer.status, 200);
    let broken = json!({"columns": ["image"], "data": [["cHJpdmF0ZSBwaWN0dXJl"]]});
    assert_eq!(
        process
            .running
            .post("/score", &json!({ "input_data": broken }))
            .await
            .status,
        422
    );
    process.terminate();
    let (code, log) = process.end();
    assert_eq!(code, Some(0));
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let id = answer.headers["x-request-id"].to_str().unwrap();
    let line = lines.iter().find(|line| line["id"] == id).unwrap();
    assert_eq!(
        (&line["method"], &line["route"], &line["status"]),
        (&json!("POST"), &json!("/score"), &json!(200))
    );
    assert!(line["ms"].as_f64().unwrap() > 0.0);
    assert_eq!(line["client"], "127.0.0.1");
    for secret in [&red[..40], "private label", "cHJpdmF0"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn defaults_of_a_model_are_in_the_log_and_in_its_description() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/tiny");
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        std::fs::copy(tiny.join(file), folder.path().join(file)).unwrap();
    }
    let model = folder.path().to_str().unwrap();
    let process = Process::start(&["--log", "json", "--model", model, "--model-name", "tiny"]);
    let described = process.running.get("/v2/models/tiny").await.body;
    let warning = described["warnings"][0].as_str().unwrap().to_string();
    assert!(warning.contains("preprocessor_config.json"), "{warning}");
    process.terminate();
    let (_, log) = process.end();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(
        lines
            .into_iter()
            .any(|line| line["level"] == "WARN" && line.to_string().contains("preprocessor_config.json")),
        "{log}"
    );
}

#[tokio::test]
async fn a_debug_log_has_no_images_and_no_labels_either() {
    let process = Process::start_as(serve_command(&[]).env("RUST_LOG", "debug"));
    let secret = "cHJpdmF0ZSBwaWN0dXJl";
    for (path, body) in [
        (
            "/score",
            json!({"input_data": {"columns": ["image"], "data": [[secret]]}}),
        ),
        ("/score", json!({"input_data": secret})),
        (
            "/score",
            json!({"input_data": {"columns": [secret], "data": [["a"]]}}),
        ),
        ("/v1/embeddings", json!({"input": [{"text": "a", secret: 1}]})),
        ("/v1/embeddings", json!({"input": "a", "encoding_format": secret})),
        (
            "/v2/models/cliplet-everyday/infer",
            json!({"inputs": [{"name": secret, "datatype": secret, "shape": [1], "data": [secret]}]}),
        ),
    ] {
        let answer = process.running.post(path, &body).await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    process.terminate();
    let (_, log) = process.end();
    assert!(log.contains("DEBUG") && log.contains("invalid_request"), "{log}");
    assert!(!log.contains(secret), "{log}");
}

#[tokio::test]
async fn misuse_is_told_before_anything_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("key");
    std::fs::write(&empty, "\n").unwrap();
    let (folder, empty) = (folder.path().display().to_string(), empty.display().to_string());
    for (arguments, code, wanted) in [
        (&["--page", folder.as_str()][..], 2, "index.html"),
        (&["--template", "a photo"], 2, "a photo"),
        (&["--api-key", ""], 2, "empty"),
        (&["--api-key-file", &empty], 2, "empty"),
        (&["--api-key-file", "none"], 1, "none"),
        (&["--max-rows", "0"], 2, "max-rows"),
        (&["--host", "203.0.113.7"], 1, "203.0.113.7"),
    ] {
        let output = serve_command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(
            said.contains(wanted) && !said.contains("panicked"),
            "{arguments:?}: {said}"
        );
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_log_on_a_full_disk_fails_no_request_and_not_the_end() {
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut process = Process::start_logging_to(&mut serve_command(&[]), full.into());
    for _ in 0..20 {
        assert_eq!(
            process.running.get("/healthz").await.body,
            json!({"status": "ok"})
        );
    }
    let answer = process
        .running
        .post("/v1/embeddings", &json!({"input": "a cat"}))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    process.terminate();
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_no_request_and_not_the_end() {
    // Nothing reads the pipe, which holds a few hundred lines.
    let mut process = Process::start_as(serve_command(&[]).env("RUST_LOG", "debug"));
    for _ in 0..700 {
        assert_eq!(process.running.get("/healthz").await.status, 200);
    }
    process.terminate();
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
}
