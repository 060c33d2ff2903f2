//! Requests of many clients in one process: shared batches, cached labels, a full queue, clients that
//! leave, and the end. Figures are the server's own, from `/metrics`.

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::command::Process;
use super::support::*;

fn frame(color: [u8; 3], labels: &str) -> Value {
    let frame = json!({"columns": ["image", "text"], "data": [[base64(&disc(color)), labels]]});
    json!({ "input_data": frame })
}

const RUN: &str = r#"cliplet_batch_items_count{tower="image"}"#;
const TAKEN: &str = r#"cliplet_queue_places_taken{tower="image"}"#;
const WAITING: &str = r#"cliplet_queue_depth{tower="image"}"#;

/// A call whose image waits in the queue for its batch.
async fn waiting(process: &Process) -> JoinHandle<reqwest::Result<reqwest::Response>> {
    let server = &process.running;
    let call = server.client.post(server.url("/score"));
    let call = tokio::spawn(call.json(&frame(RED, "")).send());
    process.until(WAITING, 1.0).await;
    call
}

#[tokio::test]
async fn the_queues_have_their_figures_before_the_first_request() {
    let process = Process::start(&[]);
    let metrics = process.running.get("/metrics").await.body;
    let lines: Vec<_> = metrics.as_str().unwrap().lines().collect();
    for tower in ["image", "text"] {
        let depth = format!("cliplet_queue_depth{{tower=\"{tower}\"}} 0");
        assert!(lines.contains(&depth.as_str()), "{lines:#?}");
    }
}

#[tokio::test]
async fn requests_that_come_together_share_a_batch() {
    let process = Process::start(&["--batch-images", "3", "--batch-wait-ms", "20000"]);
    let server = &process.running;
    let (red, blue) = (frame(RED, ""), frame(BLUE, ""));
    let answers = tokio::join!(
        server.answer("/score", &red),
        server.answer("/score", &blue),
        server.answer("/score", &red)
    );
    assert_close(
        &numbers(&answers.0[0]["image_features"]),
        &image_embedding(&disc(RED)),
    );
    assert_close(
        &numbers(&answers.1[0]["image_features"]),
        &image_embedding(&disc(BLUE)),
    );
    assert_eq!(answers.0, answers.2);
    assert_eq!(process.metric(RUN).await, 1.0);
    assert_eq!(process.metric(r#"cliplet_items_total{tower="image"}"#).await, 3.0);
}

#[tokio::test]
async fn a_label_set_is_embedded_once() {
    let process = Process::start(&[]);
    let texts = r#"cliplet_items_total{tower="text"}"#;
    for color in [RED, BLUE, RED] {
        process
            .running
            .answer("/score", &frame(color, "red circle, blue circle, cat"))
            .await;
    }
    assert_eq!(process.metric(texts).await, 3.0);
    assert_eq!(
        process.metric(r#"cliplet_label_sets_total{cache="hit"}"#).await,
        2.0
    );
    process
        .running
        .answer("/score", &frame(RED, "red circle, dog"))
        .await;
    assert_eq!(process.metric(texts).await, 5.0);
}

#[tokio::test]
async fn a_full_queue_answers_429_and_a_time_to_come_back() {
    let process = Process::start(&["--queue-images", "1", "--batch-wait-ms", "3000"]);
    let request = frame(RED, "");
    let waiting = async { process.running.post("/score", &request).await };
    let refused = async {
        process.until(TAKEN, 1.0).await;
        process.running.post("/score", &request).await
    };
    let (waiting, refused) = tokio::join!(waiting, refused);
    assert_eq!((waiting.status, refused.status), (200, 429), "{refused:?}");
    assert!(refused.retry_after() >= 1, "{refused:?}");
    assert_eq!(process.metric(TAKEN).await, 0.0);
    assert_eq!(process.running.post("/score", &request).await.status, 200);
}

#[tokio::test]
async fn a_client_that_leaves_leaves_the_queue() {
    let process = Process::start(&["--batch-wait-ms", "50000"]);
    let call = waiting(&process).await;
    call.abort();
    process.until(WAITING, 0.0).await;
    process.until(TAKEN, 0.0).await;
    assert_eq!(
        process
            .metric(r#"cliplet_queue_cancelled_total{tower="image"}"#)
            .await,
        1.0
    );
    assert_eq!(process.metric(RUN).await, 0.0, "it was never run");
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_it_accepted() {
    let process = Process::start(&["--batch-wait-ms", "3000"]);
    let server = &process.running;
    let call = waiting(&process).await;
    process.terminate();
    let answer: Value = call.await.unwrap().unwrap().json().await.unwrap();
    assert_close(
        &numbers(&answer[0]["image_features"]),
        &image_embedding(&disc(RED)),
    );
    let (url, client) = (server.url("/healthz"), server.client.clone());
    let (code, log) = process.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(client.get(url).send().await.is_err());
}
